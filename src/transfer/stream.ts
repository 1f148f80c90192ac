/** A blob's bytes on their way: counted, hashed, throttled, and refused if they do not match the descriptor. */

import { throwIfAborted } from '../core/cancel.ts'
import { type CarriedHash, type Carrier, LARGEST_CHUNK, type Passing, withPass } from '../core/carrier.ts'
import type { Bytes } from '../core/content.ts'
import { type Descriptor, digestParts } from '../core/descriptor.ts'
import { IntegrityError } from '../core/errors.ts'
import type { Gate } from '../core/gate.ts'
import { type BlobHashing, hashBlob } from '../core/hash.ts'
import type { Throttle } from './throttle.ts'

export interface StreamOptions {
  readonly blob: Descriptor
  readonly throttles: readonly Throttle[]
  readonly signal: AbortSignal
  /** Each chunk passes it. */
  readonly gate?: Gate | undefined
  /** Called with the size of each chunk that is passed on. */
  readonly progress: (bytes: number) => void
}

/** The hash of a blob over several attempts: each attempt hashes only what the earlier ones did not read. If an earlier process has sent the
 *  beginning of the blob, nothing can be compared here, and the destination's own check of the digest decides. */
export class BlobHash {
  readonly #blob: Descriptor
  readonly #hash: BlobHashing | undefined
  readonly #carried: CarriedHash | undefined

  /** Without `hashing` only the length is checked. `carrier`: the thread that hashes; absent: this one. */
  constructor(blob: Descriptor, hashing = true, carrier?: Carrier) {
    this.#blob = blob
    const { algorithm } = digestParts(blob.digest)
    this.#carried = hashing ? carrier?.hashBlob(algorithm) : undefined
    this.#hash = hashing ? (this.#carried ?? hashBlob(algorithm)) : undefined
  }

  /** Adds a chunk that begins at `offset`; bytes already hashed are skipped. */
  update(chunk: Uint8Array, offset: number): void {
    this.#hash?.update(chunk, offset)
  }

  /** Passes bytes of `source` on that stand at `offset`, hashed on their way; none where they are hashed in this thread. */
  async pass(source: Bytes, offset: number, order: Passing): Promise<number> {
    if (!source.pass || (this.#hash && !this.#carried)) return 0
    return source.pass({ ...order, hash: this.#carried && { by: this.#carried, offset } })
  }

  /** Call when nothing more is hashed or checked. */
  end(): void {
    this.#hash?.forget()
  }

  /** Throws if the `length` bytes that were read are not the blob, naming both digests and lengths. Call at the end of the stream. */
  async check(length: number): Promise<void> {
    const { digest, size } = this.#blob
    const hashed = await this.#hash?.digest()
    const hash = hashed?.length === length ? hashed : undefined
    const actual = hash ? `${digestParts(digest).algorithm}:${hash.hex}` : digest
    if (actual === digest && length === size) return
    throw new IntegrityError(
      `blob does not match its digest: expected ${digest} of ${size} bytes, got ${hash ? `${actual} of ` : ''}${length} bytes`,
      { hint: 'what the source sends is damaged; push the image there again' },
    )
  }
}

/** How far a blob that is too long is read on, only to name its digest in the error. */
const MAX_EXCESS = 64 * 1024 * 1024

/** Passes `source` on from `offset`. Throws before its end where length or digest is wrong, so that a writer never completes. */
export function checked(source: Bytes, offset: number, hash: BlobHash, options: StreamOptions): Bytes {
  const { blob, throttles, signal, gate, progress } = options
  let position = offset

  async function* chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      throwIfAborted(signal)
      if (position + chunk.byteLength <= blob.size) {
        for (const throttle of throttles) await throttle.take(chunk.byteLength, signal)
        if (gate?.closed) await gate.pass(signal)
      }
      // Nothing is hashed that may not be passed on: the next reading of a source may give other bytes in its place.
      hash.update(chunk, position)
      position += chunk.byteLength
      if (position > blob.size) {
        if (position > blob.size + MAX_EXCESS) break
        continue
      }
      // The last chunk is passed on only once the whole blob is known to be right.
      if (position === blob.size) await hash.check(position)
      progress(chunk.byteLength)
      yield chunk
    }
    if (position !== blob.size || blob.size === 0) await hash.check(position)
  }

  return withPass(chunks(), async (order) => {
    const limit = Math.min(order.limit, blob.size - position - LARGEST_CHUNK)
    if (limit <= 0 || throttles.length > 0) return 0
    if (gate?.closed) await gate.pass(signal)
    const passed = await hash.pass(source, position, { ...order, limit })
    position += passed
    if (passed > 0) progress(passed)
    return passed
  })
}
