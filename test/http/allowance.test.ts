/** A registry's allowance of pulls. */

import { expect, test } from 'vitest'
import { client, context, fastClock, serve } from './server.ts'

const MANIFEST = { method: 'GET', url: '/v2/app/manifests/v1', metered: true, retry: false } as const

test('waits below the reserve, saying until when, and asks by HEAD, which costs nothing', async () => {
  // Two pulls are left; after the second look the window has moved on.
  const left = [2, 1, 1, 1, 50, 49]
  const server = await serve((_request, response, count) => {
    response.setHeader('ratelimit-remaining', `${left[count] ?? 0};w=21600`)
    response.end()
  })
  const clock = fastClock()
  const http = client(server, { limits: { rate_limit_reserve: 1 }, clock })
  const ctx = context()
  const began = clock.now()
  for (let pull = 0; pull < 3; pull += 1) await (await http.request(MANIFEST, ctx)).discard()
  expect(server.seen.map((request) => request.method)).toEqual(['GET', 'GET', 'HEAD', 'HEAD', 'HEAD', 'GET'])
  expect(clock.now() - began).toBe(15 * 60_000)
  const waiting = ctx.events.find((event) => event.type === 'waiting')
  expect(waiting).toEqual({
    type: 'waiting',
    reason: `${server.host} has 1 pulls left, 1 are kept in reserve`,
    until: new Date(began + 21_600_000).toISOString(),
  })
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
