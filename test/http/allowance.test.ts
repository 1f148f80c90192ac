/** A registry's allowance of pulls. */

import { expect, test } from 'vitest'
import { client, context, fastClock, serve } from './server.ts'

const MANIFEST = { method: 'GET', url: '/v2/app/manifests/v1', metered: true, retry: false } as const

test('waits below the reserve, saying until when, and asks by HEAD, which costs nothing', async () => {
  // Two pulls are left; after the second look the window has moved on.
  const left = [3, 2, 1, 1, 1, 50, 49]
  const server = await serve((_request, response, count) => {
    response.setHeader('ratelimit-remaining', `${left[count] ?? 0};w=21600`)
    response.end()
  })
  const clock = fastClock()
  const http = client(server, { limits: { rate_limit_reserve: 1 }, clock })
  const ctx = context()
  const began = clock.now()
  for (let pull = 0; pull < 3; pull += 1) await (await http.request(MANIFEST, ctx)).discard()
  expect(server.seen.map((request) => request.method)).toEqual(['HEAD', 'GET', 'GET', 'HEAD', 'HEAD', 'HEAD', 'GET'])
  expect(clock.now() - began).toBe(15 * 60_000)
  const waiting = ctx.events.find((event) => event.type === 'waiting')
  expect(waiting).toEqual({
    type: 'waiting',
    reason: `${server.host} has 1 pulls left, 1 are kept in reserve`,
    until: new Date(began + 21_600_000).toISOString(),
  })
})

test('what is left is known from the last answer that told it', async () => {
  const left = ['', '97;w=21600', '']
  const server = await serve((_request, response, count) => {
    if (left[count]) response.setHeader('ratelimit-remaining', left[count])
    response.end()
  })
  const http = client(server)
  const told: unknown[] = []
  for (const _ of left) {
    await (await http.request(MANIFEST, context())).discard()
    told.push(http.pullsLeft?.())
  }
  expect(told).toEqual([undefined, 97, 97])
})

test('pulls that are under way count as spent', async () => {
  const server = await serve((request, response) => {
    response.setHeader('ratelimit-remaining', request.method === 'HEAD' ? '100' : '2;w=60')
    setImmediate(() => response.end())
  })
  const http = client(server, { limits: { rate_limit_reserve: 0 } })
  const ctx = context()
  await (await http.request(MANIFEST, ctx)).discard()
  const pulls = [1, 2, 3].map(async () => (await http.request(MANIFEST, ctx)).discard())
  await Promise.all(pulls)
  expect(server.seen.filter((request) => request.method === 'HEAD')).toHaveLength(1)
})

test('rate_limit: fail gives up at once with what to do', async () => {
  const server = await serve((_request, response) => {
    response.setHeader('ratelimit-remaining', '0;w=21600')
    response.end()
  })
  const http = client(server, { limits: { rate_limit: 'fail' } })
  const ctx = context()
  await (await http.request(MANIFEST, ctx)).discard()
  await expect(http.request(MANIFEST, ctx)).rejects.toMatchObject({
    retryable: false,
    message: expect.stringContaining('0 pulls left'),
    hint: expect.stringContaining('limits.rate_limit'),
  })
  expect(server.seen).toHaveLength(1)
})

test('a reserve is kept from the first pull on: nothing is taken before it is known what is left', async () => {
  const server = await serve((_request, response) => {
    response.setHeader('ratelimit-remaining', '5;w=21600').end()
  })
  const http = client(server, { limits: { rate_limit_reserve: 5, rate_limit: 'fail' } })
  const pulls = [1, 2, 3].map(() => http.request(MANIFEST, context()).then((it) => it.discard()))
  expect((await Promise.allSettled(pulls)).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect(server.seen.map(({ method }) => method)).not.toContain('GET')
})

test('where a HEAD does not tell what is left, one pull goes before the others', async () => {
  let underWay = 0
  let most = 0
  const server = await serve((request, response, count) => {
    if (request.method === 'HEAD') return response.end()
    underWay += 1
    if (count === 1) most = Math.max(most, underWay)
    setTimeout(() => {
      most = count <= 1 ? Math.max(most, underWay) : most
      underWay -= 1
      response.setHeader('ratelimit-remaining', '100;w=60').end()
    }, 20)
    return undefined
  })
  const http = client(server, { limits: { rate_limit_reserve: 5 } })
  const pulls = [1, 2, 3, 4].map(async () => (await http.request(MANIFEST, context())).discard())
  await Promise.all(pulls)
  expect([most, server.seen.length]).toEqual([1, 5])
})

test.each([
  ['0;w=99999999999999999', undefined],
  ['0', '1e300'],
  ['0', '-5'],
  ['0;w=1', 'soon'],
])('a date that nobody can mean is no bug of ours: %s, %s', async (left, reset) => {
  const server = await serve((request, response) => {
    // Later there is more.
    response.setHeader('ratelimit-remaining', request.method === 'HEAD' ? '100;w=60' : left)
    if (reset !== undefined) response.setHeader('ratelimit-reset', reset)
    response.end()
  })
  const http = client(server)
  for (let pull = 0; pull < 2; pull += 1) await (await http.request(MANIFEST, context())).discard()
  expect(server.seen.map(({ method }) => method)).toEqual(['GET', 'HEAD', 'GET'])
})

test.each([
  ['0;w=60', 60_000],
  ['0', 5 * 60_000],
  ['0;w=99999999999999999', 86_400_000],
])(
  'where nothing more is told than %s, a single pull finds out what is left, once that is over',
  async (left, wait) => {
    const server = await serve((_request, response, count) => {
      if (count === 0) response.setHeader('ratelimit-remaining', left)
      response.end()
    })
    const clock = fastClock()
    const http = client(server, { clock })
    await (await http.request(MANIFEST, context())).discard()
    const began = clock.now()
    await (await http.request(MANIFEST, context())).discard()
    expect(clock.now() - began).toBe(wait)
    const asked = server.seen.map(({ method }) => method)
    expect([asked[0], asked.at(-1), asked.filter((method) => method === 'GET').length]).toEqual(['GET', 'GET', 2])
  },
)
