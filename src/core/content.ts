/** The seam of the whole program: what holds content, read and written by descriptor. */

import type { Pass } from './carrier.ts'
import type { Context } from './context.ts'
import type { Descriptor, Digest, Referrer } from './descriptor.ts'
import type { Manifest } from './manifest.ts'

/** Bytes in chunks of any size. A chunk is valid only until the next one is asked for, because its buffer is reused: copy it to keep it. The last
 *  chunk of a stream stays valid. With `pass` the stream is in another thread, which can pass it on by itself. */
export type Bytes = AsyncIterable<Uint8Array> & { readonly pass?: Pass | undefined }

/** Bytes in memory as a stream. */
export async function* bytesOf(...chunks: readonly Uint8Array[]): Bytes {
  yield* chunks
}

/** Opens a blob at an offset. May be called again after a failure, which makes retry and resume possible. `given` fires when the stream is given up
 *  or the run is stopped; without it only the run's own signal ends the stream. */
export type OpenBlob = (offset: number, given?: AbortSignal) => Promise<Bytes>

/** Blobs up to this many bytes are small: they do not queue behind large ones, and reading one again is faster than waiting for a sibling. */
export const SMALL_BLOB = 256 * 1024

export interface ContentSource {
  /** Present in a store that does not keep manifests but makes them of what it has: the digest by which it knows what `manifest` describes,
   *  and which `resolve` gives; undefined for what it cannot hold. Two sides have the same where either's name of the other's manifest is
   *  the same, no matter which tool made the manifests. */
  nameOf?(manifest: Manifest): Digest | undefined
  /** Goes with `nameOf`: what stands beside the content that the store calls `name`, such as the provenance of a chart. What earlier runs have seen
   *  is believed, unless `fresh` is set. */
  beside?(name: Digest, tag: string | undefined, fresh: boolean, ctx: Context): Promise<readonly Digest[]>
  /** What a tag or digest points at, or undefined if it does not exist. Does not count as a pull (HEAD, not GET). */
  resolve(tagOrDigest: string, ctx: Context): Promise<Descriptor | undefined>
  /** The exact bytes, checked against the requested digest, or for a tag against the digest that the registry named.
   *  Throws a `RegistryError` with status 404 if it does not exist, an `IntegrityError` with both digests if they differ. */
  readManifest(tagOrDigest: string, ctx: Context): Promise<Manifest>
  /** The blob from `offset` on, as the source sends it; the caller checks length and digest. From `end` on nothing is wanted: a source that
   *  cannot ask for less sends more. */
  readBlob(blob: Descriptor, offset: number, ctx: Context, end?: number): Promise<Bytes>
  /** How many bytes the blob has, by its digest alone; undefined if it does not exist. Absent: only a descriptor tells. */
  sizeOfBlob?(digest: Digest, ctx: Context): Promise<number | undefined>
  /** Every tag, in no order, each once. Throws a `RegistryError` with status 404 for a repository that does not exist. */
  tags(ctx: Context): AsyncIterable<string>
  /** What refers to `subject`, by every convention the source knows, not recursive. A manifest on several tags comes once for each. */
  referrers?(subject: Descriptor, ctx: Context): AsyncIterable<Referrer>
  /** What a list of all tags has told, also to other processes that have not read it. */
  readonly hanging?: HangingTags
}

/** Tags that hang on digests, such as signatures. */
export interface HangingTags {
  /** Undefined until all tags were listed; null where more than `most` hang. */
  listed(most: number): readonly string[] | null | undefined
  /** No other tag hangs on a digest: none is asked for by name. */
  learn(tags: readonly string[]): void
  /** So many subjects are asked about next: `root`, which a tag may point at, and what it names. */
  expect(root: Digest, count: number): void
}

/** What is remembered of a blob that is being written, so that another process can resume it. Its methods do not throw. */
export interface Checkpoint {
  /** What was saved last, by any process; undefined if there is nothing, or if a running execution is writing the blob. */
  load(): string | undefined | Promise<string | undefined>
  /** `state` is the store's own and may be a secret; `offset` is how many bytes the store has confirmed. */
  save(state: string, offset: number): void
  /** Call when the blob is written, or when what was saved has become useless. */
  clear(): void
}

export interface ContentStore extends ContentSource {
  /** `writeBlob` checks length and digest itself, of all bytes: nothing need be hashed on the way. Absent: it does not. */
  readonly checksDigest?: true
  hasBlob(blob: Descriptor, ctx: Context): Promise<boolean>
  /** Idempotent. A stream with wrong content throws before its end, and then nothing is kept. With a checkpoint, a store that can resumes where the
   *  last process stopped, and calls `open` with that offset first. */
  writeBlob(blob: Descriptor, open: OpenBlob, ctx: Context, checkpoint?: Checkpoint): Promise<void>
  /** Frees what an unfinished `writeBlob` has left; `state` is what it saved. Never throws, even if the store refuses. */
  discardBlob?(state: string, ctx: Context): Promise<void>
  /** Writes the exact bytes under a tag or under their digest and checks the digest the store answers with. A manifest with a
   *  `subject` becomes findable as its referrer, also in a store without the referrers API. Idempotent. */
  writeManifest(manifest: Manifest, tagOrDigest: string, ctx: Context): Promise<void>
  /** Mounts a blob from another repository of the same registry; false if the registry did not. */
  mountBlob?(blob: Descriptor, fromRepository: string, ctx: Context): Promise<boolean>
  /** Removes just the tag; a missing one counts as deleted. Throws an `UnsupportedError` if the registry can only delete a manifest with all its
   *  tags, or nothing at all. */
  deleteTag?(tag: string, ctx: Context): Promise<void>
  /** What the registry can delete, as far as that is known without a request that writes; absent: a tag. `manifest`: only a manifest with all its
   *  tags; `unknown`: only `deleteTag` will tell. */
  deletes?(ctx: Context): Promise<'tag' | 'manifest' | 'nothing' | 'unknown'>
  /** Deletes a manifest with all its tags; a missing one counts as deleted. Throws an `UnsupportedError` if the registry does not allow it. */
  deleteManifest?(digest: Digest, ctx: Context): Promise<void>
}
