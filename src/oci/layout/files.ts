/** The seam between a layout's content and where it is kept: a directory, or a tar. */

import { createHash } from 'node:crypto'
import type { Bytes, Checkpoint, OpenBlob } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { type Digest, digestParts, parseDigest } from '../../core/descriptor.ts'
import { IntegrityError, UnsupportedError } from '../../core/errors.ts'
import type { IndexChange, LayoutIndex } from './index.ts'
import { parseObject } from './json.ts'

/** What a written blob must turn out to be. */
export interface Expected {
  readonly digest: Digest
  readonly size: number
}

export interface LayoutFiles {
  /** For messages. */
  readonly path: string
  /** Undefined where there is no layout. */
  readIndex(): Promise<LayoutIndex | undefined>
  /** Why `readIndex` gives nothing. */
  absence(): Promise<Absence>
  /** Done one after another, also across processes. Makes the layout if it does not exist. */
  changeIndex(change: IndexChange, ctx: Context): Promise<void>
  /** In bytes, or undefined where the blob is not there. */
  blobSize(digest: Digest): Promise<number | undefined>
  /** The bytes from `start` up to `end` of a blob that is there. */
  readBlob(digest: Digest, start: number, end: number): Bytes
  /** Checks length and digest. Idempotent; resumes what an earlier process began. `checkpoint` is told how many bytes a failed one has left. */
  writeBlob(blob: Expected, open: OpenBlob, ctx: Context, checkpoint?: Checkpoint): Promise<void>
  /** Makes last what was written. `whole`: everything was, so that what unfinished copies left is removed. */
  commit(whole: boolean, ctx: Context): Promise<void>
  /** Releases files and locks. May be called again. */
  close(): Promise<void>
  /** Throws where nothing can be written, and says how many bytes fit. Writes nothing. */
  room(): Promise<number>
}

export interface Absence {
  readonly reason: string
  readonly hint?: string
}

export const LAYOUT_FILE = Buffer.from('{"imageLayoutVersion":"1.0.0"}')

/** True where the blob is present and its bytes are right: one that is to be written although it is present may have changed since. */
export async function isWhole(files: LayoutFiles, blob: Expected): Promise<boolean> {
  if ((await files.blobSize(blob.digest)) !== blob.size) return false
  const { algorithm, hex } = digestParts(blob.digest)
  const hash = createHash(algorithm)
  for await (const chunk of files.readBlob(blob.digest, 0, blob.size)) hash.update(chunk)
  return hash.digest('hex') === hex
}

/** Digests come out of files that anyone may have written: only a checked one becomes a path. */
export function checkedDigest(digest: string): Digest {
  const checked = parseDigest(digest)
  if (!checked) throw new UnsupportedError(`${digest.slice(0, 100)} is not a sha256 or sha512 digest`)
  return checked
}

/** Throws an `UnsupportedError` for an `oci-layout` file of another version than 1. */
export function checkVersion(bytes: Uint8Array, file: string): void {
  const version = parseObject(bytes, file).imageLayoutVersion
  if (typeof version !== 'string') throw new IntegrityError(`${file} is malformed: it has no imageLayoutVersion`)
  if (!/^1\.\d+\.\d+$/.test(version)) {
    throw new UnsupportedError(`${file} is of version ${version.slice(0, 20)}; only 1.0.0 is supported`)
  }
}
