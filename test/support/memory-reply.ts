/** How the registry in memory answers: sends a reply, counts its bytes, and does the damage that a fault asks for. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Fault, Reply } from './memory-registry.ts'

/** A request that is refused: thrown by handlers, sent as the error body of the specification. */
export class Refusal extends Error {
  readonly reply: Reply
  constructor(status: number, code: string, message: string, details: RefusalDetails = {}) {
    super(message)
    const { detail = null, headers = {} } = details
    this.reply = json(status, { errors: [{ code, message, detail }] }, headers)
  }
}

export interface RefusalDetails {
  readonly detail?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: Buffer.from(`${JSON.stringify(value)}\n`),
  }
}

export function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body: Buffer.from(body) }
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Taken when the request came: a request that was cut no longer knows it. */
  readonly socket: Socket
  readonly entry: { status: number; bytesIn: number; bytesOut: number }
  readonly fault: Fault | undefined
  readonly extra: Readonly<Record<string, string>>
}

/** The connection is gone, by a fault or by the client. */
class Gone extends Error {}

/** Runs `handle` and sends what it replies. */
export async function send(exchange: Exchange, handle: (body: AsyncIterable<Buffer>) => Promise<Reply>): Promise<void> {
  const { request, response, fault } = exchange
  if (fault && 'hang' in fault) return
  if (fault && 'reset' in fault) return reset(exchange)
  try {
    const reply = fault && 'status' in fault ? scripted(fault) : await refusable(() => handle(bodyOf(exchange)))
    if (fault && 'loseAnswer' in fault) return reset(exchange)
    await write(exchange, reply)
  } catch (error) {
    if (error instanceof Gone || request.destroyed || response.destroyed) return reset(exchange)
    if (response.headersSent) return reset(exchange)
    await write(
      exchange,
      text(500, `the registry in memory has a bug: ${error instanceof Error ? error.stack : error}`),
    )
  }
}

async function refusable(handle: () => Promise<Reply>): Promise<Reply> {
  try {
    return await handle()
  } catch (error) {
    if (error instanceof Refusal) return error.reply
    throw error
  }
}

function scripted(fault: Extract<Fault, { status: number }>): Reply {
  return {
    status: fault.status,
    headers: { 'content-type': 'application/json', ...fault.headers },
    body: Buffer.from(fault.body ?? ''),
  }
}

async function* bodyOf(exchange: Exchange): AsyncIterable<Buffer> {
  const { request, entry, fault } = exchange
  const limit = fault && 'resetAfter' in fault ? fault.resetAfter : Number.POSITIVE_INFINITY
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      const room = limit - entry.bytesIn
      entry.bytesIn += Math.min(chunk.byteLength, room)
      if (chunk.byteLength < room) {
        yield chunk
        continue
      }
      if (room > 0) yield chunk.subarray(0, room)
      break
    }
  } catch (cause) {
    throw new Gone('the client went away', { cause })
  }
  if (entry.bytesIn >= limit) throw new Gone('cut by a fault')
}

async function write({ request, response, entry, fault, extra }: Exchange, reply: Reply): Promise<void> {
  const body = reply.body
  const size = body === undefined ? 0 : 'byteLength' in body ? body.byteLength : body.size
  entry.status = reply.status
  const bodyless = reply.status === 204 || reply.status === 304
  const headers = {
    'docker-distribution-api-version': 'registry/2.0',
    ...(bodyless ? {} : { 'content-length': String(size) }),
    ...extra,
    ...reply.headers,
  }
  response.writeHead(reply.status, headers)
  if (request.method === 'HEAD' || bodyless || body === undefined) {
    response.end()
    return
  }
  const limit = fault && 'truncateAfter' in fault ? fault.truncateAfter : Number.POSITIVE_INFINITY
  for await (const chunk of chunksOf(body)) {
    if (response.destroyed) throw new Gone('the client went away')
    const room = limit - entry.bytesOut
    const part = chunk.byteLength > room ? chunk.subarray(0, room) : chunk
    const bytes = fault && 'corrupt' in fault && entry.bytesOut === 0 ? corrupted(part) : part
    entry.bytesOut += bytes.byteLength
    // The cut must come after the bytes before it have left, else they may be dropped with the connection.
    if (chunk.byteLength >= room) {
      await new Promise((resolve) => response.write(bytes, resolve))
      throw new Gone('cut by a fault')
    }
    if (!response.write(bytes)) await drained(response)
  }
  response.end()
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.once('drain', done).once('close', done)
  })
}

async function* chunksOf(body: NonNullable<Reply['body']>): AsyncIterable<Uint8Array> {
  if (!('byteLength' in body)) {
    yield* body.open(0)
    return
  }
  for (let offset = 0; offset < body.byteLength; offset += 65_536) yield body.subarray(offset, offset + 65_536)
}

function corrupted(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy.fill((copy[0] ?? 0) ^ 0xff, 0, 1)
  return copy
}

function reset({ socket }: Exchange): void {
  if (!socket.destroyed) socket.resetAndDestroy()
}
