/** What all clouds with signed APIs have in common: attempts, refusals and their words. */

import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { createPace, type Pace } from '../../adapters/pace.ts'
import { type CloudFacts, keyOf, openCloud } from '../../adapters/signed.ts'
import type { Context } from '../../src/core/context.ts'
import { CancelledError, CredentialError, RegistryError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/events.ts'
import { createHttpClient } from '../../src/http/client.ts'

interface Answer {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

const KEY = { id: 'KEY', secret: 'a-secret-that-is-nowhere' }
const REFUSED = z.looseObject({ code: z.string(), message: z.string() })

/** A cloud that signs by a counter, before a server that gives one answer after the other, the last one again and again. */
async function cloud(answers: readonly Answer[], pace?: Pace) {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    const { status, body = '', headers = {} } = answers[Math.min(seen.length, answers.length - 1)] ?? { status: 500 }
    seen.push(request)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => void server.close().closeAllConnections())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`
  let signed = 0
  const facts: CloudFacts = {
    name: 'Example Cloud',
    url,
    sign(request, key) {
      signed += 1
      return { authorization: `${key.id} ${request.method} ${request.url.pathname} ${signed}` }
    },
    refusalIn: (body) => REFUSED.safeParse(body).data,
    codes: { wrong: /^Wrong/, denied: /^Denied/, missing: /^Missing/, taken: /^Taken/, throttled: /^Slow/ },
    permission: (operation) => `allow ${operation}`,
    hints: [[/^Quota/, 'raise the quota']],
  }
  const http = createHttpClient({
    url,
    host: new URL(url).host,
    credential: async () => ({ kind: 'anonymous', origin: 'test' }),
    userAgent: 'replicate-test',
    secrets: () => {},
    random: () => 0,
  })
  onTestFinished(() => http.close())
  const events: Event[] = []
  const stop = new AbortController()
  const ctx: Context = { signal: stop.signal, emit: (event) => void events.push(event) }
  const opened = openCloud(
    facts,
    async () => KEY,
    () => http,
    pace,
  )
  const form = z.looseObject({ ok: z.boolean() })
  const call = { path: '/list?n=1', operation: 'ListThings', what: 'list the things', form }
  return { ask: () => opened.ask(call, ctx), seen, events, stop }
}

const refusal = (code: string, message = 'words'): string => JSON.stringify({ code, message })
const OK: Answer = { status: 200, body: '{"ok":true}' }

test('each attempt has a signature of its own, over the whole path', async () => {
  const { ask, seen } = await cloud([{ status: 503 }, OK])
  expect((await ask()).value).toEqual({ ok: true })
  expect(seen.map(({ headers, url }) => `${url} ${headers.authorization}`)).toEqual([
    '/prefix/list?n=1 KEY GET /prefix/list 1',
    '/prefix/list?n=1 KEY GET /prefix/list 2',
  ])
})

test.each([
  [200, 'Wrong.Key', CredentialError, {}],
  [401, '', CredentialError, {}],
  [200, 'Denied', RegistryError, { status: 403, hint: 'allow ListThings' }],
  [401, 'Denied', RegistryError, { status: 403 }],
  [403, 'Other', RegistryError, { status: 403, hint: 'allow ListThings' }],
  [400, 'Missing', RegistryError, { status: 404 }],
  [400, 'Taken', RegistryError, { status: 409 }],
  [400, 'Quota.Things', RegistryError, { status: 400, hint: 'raise the quota', retryable: false }],
  [200, 'Unknown', RegistryError, { status: 200, codes: ['Unknown'], retryable: false }],
] as const)('a %i with the code %j is told for what it is', async (status, code, kind, details) => {
  const { ask, seen } = await cloud([{ status, body: refusal(code) }])
  const error = await ask().catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(kind)
  expect(error).toMatchObject(details)
  expect(seen).toHaveLength(1)
})

test('asks again where a code says that it was asked too often, and gives up after twelve times', async () => {
  const one = await cloud([{ status: 400, body: refusal('SlowDown') }, { status: 200, body: refusal('Slow') }, OK])
  expect((await one.ask()).value).toEqual({ ok: true })
  expect(one.events.filter(({ type }) => type === 'retry')).toHaveLength(2)
  let now = 0
  const impatient = createPace({
    monotonic: () => now,
    sleep: async (milliseconds) => {
      now += milliseconds
    },
  })
  const other = await cloud([{ status: 200, body: refusal('SlowDown') }], impatient)
  await expect(other.ask()).rejects.toMatchObject({
    status: 429,
    retryable: true,
    hint: expect.stringContaining('limits'),
  })
  expect(other.seen).toHaveLength(12)
})

test('stops at once while it waits', async () => {
  const { ask, stop, events } = await cloud([{ status: 200, body: refusal('SlowDown') }])
  const asked = ask()
  await expect.poll(() => events.length, { timeout: 60_000 }).toBeGreaterThan(0)
  const reason = new CancelledError('stopped on purpose', 130)
  stop.abort(reason)
  await expect(asked).rejects.toBe(reason)
})

test('a body without a reason, one that is no JSON, and one of another form are errors that name the request', async () => {
  const bare = await cloud([{ status: 404 }])
  await expect(bare.ask()).rejects.toMatchObject({ status: 404, message: 'cannot list the things: 404' })
  for (const body of ['<html>', '[]', '{"ok":"yes"}', '']) {
    const { ask } = await cloud([{ status: 200, body }])
    await expect(ask()).rejects.toMatchObject({ code: 'registry', message: expect.stringContaining('another form') })
  }
})

test('follows no redirect, as a signature holds for one address', async () => {
  const { ask, seen } = await cloud([{ status: 307, headers: { location: '/elsewhere' } }])
  await expect(ask()).rejects.toMatchObject({ status: 307, hint: expect.stringContaining('/elsewhere') })
  expect(seen).toHaveLength(1)
})

test.each([
  [-42, '42 minutes fast'],
  [42, '42 minutes slow'],
])('a clock that is wrong by %i minutes is told with a refused key', async (minutes, words) => {
  const date = new Date(Date.now() + minutes * 60_000).toUTCString()
  const { ask } = await cloud([{ status: 401, body: refusal('Wrong'), headers: { date } }])
  await expect(ask()).rejects.toMatchObject({ hint: expect.stringContaining(words) })
})

test('words of a stranger are one short line, and the secret is in none of them', async () => {
  const message = `bad\r\n\u001b[2J${'x'.repeat(5000)}`
  const { ask } = await cloud([{ status: 400, body: refusal('Bad', message) }])
  const error = await ask().catch((caught: unknown) => caught)
  if (!(error instanceof RegistryError)) throw error
  expect(error.message).toMatch(/^[\x20-\x7e]{1,600}$/)
  expect(JSON.stringify([error.message, error.hint, error.stack, error])).not.toContain(KEY.secret)
})

test('a key is an access key, or user and password that are no login of the registry', () => {
  const origin = 'test'
  const login = /@/
  expect(keyOf({ kind: 'access_key', ...KEY, session: 's', origin }, login)).toEqual({ ...KEY, session: 's' })
  expect(keyOf({ kind: 'basic', username: KEY.id, password: KEY.secret, origin }, login)).toEqual(KEY)
  expect(keyOf({ kind: 'basic', username: 'me@1', password: 'x', origin }, login)).toBeUndefined()
  expect(keyOf({ kind: 'anonymous', origin }, login)).toBeUndefined()
})
