/** Memory for bytes that wait for their readers, bounded in sum. Large pieces are used again, as making each anew keeps the garbage collector busy. */

import { Room } from './room.ts'

/** Bytes of the pieces that are used again. */
export const PIECE = 1024 * 1024

export class Buffers {
  readonly #room: Room
  readonly #free: Buffer[] = []
  #taken = 0

  /** `most`: bytes. */
  constructor(most: number) {
    this.#room = new Room(most)
  }

  /** At most `PIECE` bytes; undefined where no room is left. */
  take(size: number): Buffer | undefined {
    if (!this.#room.take(size)) return undefined
    this.#taken += 1
    return (size === PIECE ? this.#free.pop() : undefined) ?? Buffer.allocUnsafeSlow(size)
  }

  give(buffer: Buffer, reusable: boolean): void {
    this.#room.give(buffer.byteLength)
    this.#taken -= 1
    if (reusable && buffer.byteLength === PIECE) this.#free.push(buffer)
    // Nothing is under way, so the memory goes back to the system.
    if (this.#taken === 0) this.#free.length = 0
  }
}

/** How much of a file is read at once, in bytes. */
const READ = 256 * 1024
/** How many pieces are kept for that. */
const FREE_READS = 16

/** Memory that parts of files are read into, used again for the same reason. */
export class Reads {
  readonly #free: Buffer[] = []

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(READ)
  }

  give(buffer: Buffer, reusable: boolean): void {
    if (reusable && this.#free.length < FREE_READS) this.#free.push(buffer)
  }
}
