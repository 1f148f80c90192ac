/** Parts of a blob in memory: while one part is being sent, the next one is read. */

import type { BlobParts } from './parts.ts'

export class HeldParts {
  readonly #source: BlobParts
  readonly #size: number
  #next: { readonly start: number; readonly bytes: Promise<Uint8Array> } | undefined

  /** `size` is the blob's, in bytes. */
  constructor(source: BlobParts, size: number) {
    this.#source = source
    this.#size = size
  }

  /** The `length` bytes from `start` on. Throws what the source failed with. */
  async take(start: number, length: number): Promise<Uint8Array> {
    const ahead = this.#next?.start === start ? this.#next.bytes : undefined
    const bytes = await (ahead ?? this.#source.readWhole(start, length))
    const end = start + bytes.byteLength
    this.#next =
      end < this.#size
        ? { start: end, bytes: this.#source.readWhole(end, Math.min(length, this.#size - end)) }
        : undefined
    // A failure is thrown when the part is asked for, if it ever is.
    this.#next?.bytes.catch(() => {})
    return bytes
  }
}
