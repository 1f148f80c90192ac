/** Small HTTP servers and a client for the tests of the HTTP layer. */

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Clock } from '../../src/core/cancel.ts'
import type { Bytes } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import type { Event } from '../../src/core/events.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { SentCredential } from '../../src/core/registry.ts'
import { createHttpClient, type HttpClientOptions } from '../../src/http/client.ts'

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
}

export interface TestServer {
  readonly url: string
  readonly host: string
  readonly seen: Seen[]
}

export type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void

/** Answers with `answer`, which is told how many requests came before. Ends with the test. */
export async function serve(answer: Answer, tls?: ServerOptions): Promise<TestServer> {
  const seen: Seen[] = []
  const listener: RequestListener = (request, response) => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
    answer(request, response, seen.length - 1)
  }
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  const port = await listen(server)
  const host = `127.0.0.1:${port}`
  return { url: `${tls ? 'https' : 'http'}://${host}`, host, seen }
}

export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

export const anonymous: SentCredential = { kind: 'anonymous', origin: 'nowhere' }
export const alice: SentCredential = { kind: 'basic', username: 'alice', password: 'pa:ss/word', origin: 'the file' }

/** A client whose waiting takes no time: its clock moves on by what was slept. Ends with the test. */
export function client(
  server: { readonly url: string; readonly host: string },
  options: Partial<HttpClientOptions> & { readonly as?: SentCredential } = {},
): HttpClient {
  const { as, ...rest } = options
  const made = createHttpClient({
    url: server.url,
    host: server.host,
    credential: async () => as ?? anonymous,
    userAgent: 'replicate/test',
    secrets: () => {},
    clock: fastClock(),
    random: () => 0.5,
    ...rest,
  })
  onTestFinished(() => made.close())
  return made
}

export interface FastClock extends Clock {
  readonly slept: number[]
  /** As somebody sets the clock of a machine. */
  set(now: number): void
}

export function fastClock(): FastClock {
  const slept: number[] = []
  let now = Date.UTC(2026, 0, 1)
  let passed = 1000
  return {
    slept,
    now: () => now,
    monotonic: () => passed,
    set(to) {
      now = to
    },
    async sleep(ms, signal) {
      signal.throwIfAborted()
      slept.push(ms)
      now += ms
      passed += ms
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

export interface TestContext extends Context {
  readonly events: Event[]
}

export function context(signal: AbortSignal = new AbortController().signal): TestContext {
  const events: Event[] = []
  return { signal, events, emit: (event) => events.push(event) }
}

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

export async function read(bytes: Bytes): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of bytes) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** What `promise` was rejected with. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it succeeded')
}
