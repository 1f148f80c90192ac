/** A thread that carries large bodies, as this one sees it: requests are sent there, and their chunks are views of shared memory. */

import { Worker } from 'node:worker_threads'
import { throwIfAborted } from '../../core/cancel.ts'
import type { CarriedHash, Carrier } from '../../core/carrier.ts'
import { NetworkError } from '../../core/errors.ts'
import type { HttpResponse } from '../../core/http.ts'
import type { Outgoing } from '../outgoing.ts'
import type { AgentOptions } from '../proxy/agent.ts'
import type { PumpContext } from '../pump/pump.ts'
import { CarrierExchange } from './exchange.ts'
import type { FromCarrier, ToCarrier } from './messages.ts'

/** A request or a hash that waits for messages of the thread. */
interface Listener {
  hear(message: FromCarrier): void
  fail(error: Error): void
}

/** Megabytes. The only garbage is small messages. */
const YOUNG_SPACE = 2

export class CarrierThread implements Carrier {
  readonly #worker: Worker
  readonly #listeners = new Map<number, Listener>()
  #lastId = 0
  #gone: Error | undefined

  constructor() {
    // Beside this file, as source or compiled.
    const file = new URL(`./thread${import.meta.url.slice(-3)}`, import.meta.url)
    this.#worker = new Worker(file, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_SPACE } })
    this.#worker.on('message', (message: FromCarrier) => this.#listeners.get(message.id)?.hear(message))
    this.#worker.on('error', (cause) => this.#end(new NetworkError('a thread of the transfer broke down', { cause })))
    this.#worker.on('exit', () => this.#end(new NetworkError('a thread of the transfer has ended')))
    // An idle thread does not keep the process alive.
    this.#worker.unref()
  }

  /** False once the thread has ended. */
  get usable(): boolean {
    return this.#gone === undefined
  }

  /** As a pump does. */
  send(request: Outgoing, options: AgentOptions, context: PumpContext): Promise<HttpResponse> {
    throwIfAborted(request.signal)
    const id = this.#nextId()
    const exchange = new CarrierExchange(id, request, context, {
      carrier: this,
      post: (message) => this.#post(message),
      end: () => this.#deafen(id),
    })
    this.#listen(id, exchange)
    return exchange.begin(options)
  }

  hashBlob(algorithm: string): CarriedHash {
    const id = this.#nextId()
    return {
      id,
      algorithm,
      update: (chunk, offset) => this.#post({ type: 'update', id, algorithm, chunk, offset }),
      digest: () =>
        new Promise<{ readonly hex: string; readonly length: number }>((resolve, reject) => {
          if (this.#gone) return reject(this.#gone)
          this.#listen(id, {
            hear: (message) => message.type === 'digest' && resolve(message),
            fail: reject,
          })
          this.#post({ type: 'digest', id, algorithm })
        }).finally(() => this.#deafen(id)),
      forget: () => this.#post({ type: 'forget', id, algorithm }),
    }
  }

  async close(): Promise<void> {
    this.#end(new NetworkError('the connection to the registry has been closed', { retryable: false }))
    await this.#worker.terminate()
  }

  #nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  #listen(id: number, listener: Listener): void {
    if (this.#listeners.size === 0) this.#worker.ref()
    this.#listeners.set(id, listener)
  }

  #deafen(id: number): void {
    this.#listeners.delete(id)
    if (this.#listeners.size === 0) this.#worker.unref()
  }

  #post(message: ToCarrier): void {
    this.#worker.postMessage(message)
  }

  #end(error: Error): void {
    this.#gone ??= error
    for (const listener of [...this.#listeners.values()]) listener.fail(error)
  }
}
