/** The seam of the whole program: what holds content, read and written by descriptor. */

import type { Context } from './context.ts'
import type { Descriptor, Digest, Referrer } from './descriptor.ts'
import type { Manifest } from './manifest.ts'

/** Bytes in chunks of any size. A chunk is valid only until the next one is asked for, as its buffer is used again: who keeps one copies
 *  it. The last chunk of a stream stays valid. */
export type Bytes = AsyncIterable<Uint8Array>

/** A stream of one chunk that is at hand, or of none. */
export async function* bytesOf(...chunks: readonly Uint8Array[]): Bytes {
  yield* chunks
}

/** Opens a blob at an offset. May be called again after a failure: that is what makes retry and resume possible. `given` is aborted when the
 *  stream is given up, or the run is stopped; absent: only the run's own signal counts. */
export type OpenBlob = (offset: number, given?: AbortSignal) => Promise<Bytes>

/** Blobs up to this many bytes are small: they wait behind no large one, and are sooner read again than waited for. */
export const SMALL_BLOB = 256 * 1024

export interface ContentSource {
  /** What a tag or digest points at, or undefined where it is not there. Does not count as a pull (HEAD, not GET). */
  resolve(tagOrDigest: string, ctx: Context): Promise<Descriptor | undefined>
  /** The exact bytes, checked: against the digest asked for, or for a tag against the digest the registry named.
   *  Throws a `RegistryError` with status 404 where it is not there, an `IntegrityError` naming both digests. */
  readManifest(tagOrDigest: string, ctx: Context): Promise<Manifest>
  /** The blob from `offset` on, as the source sends it; the caller checks length and digest. */
  readBlob(blob: Descriptor, offset: number, ctx: Context): Promise<Bytes>
  /** Every tag, in no order, each once. Throws a `RegistryError` with status 404 for a repository that does not exist. */
  tags(ctx: Context): AsyncIterable<string>
  /** What refers to `subject`, by every convention the source knows; each once, not recursive. */
  referrers?(subject: Descriptor, ctx: Context): AsyncIterable<Referrer>
}

/** What is remembered of a blob that is being written, so that another process can go on with it. None of it throws. */
export interface Checkpoint {
  /** What was saved last, by whatever process; undefined where there is nothing, or where a living execution is writing it. */
  load(): string | undefined
  /** `state` is the store's own and may be a secret; `offset` is how many bytes the store has confirmed. */
  save(state: string, offset: number): void
  /** Call once the blob is written, or what was saved is of no more use. */
  clear(): void
}

export interface ContentStore extends ContentSource {
  /** `writeBlob` checks length and digest itself, of all bytes: nothing need be hashed on the way. Absent: it does not. */
  readonly checksDigest?: true
  hasBlob(blob: Descriptor, ctx: Context): Promise<boolean>
  /** Idempotent. The stream `open` gives throws before its end where the content is wrong; then nothing is kept. With a checkpoint,
   *  a store that can goes on where it was left off, and `open` is first called with that offset. */
  writeBlob(blob: Descriptor, open: OpenBlob, ctx: Context, checkpoint?: Checkpoint): Promise<void>
  /** Frees what an unfinished `writeBlob` has left, `state` as it was saved. Never fails: whether the store does is its own affair. */
  discardBlob?(state: string, ctx: Context): Promise<void>
  /** Writes the exact bytes under a tag or under their digest and checks the digest the store answers with. A manifest with a
   *  `subject` becomes findable as its referrer, also in a store without the referrers API. Idempotent. */
  writeManifest(manifest: Manifest, tagOrDigest: string, ctx: Context): Promise<void>
  /** Takes a blob over from another repository of the same registry; false where the registry would not. */
  mountBlob?(blob: Descriptor, fromRepository: string, ctx: Context): Promise<boolean>
  /** Removes just the tag; one that is not there is deleted already. Throws an `UnsupportedError` where only a manifest with all its tags can
   *  be deleted, or nothing at all. */
  deleteTag?(tag: string, ctx: Context): Promise<void>
  /** What can be deleted, as far as it is known without sending a request that writes; absent: a tag. `manifest`: only a manifest with all
   *  its tags; `unknown`: `deleteTag` will tell. */
  deletes?(ctx: Context): Promise<'tag' | 'manifest' | 'nothing' | 'unknown'>
  /** Deletes a manifest with all its tags; one that is not there is deleted already. Throws an `UnsupportedError` where the registry does not
   *  allow it. */
  deleteManifest?(digest: Digest, ctx: Context): Promise<void>
}
