/** The seam of the whole program: what holds content, read and written by descriptor. */

import type { Context } from './context.ts'
import type { Descriptor, Digest, Referrer } from './descriptor.ts'
import type { Manifest } from './manifest.ts'

export type Bytes = AsyncIterable<Uint8Array>

/** Opens a blob at an offset. May be called again after a failure: that is what makes retry and resume possible. */
export type OpenBlob = (offset: number) => Promise<Bytes>

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

export interface ContentStore extends ContentSource {
  hasBlob(blob: Descriptor, ctx: Context): Promise<boolean>
  /** Idempotent. The stream `open` gives throws before its end where the content is wrong; then nothing is kept. */
  writeBlob(blob: Descriptor, open: OpenBlob, ctx: Context): Promise<void>
  /** Writes the exact bytes under a tag or under their digest and checks the digest the store answers with. A manifest with a
   *  `subject` becomes findable as its referrer, also in a store without the referrers API. Idempotent. */
  writeManifest(manifest: Manifest, tagOrDigest: string, ctx: Context): Promise<void>
  /** Takes a blob over from another repository of the same registry; false where the registry would not. */
  mountBlob?(blob: Descriptor, fromRepository: string, ctx: Context): Promise<boolean>
  deleteTag?(tag: string, ctx: Context): Promise<void>
  deleteManifest?(digest: Digest, ctx: Context): Promise<void>
}
