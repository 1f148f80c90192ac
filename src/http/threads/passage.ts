/** The fast path of one blob in a worker thread. As soon as one chunk of a download was hashed and handed to the upload unchanged, the
 *  worker copies the bytes that follow by itself, and this thread only gets a placeholder chunk of the same length, whose content must
 *  not be read. That saves four messages between the threads for each chunk. */

import type { Carrier, CarrierHash } from '../../core/carrier.ts'
import type { CarrierThread } from './carrier.ts'
import type { HashName, Move } from './messages.ts'

/** A request that takes what it sends from a stream. */
export interface Target {
  readonly id: number
  /** It waits for a chunk. */
  readonly pulling: boolean
  /** How many bytes are still to be sent. */
  readonly left: number
}

/** The most that is moved before this thread hears of it. */
const MOST = 16 * 1024 * 1024
/** What always comes by here, more than a chunk: the last bytes of a blob go on only once the whole is known to be right. */
const RESERVE = 512 * 1024

/** Stands for bytes that were moved. Nobody looks into it, so it takes no memory. */
let blank: ArrayBuffer | undefined

export class Passage implements Carrier {
  readonly thread: CarrierThread
  readonly #throttled: boolean
  #hash: HashName | undefined
  /** The last chunk, which answer it is of, and what became of it. Nothing of another answer is moved until a chunk of that one was
   *  seen to go straight: its beginning may have to be left out, or may belong to nothing any more. */
  #given: Uint8Array | undefined
  #answer: object | undefined
  #hashed = false
  #target: Target | undefined

  /** `throttled`: something decides over each chunk whether it may pass. */
  constructor(thread: CarrierThread, throttled: boolean) {
    this.thread = thread
    this.#throttled = throttled
  }

  createHash(algorithm: string): CarrierHash {
    const hash = this.thread.createHash(algorithm)
    this.#hash = hash.name
    return {
      ...hash,
      update: (chunk) => {
        this.#hashed = chunk === this.#given
        if (!isMoved(chunk)) hash.update(chunk)
      },
    }
  }

  /** A chunk of `answer`, or the placeholder for bytes that were moved, goes on its way. */
  give(chunk: Uint8Array, answer: object): Uint8Array {
    if (!isMoved(chunk)) this.#target = undefined
    this.#given = chunk
    this.#answer = answer
    this.#hashed = false
    return chunk
  }

  /** It arrives at a request. */
  take(chunk: Uint8Array, target: Target): void {
    this.#target = chunk === this.#given ? target : undefined
  }

  /** What the thread may do with `answer`, of which `left` bytes are to come; undefined: nothing alone. */
  next(left: number, answer: object): Move | undefined {
    const target = this.#target
    if (answer !== this.#answer || !target?.pulling || this.#throttled || (this.#hash && !this.#hashed))
      return undefined
    const limit = Math.min(left, target.left, MOST + RESERVE) - RESERVE
    return limit > 0 ? { to: target.id, hash: this.#hash, limit } : undefined
  }
}

/** What stands for `bytes` bytes that were moved. */
export function movedChunk(bytes: number): Uint8Array {
  blank ??= new ArrayBuffer(MOST + RESERVE)
  return new Uint8Array(blank, 0, bytes)
}

export function isMoved(chunk: Uint8Array): boolean {
  return chunk.buffer === blank
}
