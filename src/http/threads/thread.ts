/** What runs in a carrier's thread: requests over sockets of its own, hashes, and bytes that pass from one to another. It knows nothing of
 *  registries. */

import { parentPort } from 'node:worker_threads'
import { errorCode, NetworkError } from '../../core/errors.ts'
import { type BlobHashing, hashBlob } from '../../core/hash.ts'
import type { AgentOptions } from '../proxy/agent.ts'
import { createPump, type Pump } from '../pump/pump.ts'
import type { Copy, Failure, FromCarrier, Hashing, HashName, Passing, Send, ToCarrier } from './messages.ts'

interface Exchange {
  readonly abort: AbortController
  /** The next chunk of the request's body, for which the socket waits. */
  pulled?: PromiseWithResolvers<Uint8Array | undefined>
  /** Set while bytes are copied to it: whether it wants more. */
  wants: PromiseWithResolvers<boolean> | undefined
  answer?: AsyncIterator<Uint8Array>
  /** What broke while bytes were copied, to be told by the next `read`. */
  failure: unknown
}

/** The other thread could not read the request's body. */
class BrokenBody extends Error {}

/** Milliseconds until the other thread hears of what was copied. */
const REPORT_MS = 100

const pumps = new Map<string, Pump>()
const exchanges = new Map<number, Exchange>()
const hashes = new Map<number, BlobHashing>()

parentPort?.on('message', (message: ToCarrier) => {
  if (message.type === 'send') void send(message)
  else if ('algorithm' in message) void hash(message)
  else pass(message)
})

async function send({ id, options, method, url, headers, silence, size }: Send): Promise<void> {
  const exchange: Exchange = { abort: new AbortController(), wants: undefined, failure: undefined }
  exchanges.set(id, exchange)
  const body = size === undefined ? undefined : { size, open: async () => pulled(id, exchange) }
  const { signal } = exchange.abort
  const request = { method, url: new URL(url), headers, body, silence, signal, done: () => {} }
  try {
    const answer = await pumpFor(options).send(request, { failure: (error) => error, redact: (text) => text })
    exchange.answer = answer.body[Symbol.asyncIterator]()
    post({ type: 'head', id, status: answer.status, headers: answer.headers })
  } catch (error) {
    fail(id, error)
  }
}

/** The request's body: each chunk is asked for when the socket has taken the one before. */
async function* pulled(id: number, exchange: Exchange): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      exchange.pulled = Promise.withResolvers()
      if (exchange.wants) exchange.wants.resolve(true)
      else post({ type: 'pull', id })
      const chunk = await exchange.pulled.promise
      if (!chunk) return
      yield chunk
    }
  } finally {
    exchange.wants?.resolve(false)
    post({ type: 'enough', id })
  }
}

function pass(message: Passing): void {
  const { id } = message
  const exchange = exchanges.get(id)
  switch (message.type) {
    case 'chunk':
      exchange?.pulled?.resolve(message.chunk)
      break
    case 'broken':
      exchange?.pulled?.reject(new BrokenBody('the body broke'))
      break
    case 'read':
      void read(id)
      break
    case 'copy':
      void copy(message)
      break
    case 'stop':
      exchange?.answer?.return?.()
      exchanges.delete(id)
      break
    case 'abort':
      exchange?.abort.abort()
      exchanges.delete(id)
      break
  }
}

async function read(id: number): Promise<void> {
  const exchange = exchanges.get(id)
  try {
    if (exchange?.failure !== undefined) throw exchange.failure
    const next = await exchange?.answer?.next()
    if (!next || next.done) exchanges.delete(id)
    post({ type: 'bytes', id, chunk: next?.value })
  } catch (error) {
    fail(id, error)
  }
}

/** Copies until the limit is reached, a report is due, or either side ends. A failure of the source is told by the next `read`. */
async function copy({ id, to, hash, limit }: Copy): Promise<void> {
  const exchange = exchanges.get(id)
  const target = exchanges.get(to)
  const until = performance.now() + REPORT_MS
  let bytes = 0
  while (exchange && exchange.failure === undefined && target?.pulled && bytes < limit && performance.now() < until) {
    try {
      const next = await exchange.answer?.next()
      if (!next || next.done) break
      if (hash) hashOf(hash).update(next.value, hash.offset + bytes)
      bytes += next.value.byteLength
      target.wants = Promise.withResolvers()
      target.pulled.resolve(next.value)
      const more = await target.wants.promise
      target.wants = undefined
      if (!more) break
    } catch (error) {
      exchange.failure = error
    }
  }
  post({ type: 'copied', id, bytes })
}

async function hash(message: Hashing): Promise<void> {
  const { type, id } = message
  if (type === 'update') hashOf(message).update(message.chunk, message.offset)
  else if (type === 'forget') hashes.delete(id)
  else post({ type, id, ...(await hashOf(message).digest()) })
}

function hashOf({ id, algorithm }: HashName): BlobHashing {
  const known = hashes.get(id) ?? hashBlob(algorithm)
  hashes.set(id, known)
  return known
}

/** One pump for each registry, so that its connections are kept. */
function pumpFor(options: AgentOptions): Pump {
  const key = JSON.stringify(options)
  const pump = pumps.get(key) ?? createPump({ ...options, shared: true })
  pumps.set(key, pump)
  return pump
}

function fail(id: number, error: unknown): void {
  exchanges.delete(id)
  post({ type: 'failed', id, failure: failureOf(error) })
}

function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof BrokenBody) return { kind: 'body', message }
  if (error instanceof NetworkError) {
    const { retryable, silent, hint } = error
    return { kind: 'network', message, retryable, silent, hint }
  }
  return { kind: 'socket', message, code: errorCode(error) }
}

function post(message: FromCarrier): void {
  parentPort?.postMessage(message)
}
