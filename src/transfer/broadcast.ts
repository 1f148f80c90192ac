/** One stream of bytes handed to several readers at the pace of the slowest, with nothing kept in between. */

import type { Bytes } from '../core/content.ts'

type Step = IteratorResult<Uint8Array, undefined>

interface Waiter {
  readonly resolve: (step: Step) => void
  readonly reject: (error: unknown) => void
}

/** Reading begins when every reader has asked, or left; each gets every chunk, and the stream's failure. */
export class Broadcast {
  readonly #open: () => Promise<Bytes>
  readonly #readers = new Set<object>()
  readonly #waiting = new Map<object, Waiter>()
  #stream: AsyncIterator<Uint8Array> | undefined
  #stepping = false

  /** `readers` names those that will read, or leave; the stream is opened once all have come. */
  constructor(open: () => Promise<Bytes>, readers: Iterable<object>) {
    this.#open = open
    for (const reader of readers) this.#readers.add(reader)
  }

  /** The whole stream, for one of the readers; to be taken once. A reader that stops early leaves. */
  async *read(reader: object): Bytes {
    try {
      for (;;) {
        const step = await new Promise<Step>((resolve, reject) => {
          this.#waiting.set(reader, { resolve, reject })
          this.#step()
        })
        if (step.done) return
        yield step.value
      }
    } finally {
      this.leave(reader)
    }
  }

  /** Must be called for a reader that never reads, too: the others wait for it. May be called twice. */
  leave(reader: object): void {
    if (!this.#readers.delete(reader)) return
    this.#waiting.delete(reader)
    if (this.#readers.size > 0) this.#step()
    else this.#close()
  }

  /** Reads on when all readers are done with what they have: its buffer may be used again. */
  #step(): void {
    if (this.#stepping || this.#waiting.size < this.#readers.size) return
    this.#stepping = true
    this.#next().then(
      (step) => this.#settle((waiter) => waiter.resolve(step)),
      (error: unknown) => this.#settle((waiter) => waiter.reject(error)),
    )
  }

  async #next(): Promise<Step> {
    this.#stream ??= (await this.#open())[Symbol.asyncIterator]()
    const { done, value } = await this.#stream.next()
    return done ? { done: true, value: undefined } : { done: false, value }
  }

  #settle(tell: (waiter: Waiter) => void): void {
    this.#stepping = false
    const waiters = [...this.#waiting.values()]
    this.#waiting.clear()
    if (this.#readers.size === 0) this.#close()
    for (const waiter of waiters) tell(waiter)
  }

  #close(): void {
    if (this.#stepping) return
    // Not awaited: nobody reads any more, and a stream that hangs must hold up nobody.
    this.#stream?.return?.().catch(() => {})
    this.#stream = undefined
  }
}
