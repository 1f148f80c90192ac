/** Parts of a blob in memory: while one part is being sent, the next one is read. */

import type { Bytes } from '../../../core/content.ts'
import type { Context } from '../../../core/context.ts'
import type { BodySource } from '../../../core/http.ts'
import type { BlobParts } from './parts.ts'

/** In bytes. */
const PIECE = 128 * 1024
/** How long a part under way may still take in a pause, in milliseconds: between two parts the registry keeps what it has for any time. */
const LAST_PIECES = 1000

/** A part as a body that a pause stops. */
export function pausable(part: Uint8Array, { gate, signal }: Context, patience = LAST_PIECES): Uint8Array | BodySource {
  if (!gate) return part
  async function* pieces(): Bytes {
    let deadline: number | undefined
    for (let at = 0; at < part.byteLength; at += PIECE) {
      if (gate?.closed) {
        deadline ??= performance.now() + patience
        if (performance.now() >= deadline) await gate.pass(signal)
      } else deadline = undefined
      yield part.subarray(at, at + PIECE)
    }
  }
  return { size: part.byteLength, open: async () => pieces() }
}

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
