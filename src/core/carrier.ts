/** The seam to other threads, which carry large blobs beside this one. */

import type { BlobHashing } from './hash.ts'

/** A thread with sockets of its own. The large bodies of requests whose context names it go there; all else is done here. */
export interface Carrier {
  /** A hash that is made there, where the bytes are at hand. */
  hashBlob(algorithm: string): CarriedHash
}

export interface CarriedHash extends BlobHashing {
  readonly id: number
  readonly algorithm: string
}

/** An order to a carrier: copy bytes from the answer of one request into the body of another, and into a hash. */
export interface Passing {
  /** The request whose body they become. */
  readonly into: { readonly carrier: Carrier; readonly id: number }
  /** In bytes; up to `LARGEST_CHUNK` more may go. */
  readonly limit: number
  readonly hash?: { readonly by: CarriedHash; readonly offset: number } | undefined
}

/** Passes on what comes next in a stream, without a chunk of it being seen here. Resolves with the number of bytes; 0 where they must be
 *  read instead, as the stream's end and its failures must. Must not be called while the stream is read. */
export type Pass = (order: Passing) => Promise<number>

/** In bytes. */
export const LARGEST_CHUNK = 512 * 1024

/** The stream, which can also be passed on. */
export function withPass<T extends AsyncIterable<Uint8Array>>(bytes: T, pass: Pass): T & { readonly pass: Pass } {
  return Object.assign(bytes, { pass })
}

export interface Carriers {
  /** Runs `work` for a blob of `size` bytes with the thread that has the least to do, or with undefined where this thread carries it. */
  share<T>(size: number, work: (carrier: Carrier | undefined) => Promise<T>): Promise<T>
}
