/** HTTP/1.1 on plain sockets and few buffers: half the cost of undici's streams for a byte, and nothing to load for a request. */

import { abortReason, after, throwIfAborted } from '../../core/cancel.ts'
import { bytesOf } from '../../core/content.ts'
import { NetworkError } from '../../core/errors.ts'
import type { BodySource, HttpResponse } from '../../core/http.ts'
import type { Outgoing } from '../outgoing.ts'
import { DUMP_LIMIT, responseOf } from '../response.ts'
import { readBody, readHead } from './body.ts'
import type { Connection } from './connection.ts'
import { type Head, requestHead } from './head.ts'
import { createPool, type PumpOptions } from './pool.ts'
import { Upload } from './upload.ts'

/** How the pump reports on a request. */
export interface PumpContext {
  /** What to throw for an error of a socket's. */
  readonly failure: (error: unknown) => unknown
  readonly redact: (text: string) => string
}

export interface Pump {
  /** Throws what `failure` makes of an error. */
  send(request: Outgoing, context: PumpContext): Promise<HttpResponse>
  close(): void
}

const CONNECTIONS = 32
/** Methods that send `Content-Length` even without a body (RFC 9110, 8.6). */
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

export function createPump(options: PumpOptions): Pump {
  const pool = createPool(options, options.connections ?? CONNECTIONS)

  async function send(request: Outgoing, context: PumpContext): Promise<HttpResponse> {
    const { body } = request
    const upload = body && new Upload(body instanceof Uint8Array ? sourceOf(body) : body)
    for (let fresh = false; ; fresh = true) {
      const exchange = begin(request, fresh)
      try {
        const { head, whole } = await ask(exchange, request, upload)
        return answer(exchange, whole ? head : { ...head, keepAlive: 0 }, request, context)
      } catch (error) {
        const { connection } = exchange
        // The server closed an idle connection while the request was on its way, so it has not seen the request.
        const stale = connection.reused && connection.closed && !connection.answered && !upload?.begun
        exchange.end(0)
        if (stale && !request.signal.aborted) continue
        upload?.close()
        throw context.failure(error)
      }
    }
  }

  /** A connection, lent until `end`. */
  function begin(request: Outgoing, fresh: boolean): Exchange {
    const { url, signal } = request
    throwIfAborted(signal)
    const parked = fresh ? undefined : pool.take(url)
    const opened = parked ? { connection: parked, ready: undefined } : pool.open(url)
    const { connection } = opened
    const stop = () => connection.destroy(abortReason(signal))
    signal.addEventListener('abort', stop, { once: true })
    const tooLong = () => connection.destroy(silence(`${connection.host} took too long to answer`))
    const disarm = request.limit === undefined ? undefined : after(request.limit, tooLong, true)
    let open = true
    return {
      ...opened,
      end(keep) {
        if (!open) return
        open = false
        signal.removeEventListener('abort', stop)
        disarm?.()
        connection.finish()
        pool.give(url, connection, keep)
      },
    }
  }

  /** Sends the request and reads the head of its answer; `whole` where the body was sent to its end. */
  async function ask({ connection, ready }: Exchange, request: Outgoing, upload: Upload | undefined) {
    await ready
    const { host } = connection
    const unheard = { idle: options.idle, error: () => silence(`${host} stopped reading what it is sent`) }
    const awaiting = { idle: request.silence ?? options.idle, error: () => silence(`${host} did not answer in time`) }
    const head = requestHead(request, upload?.size ?? (WITH_BODY.has(request.method) ? 0 : undefined))
    const answer = readHead(connection, request.method)
    // Where the write fails first, nothing listens for this rejection.
    answer.catch(() => {})
    let whole = true
    if (upload) {
      whole = await upload.send(head, connection, answer, unheard)
      upload.close()
    } else {
      await Promise.race([connection.write([head], unheard), answer])
    }
    connection.expect(awaiting)
    return { head: await answer, whole }
  }

  function answer(exchange: Exchange, head: Head, request: Outgoing, context: PumpContext): HttpResponse {
    const { connection } = exchange
    const bytes = readBody(connection, head)
    let over = false
    const end = (keep: number) => {
      if (over) return
      over = true
      exchange.end(keep)
      request.done()
    }
    const error = () => silence(`${connection.host} stopped sending`)
    connection.expect({ idle: request.silence ?? options.idle, error })

    async function next(): Promise<IteratorResult<Uint8Array>> {
      if (over) return { done: true, value: undefined }
      try {
        const result = await bytes.next()
        if (result.done) end(head.keepAlive)
        return result
      } catch (error) {
        end(0)
        throw context.failure(error)
      }
    }
    async function stop(): Promise<IteratorResult<Uint8Array>> {
      end(0)
      return { done: true, value: undefined }
    }
    async function discard(): Promise<void> {
      try {
        for (let left = DUMP_LIMIT; left > 0 && !over; ) left -= (await next()).value?.byteLength ?? 0
      } catch {}
      end(0)
    }
    // An empty body needs no reader: slot and connection are freed at once, but not before the caller has the answer.
    if (head.framing.kind === 'length' && head.framing.length === 0) setImmediate(next)
    const body = { [Symbol.asyncIterator]: () => ({ next, return: stop }) }
    const { status, headers } = head
    const { method, url } = request
    return responseOf({ status, headers, body, discard }, { method, url: url.href, redact: context.redact })
  }

  return { send, close: () => pool.close() }
}

interface Exchange {
  readonly connection: Connection
  readonly ready: Promise<void> | undefined
  /** Gives the connection back, to be kept for `keep` milliseconds. */
  end(keep: number): void
}

/** A small body that is in memory. */
function sourceOf(bytes: Uint8Array): BodySource {
  return { size: bytes.byteLength, open: async () => bytesOf(bytes) }
}

function silence(message: string): NetworkError {
  return new NetworkError(message, { silent: true })
}
