/** One request in a carrier's thread and its answer. The request's body is read here, as the answer's is. */

import { type Carrier, LARGEST_CHUNK, type Pass } from '../../core/carrier.ts'
import { type Bytes, bytesOf } from '../../core/content.ts'
import { NetworkError } from '../../core/errors.ts'
import type { HttpResponse } from '../../core/http.ts'
import type { Outgoing } from '../outgoing.ts'
import { type AgentOptions, connectionOptions } from '../proxy/agent.ts'
import type { PumpContext } from '../pump/pump.ts'
import { DUMP_LIMIT, responseOf } from '../response.ts'
import type { Failure, FromCarrier, ToCarrier } from './messages.ts'

interface Link {
  readonly carrier: Carrier
  readonly post: (message: ToCarrier) => void
  /** The request needs no more messages. */
  readonly end: () => void
}

/** A request's body while it is read. */
interface Body {
  readonly chunks: AsyncIterator<Uint8Array>
  readonly pass: Pass | undefined
}

const OVER = { done: true, value: undefined } as const
/** The most that is copied before this thread hears of it, in bytes. */
const MOST_AT_ONCE = 16 * 1024 * 1024

export class CarrierExchange {
  readonly id: number
  readonly #request: Outgoing
  readonly #context: PumpContext
  readonly #link: Link
  readonly #head = Promise.withResolvers<HttpResponse>()
  #answered = false
  #over = false
  #failure: unknown
  #reading: PromiseWithResolvers<IteratorResult<Uint8Array>> | undefined
  #copying: PromiseWithResolvers<number> | undefined
  #body: Promise<Body> | undefined
  #bodyFailure: unknown
  /** Bytes of the body that are still to be sent. */
  #left = 0

  constructor(id: number, request: Outgoing, context: PumpContext, link: Link) {
    this.id = id
    this.#request = request
    this.#context = context
    this.#link = link
  }

  begin(options: AgentOptions): Promise<HttpResponse> {
    const { method, url, headers, body, silence, signal } = this.#request
    signal.addEventListener('abort', this.#onAbort, { once: true })
    const size = body instanceof Uint8Array ? body.byteLength : body?.size
    this.#left = size ?? 0
    const own = connectionOptions(options)
    this.#link.post({ type: 'send', id: this.id, options: own, method, url: url.href, headers, silence, size })
    return this.#head.promise
  }

  hear(message: FromCarrier): void {
    switch (message.type) {
      case 'head':
        this.#answer(message)
        break
      case 'pull':
        void this.#pull()
        break
      case 'enough':
        this.#closeBody()
        break
      case 'bytes':
        if (message.chunk) this.#reading?.resolve({ done: false, value: message.chunk })
        else {
          this.#end()
          this.#reading?.resolve(OVER)
        }
        break
      case 'copied':
        this.#copied(message.bytes)
        break
      case 'failed':
        this.#fail(this.#errorOf(message.failure))
        break
    }
  }

  /** The thread is gone. */
  fail(error: unknown): void {
    this.#fail(error)
    this.#copied(0)
  }

  #copied(bytes: number): void {
    this.#copying?.resolve(bytes)
    this.#copying = undefined
    if (this.#over) this.#link.end()
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#failure = this.#context.failure(error)
    this.#end()
    this.#closeBody()
    this.#head.reject(this.#failure)
    this.#reading?.reject(this.#failure)
  }

  readonly #onAbort = (): void => {
    this.#link.post({ type: 'abort', id: this.id })
    this.#fail(this.#request.signal.reason)
  }

  #answer({ status, headers }: FromCarrier & { readonly type: 'head' }): void {
    const { method, url } = this.#request
    const body = {
      pass: this.#pass,
      [Symbol.asyncIterator]: () => ({ next: () => this.#next(), return: () => this.#stop() }),
    }
    const discard = () => this.#discard()
    this.#answered = true
    this.#head.resolve(
      responseOf({ status, headers, body, discard }, { method, url: url.href, redact: this.#context.redact }),
    )
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#over) return OVER
    this.#reading = Promise.withResolvers()
    this.#link.post({ type: 'read', id: this.id })
    return this.#reading.promise
  }

  readonly #pass: Pass = async ({ into, limit, hash }) => {
    if (this.#over || limit <= 0 || into.carrier !== this.#link.carrier) return 0
    this.#copying = Promise.withResolvers()
    const reading = hash && { id: hash.by.id, algorithm: hash.by.algorithm, offset: hash.offset }
    this.#link.post({ type: 'copy', id: this.id, to: into.id, hash: reading, limit })
    return this.#copying.promise
  }

  async #stop(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#over) this.#link.post({ type: 'stop', id: this.id })
    this.#end()
    return OVER
  }

  async #discard(): Promise<void> {
    try {
      for (let left = DUMP_LIMIT; left > 0 && !this.#over; ) left -= (await this.#next()).value?.byteLength ?? 0
    } catch {}
    await this.#stop()
  }

  async #pull(): Promise<void> {
    try {
      this.#body ??= this.#open()
      const { chunks, pass } = await this.#body
      const into = { carrier: this.#link.carrier, id: this.id }
      while (pass) {
        const passed = await pass({ into, limit: Math.min(this.#left, MOST_AT_ONCE) - LARGEST_CHUNK })
        if (passed === 0) break
        this.#left -= passed
      }
      const next = await chunks.next()
      this.#left -= next.value?.byteLength ?? 0
      this.#link.post({ type: 'chunk', id: this.id, chunk: next.value })
    } catch (error) {
      this.#bodyFailure = error
      this.#link.post({ type: 'broken', id: this.id })
    }
  }

  async #open(): Promise<Body> {
    const { body } = this.#request
    const bytes: Bytes = !body || body instanceof Uint8Array ? bytesOf(...(body ? [body] : [])) : await body.open()
    return { chunks: bytes[Symbol.asyncIterator](), pass: bytes.pass }
  }

  /** Not awaited: a source that hangs would hold up the request that gives up on it. */
  #closeBody(): void {
    this.#body?.then(({ chunks }) => chunks.return?.()).catch(() => {})
  }

  #errorOf({ kind, message, code, ...details }: Failure): unknown {
    if (kind === 'body') return this.#bodyFailure
    return kind === 'network' ? new NetworkError(message, details) : Object.assign(new Error(message), { code })
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#request.signal.removeEventListener('abort', this.#onAbort)
    // The request that bytes are copied into may continue: the thread must say how many there were.
    if (!this.#copying) this.#link.end()
    if (this.#answered) this.#request.done()
  }
}
