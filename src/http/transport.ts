/** Sends one request and gives its answer: no retry, no credential, no redirect. */

import { setMaxListeners } from 'node:events'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { abortReason, after, throwIfAborted } from '../core/cancel.ts'
import { NetworkError } from '../core/errors.ts'
import type { BodySource, HttpResponse } from '../core/http.ts'
import { hostWithPort, networkError } from './failure.ts'
import { createGuard } from './guard.ts'
import type { Outgoing } from './outgoing.ts'
import { proxyAddress } from './proxy/address.ts'
import { type AgentOptions, createAgent, towardsOthers } from './proxy/agent.ts'
import { type UploadBody, uploadBody } from './proxy/upload-body.ts'
import { createPump } from './pump/pump.ts'
import { toResponse } from './response.ts'
import { CarrierThread } from './threads/carrier.ts'

export interface Transport {
  /** Throws a `NetworkError`, a `CancelledError`, or what the body's source threw. */
  send(request: Outgoing): Promise<HttpResponse>
  close(): Promise<void>
}

export interface TransportOptions extends AgentOptions {
  /** Idle connections to one origin that are kept. */
  readonly connections?: number | undefined
  /** false: everything goes over undici. */
  readonly pump?: boolean | undefined
}

export function createTransport(options: TransportOptions, redact: (text: string) => string): Transport {
  const proxy = options.proxy === undefined ? undefined : proxyAddress(options.proxy)
  const reached = new Set<string>()
  const prepared = new WeakSet<AbortSignal>()
  // Only requests through a proxy go over undici, which is not loaded otherwise.
  const pump = options.proxy !== undefined || options.pump === false ? undefined : createPump(options)
  const guard = createGuard(options.guard ?? {})
  const own = dispatching(options)
  const others = dispatching(towardsOthers(options))
  let closed = false

  async function send(request: Outgoing): Promise<HttpResponse> {
    const { method, url, signal } = request
    throwIfAborted(signal)
    if (closed) throw new NetworkError('the connection to the registry has been closed', { retryable: false })
    if (!prepared.has(signal)) {
      // Every request under way listens to the run's signal: many listeners are not a leak.
      setMaxListeners(0, signal)
      prepared.add(signal)
    }
    let stall: Stall | undefined
    const failure = (error: unknown) =>
      stall?.error() ??
      (signal.aborted
        ? abortReason(signal)
        : networkError(error, {
            host: hostWithPort(url),
            protocol: url.protocol === 'https:' ? 'https:' : 'http:',
            proxy: proxy && hostWithPort(proxy.url),
            signedIn: proxy?.credential !== undefined,
            reached: reached.has(url.host),
          }))
    if (pump) {
      const { carrier } = request
      const context = { failure, redact }
      const answer =
        carrier instanceof CarrierThread && carrier.usable
          ? await carrier.send(request, options, context)
          : await pump.send(request, context)
      reached.add(url.host)
      return answer
    }
    await guard.check(url)
    const dispatcher = await (guard.isOwn(url) ? own : others).get()

    let upload: UploadBody | undefined
    if (request.body !== undefined && !(request.body instanceof Uint8Array)) {
      const watch = stallable(signal)
      stall = watch
      const stopped = () => watch.abort(`${hostWithPort(url)} stopped reading what it is sent`)
      upload = uploadBody(request.body, options.idle, stopped)
    }
    let disarm: (() => void) | undefined
    if (request.limit !== undefined) {
      const watch = stallable(signal)
      stall = watch
      disarm = after(request.limit, () => watch.abort(`${hostWithPort(url)} took too long to answer`), true)
    }
    const done = () => {
      disarm?.()
      request.done()
    }
    try {
      const data = await dispatcher.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: upload
          ? { ...request.headers, 'content-length': String(contentLength(request.body)) }
          : request.headers,
        body: upload ? asBody(upload) : bytesOf(request.body),
        signal: stall?.signal ?? signal,
        // Otherwise undici closes the connection after every HEAD, and most requests of a run are HEADs.
        reset: false,
        ...(request.silence === undefined ? {} : { headersTimeout: request.silence, bodyTimeout: request.silence }),
      })
      reached.add(url.host)
      return toResponse(data, { method, url: url.href, failure, done, redact })
    } catch (error) {
      disarm?.()
      throw failure(error)
    } finally {
      upload?.finish()
    }
  }

  return {
    send,
    async close() {
      closed = true
      pump?.close()
      await Promise.all([own.close(), others.close()])
    },
  }
}

/** A dispatcher that is made when it is first needed. A failure to make it is not remembered. */
function dispatching(options: AgentOptions): { get(): Promise<Dispatcher>; close(): Promise<void> } {
  let made: Promise<Dispatcher> | undefined
  return {
    get() {
      made ??= createAgent(options).catch((error: unknown) => {
        made = undefined
        throw error
      })
      return made
    },
    async close() {
      const dispatcher = await made?.catch(() => undefined)
      await dispatcher?.destroy()
    },
  }
}

interface Stall {
  readonly signal: AbortSignal
  abort(reason: string): void
  error(): NetworkError | undefined
}

/** A signal that also fires when the server stops taking our bytes, or takes too long. */
function stallable(signal: AbortSignal): Stall {
  const controller = new AbortController()
  let error: NetworkError | undefined
  return {
    signal: AbortSignal.any([signal, controller.signal]),
    abort(reason) {
      error = new NetworkError(reason, { silent: true })
      controller.abort(error)
    },
    error: () => error,
  }
}

function contentLength(body: Uint8Array | BodySource | undefined): number {
  if (body === undefined) return 0
  return body instanceof Uint8Array ? body.byteLength : body.size
}

function bytesOf(body: Uint8Array | BodySource | undefined): Uint8Array | null {
  return body instanceof Uint8Array ? body : null
}

/** undici takes any async iterable; its types only name `Readable`. */
function asBody(body: UploadBody): Readable {
  return body as unknown as Readable
}
