/** One request in a carrier's thread and its answer. The request's body is read here, as the answer's is. */

import { NetworkError } from '../../core/errors.ts'
import type { HttpResponse } from '../../core/http.ts'
import { type AgentOptions, connectionOptions } from '../proxy/agent.ts'
import type { PumpContext } from '../pump/pump.ts'
import { DUMP_LIMIT, responseOf } from '../response.ts'
import type { Outgoing } from '../transport.ts'
import type { Failure, FromCarrier, ToCarrier } from './messages.ts'
import { isMoved, movedChunk, type Passage, type Target } from './passage.ts'

interface Link {
  readonly post: (message: ToCarrier) => void
  /** Nothing more is to be heard. */
  readonly end: () => void
}

const OVER = { done: true, value: undefined } as const

export class CarrierExchange implements Target {
  readonly id: number
  readonly #request: Outgoing
  readonly #context: PumpContext
  readonly #passage: Passage
  readonly #link: Link
  readonly #head = Promise.withResolvers<HttpResponse>()
  #answered = false
  #over = false
  #failure: unknown
  #reading: PromiseWithResolvers<IteratorResult<Uint8Array>> | undefined
  #body: Promise<AsyncIterator<Uint8Array>> | undefined
  #bodyFailure: unknown
  pulling = false
  /** Bytes of the body that are still to be sent. */
  left = 0
  /** Bytes of the answer that are still to come, as far as that is known. */
  #coming = 0

  constructor(id: number, request: Outgoing, context: PumpContext, passage: Passage, link: Link) {
    this.id = id
    this.#passage = passage
    this.#request = request
    this.#context = context
    this.#link = link
  }

  begin(options: AgentOptions): Promise<HttpResponse> {
    const { method, url, headers, body, silence, signal } = this.#request
    signal.addEventListener('abort', this.#onAbort, { once: true })
    const size = body instanceof Uint8Array ? body.byteLength : body?.size
    this.left = size ?? 0
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
        if (message.chunk) this.#give(message.chunk)
        else {
          this.#end()
          this.#reading?.resolve(OVER)
        }
        break
      case 'moved':
        this.#give(movedChunk(message.bytes))
        break
      case 'failed':
        this.fail(this.#errorOf(message.failure))
        break
    }
  }

  fail(error: unknown): void {
    if (this.#over) return
    this.#failure = this.#context.failure(error)
    this.#end()
    this.#closeBody()
    this.#head.reject(this.#failure)
    this.#reading?.reject(this.#failure)
  }

  readonly #onAbort = (): void => {
    this.#link.post({ type: 'abort', id: this.id })
    this.fail(this.#request.signal.reason)
  }

  #answer({ status, headers }: FromCarrier & { readonly type: 'head' }): void {
    const { method, url } = this.#request
    const body = { [Symbol.asyncIterator]: () => ({ next: () => this.#next(), return: () => this.#stop() }) }
    const discard = () => this.#discard()
    this.#answered = true
    this.#coming = Number(headers['content-length'] ?? 0)
    this.#head.resolve(
      responseOf({ status, headers, body, discard }, { method, url: url.href, redact: this.#context.redact }),
    )
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#over) return OVER
    this.#reading = Promise.withResolvers()
    this.#link.post({ type: 'read', id: this.id, move: this.#passage.next(this.#coming, this) })
    return this.#reading.promise
  }

  #give(chunk: Uint8Array): void {
    this.#coming -= chunk.byteLength
    this.#reading?.resolve({ done: false, value: this.#passage.give(chunk, this) })
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
      const body = await this.#body
      this.pulling = !(this.#request.body instanceof Uint8Array)
      let next = await body.next()
      for (; next.value && isMoved(next.value); next = await body.next()) this.#take(next.value)
      this.pulling = false
      if (next.value) this.#take(next.value)
      this.#link.post({ type: 'chunk', id: this.id, chunk: next.value })
    } catch (error) {
      this.#bodyFailure = error
      this.#link.post({ type: 'broken', id: this.id })
    }
  }

  #take(chunk: Uint8Array): void {
    this.left -= chunk.byteLength
    this.#passage.take(chunk, this)
  }

  async #open(): Promise<AsyncIterator<Uint8Array>> {
    const { body } = this.#request
    const bytes = !body || body instanceof Uint8Array ? whole(body) : await body.open()
    return bytes[Symbol.asyncIterator]()
  }

  /** Not awaited: a source that hangs would hold up whoever gives up on it. */
  #closeBody(): void {
    this.#body?.then((body) => body.return?.()).catch(() => {})
  }

  #errorOf({ kind, message, code, ...details }: Failure): unknown {
    if (kind === 'body') return this.#bodyFailure
    return kind === 'network' ? new NetworkError(message, details) : Object.assign(new Error(message), { code })
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.pulling = false
    this.#request.signal.removeEventListener('abort', this.#onAbort)
    this.#link.end()
    if (this.#answered) this.#request.done()
  }
}

/** A body that is at hand. */
async function* whole(bytes: Uint8Array | undefined): AsyncGenerator<Uint8Array> {
  if (bytes) yield bytes
}
