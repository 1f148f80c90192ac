/** One stream of bytes handed to several readers at the pace of the slowest, with nothing kept in between; one that stops is left behind. */

import type { Bytes } from '../core/content.ts'
import { NetworkError } from '../core/errors.ts'

type Step = IteratorResult<Uint8Array, undefined>

interface Waiter {
  readonly resolve: (step: Step) => void
  readonly reject: (error: unknown) => void
}

/** How long readers that are ready wait for one that is not, at the beginning and after each chunk. Two streams whose readers wait for each
 *  other's connections would wait forever, and a destination that hangs would hold up the healthy ones. */
export const READER_PATIENCE_MS = 10_000

export interface BroadcastOptions {
  readonly patience?: number | undefined
  /** True while nothing moves on purpose: then no reader is left behind. */
  readonly isHeld?: () => boolean
  /** Called with a reader that is left behind in the middle of the stream. It must let go of its chunk at once: the buffer is used again. */
  readonly onLeftBehind?: (reader: object) => void
}

/** Reading begins when every reader has asked, or left; each gets every chunk, and the stream's failure. */
export class Broadcast {
  readonly #open: () => Promise<Bytes>
  readonly #readers = new Set<object>()
  readonly #waiting = new Map<object, Waiter>()
  readonly #options: BroadcastOptions
  #stream: AsyncIterator<Uint8Array> | undefined
  #begun = false
  #stepping = false
  #timer: NodeJS.Timeout | undefined

  /** `readers` names those that will read, or leave; the stream is opened once all have come. */
  constructor(open: () => Promise<Bytes>, readers: Iterable<object>, options: BroadcastOptions = {}) {
    this.#open = open
    this.#options = options
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
          if (!this.#readers.has(reader))
            return reject(new NetworkError('the other destinations went on without waiting'))
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

  /** Reads the next chunk when all readers are done with the last one: its buffer may be used again. */
  #step(): void {
    if (this.#stepping) return
    if (this.#waiting.size < this.#readers.size) {
      const { patience = READER_PATIENCE_MS } = this.#options
      if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => this.#leaveBehind(), patience)
      return
    }
    this.#stopTimer()
    this.#stepping = true
    this.#next().then(
      (step) => this.#settle((waiter) => waiter.resolve(step)),
      (error: unknown) => this.#settle((waiter) => waiter.reject(error)),
    )
  }

  /** Continues without the readers that have not asked for the next chunk. */
  #leaveBehind(): void {
    this.#stopTimer()
    if (this.#options.isHeld?.()) {
      this.#step()
      return
    }
    for (const reader of [...this.#readers]) {
      if (this.#waiting.has(reader)) continue
      this.#readers.delete(reader)
      if (this.#begun) this.#options.onLeftBehind?.(reader)
    }
    this.#step()
  }

  async #next(): Promise<Step> {
    this.#begun = true
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

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #close(): void {
    this.#stopTimer()
    if (this.#stepping) return
    // Not awaited: a stream that hangs must not hold up those that have read it.
    this.#stream?.return?.().catch(() => {})
    this.#stream = undefined
  }
}
