/** The hash of a blob whose parts may come twice, as an attempt that broke off is made again. */

import { createHash } from 'node:crypto'

export interface BlobHashing {
  /** Reads what of `chunk`, which stands at `offset`, follows the bytes read before; nothing where there would be a gap. The chunk may
   *  become invalid afterwards. */
  update(chunk: Uint8Array, offset: number): void
  /** Of the bytes read so far, which are the blob's first `length`; more may follow. */
  digest(): Promise<{ readonly hex: string; readonly length: number }>
  /** Call when nothing more is asked of it. */
  forget(): void
}

export function hashBlob(algorithm: string): BlobHashing {
  const hash = createHash(algorithm)
  let length = 0
  return {
    update(chunk, offset) {
      const end = offset + chunk.byteLength
      if (end <= length || offset > length) return
      hash.update(offset === length ? chunk : chunk.subarray(length - offset))
      length = end
    },
    digest: async () => ({ hex: hash.copy().digest('hex'), length }),
    forget: () => {},
  }
}
