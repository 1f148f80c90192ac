/** One stream of bytes handed to several readers at the pace of the slowest, with nothing kept in between. */

import type { Bytes } from '../core/content.ts'

type Step = IteratorResult<Uint8Array, undefined>

interface Waiter {
  readonly resolve: (step: Step) => void
  readonly reject: (error: unknown) => void
}

/** How long those who are ready wait for the others to begin, in milliseconds. Two streams whose readers wait for each other's connections
 *  would wait forever. */
const PATIENCE = 10_000

/** Reading begins when every reader has asked, or left; each gets every chunk, and the stream's failure. */
export class Broadcast {
  readonly #open: () => Promise<Bytes>
  readonly #readers = new Set<object>()
  readonly #waiting = new Map<object, Waiter>()
  #stream: AsyncIterator<Uint8Array> | undefined
  #stepping = false
  readonly #patience: number
  #timer: NodeJS.Timeout | undefined

  /** `readers` names those that will read, or leave; the stream is opened once all have come. */
  constructor(open: () => Promise<Bytes>, readers: Iterable<object>, patience = PATIENCE) {
    this.#open = open
    this.#patience = patience
    for (const reader of readers) this.#readers.add(reader)
  }

  /** The whole stream, for one of the readers; to be taken once. Undefined where it has begun without this one. */
  read(reader: object): Bytes | undefined {
    return this.#readers.has(reader) ? this.#all(reader) : undefined
  }

  /** A reader that stops early leaves. */
  async *#all(reader: object): Bytes {
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
    if (this.#stepping) return
    if (this.#waiting.size < this.#readers.size) {
      if (!this.#stream && this.#waiting.size > 0) this.#timer ??= setTimeout(() => this.#leaveBehind(), this.#patience)
      return
    }
    clearTimeout(this.#timer)
    this.#stepping = true
    this.#next().then(
      (step) => this.#settle((waiter) => waiter.resolve(step)),
      (error: unknown) => this.#settle((waiter) => waiter.reject(error)),
    )
  }

  /** Begins without those who have not come. */
  #leaveBehind(): void {
    if (this.#stream) return
    for (const reader of this.#readers) if (!this.#waiting.has(reader)) this.#readers.delete(reader)
    this.#step()
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
