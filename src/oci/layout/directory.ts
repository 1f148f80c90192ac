/** An OCI layout in a directory: its blobs and its index.json. */

import { lstat, mkdir, readdir, realpath, rm, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Bytes } from '../../core/content.ts'
import { type Digest, digestParts, parseDigest } from '../../core/descriptor.ts'
import { ConfigurationError, IntegrityError, UnsupportedError } from '../../core/errors.ts'
import {
  type Expected,
  fileError,
  fileSize,
  isAbsent,
  MAX_JSON_SIZE,
  readRange,
  readSmall,
  replaceFile,
  syncDirectory,
  TEMPORARY,
  writeAll,
  writeVerified,
} from './file.ts'
import {
  EMPTY_INDEX,
  formatIndex,
  type IndexChange,
  type LayoutIndex,
  type Naming,
  parseIndex,
  parseObject,
} from './index.ts'
import { withLockFile } from './lock.ts'

/** Where a layout is kept: a directory, or a tar. */
export interface LayoutFiles {
  /** For messages. */
  readonly path: string
  readonly naming: Naming
  /** Undefined where there is no layout. */
  readIndex(): Promise<LayoutIndex | undefined>
  /** Done one after another, also across processes. Makes the layout where there is none. */
  changeIndex(change: IndexChange): Promise<void>
  /** In bytes, or undefined where the blob is not there. */
  blobSize(digest: Digest): Promise<number | undefined>
  /** The bytes from `start` up to `end` of a blob that is there. */
  readBlob(digest: Digest, start: number, end: number): Bytes
  /** Checks length and digest. Idempotent. */
  writeBlob(blob: Expected, bytes: Bytes, signal: AbortSignal): Promise<void>
}

export const LAYOUT_FILE = Buffer.from('{"imageLayoutVersion":"1.0.0"}')

interface Waiting {
  readonly change: IndexChange
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

export class DirectoryLayout implements LayoutFiles {
  readonly path: string
  readonly naming: Naming
  /** The index as it was last read or written, and what the file looked like then. */
  #known: { readonly index: LayoutIndex; readonly stamp: string } | undefined
  #waiting: Waiting[] = []
  #working = false
  #prepared: Promise<void> | undefined
  readonly #blobDirectories = new Map<string, string>()
  readonly #unsynced = new Set<string>()

  constructor(path: string, naming: Naming) {
    this.path = path
    this.naming = naming
  }

  async readIndex(): Promise<LayoutIndex | undefined> {
    const file = join(this.path, 'index.json')
    const stamp = await stampOf(file)
    if (this.#known && stamp !== undefined && stamp === this.#known.stamp) return this.#known.index
    if (!(await isLayout(this.path))) return undefined
    const bytes = await readSmall(file)
    // A first write that was cut short leaves a layout without an index: an empty one.
    if (!bytes || stamp === undefined) return EMPTY_INDEX
    const index = parseIndex(bytes, file)
    // Where the file was replaced meanwhile, the older stamp makes the next call read again.
    this.#known = { index, stamp }
    return index
  }

  changeIndex(change: IndexChange): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ change, done, failed })
      if (!this.#working) void this.#work()
    })
  }

  async blobSize(digest: Digest): Promise<number | undefined> {
    const directory = await this.#blobDirectory(digest)
    return directory === undefined ? undefined : fileSize(join(directory, digestParts(digest).hex))
  }

  readBlob(digest: Digest, start: number, end: number): Bytes {
    const { algorithm, hex } = digestParts(checkedDigest(digest))
    return readRange(join(this.path, 'blobs', algorithm, hex), start, end)
  }

  async writeBlob(blob: Expected, bytes: Bytes, signal: AbortSignal): Promise<void> {
    const { algorithm, hex } = digestParts(checkedDigest(blob.digest))
    await this.#prepare()
    await mkdir(join(this.path, 'blobs', algorithm), { recursive: true }).catch((error: unknown) => {
      throw fileError(error, 'write', this.path)
    })
    const directory = (await this.#blobDirectory(blob.digest)) ?? join(this.path, 'blobs', algorithm)
    await writeVerified(join(directory, hex), this.path, blob, bytes, signal)
    this.#unsynced.add(directory)
  }

  /** Takes all changes that wait at once, so that a thousand tags do not mean a thousand rounds. */
  async #work(): Promise<void> {
    this.#working = true
    while (this.#waiting.length > 0) {
      // Whoever asks in this turn of the event loop is taken along.
      await Promise.resolve()
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#prepare()
        const applied = await withLockFile(join(this.path, 'index.json.lock'), () => this.#apply(batch))
        for (const one of applied) one.done()
      } catch (error) {
        for (const one of batch) one.failed(fileError(error, 'write', join(this.path, 'index.json')))
      }
    }
    this.#working = false
  }

  async #apply(batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    const before = (await this.readIndex()) ?? EMPTY_INDEX
    let index = before
    const applied: Waiting[] = []
    for (const one of batch) {
      try {
        index = await one.change(index)
        applied.push(one)
      } catch (error) {
        one.failed(error)
      }
    }
    if (index !== before) await this.#write(index)
    return applied
  }

  async #write(index: LayoutIndex): Promise<void> {
    const file = join(this.path, 'index.json')
    const bytes = formatIndex(index)
    if (bytes.byteLength > MAX_JSON_SIZE) {
      throw new UnsupportedError(
        `${file} would grow to ${bytes.byteLength} bytes, more than the ${MAX_JSON_SIZE} read`,
        {
          hint: 'spread the repositories over several layouts',
        },
      )
    }
    // The blobs' names must last before an index names them.
    const directories = [...this.#unsynced]
    this.#unsynced.clear()
    for (const directory of directories) await syncDirectory(directory)
    await replaceFile(file, this.path, (handle) => writeAll(handle, bytes))
    await syncDirectory(this.path)
    const stamp = await stampOf(file)
    this.#known = stamp === undefined ? undefined : { index, stamp }
  }

  #prepare(): Promise<void> {
    this.#prepared ??= makeLayout(this.path).catch((error: unknown) => {
      this.#prepared = undefined
      throw fileError(error, 'write', this.path)
    })
    return this.#prepared
  }

  /** The directory of the digest's algorithm, once it is known to lie inside the layout. Undefined where there is none. */
  async #blobDirectory(digest: Digest): Promise<string | undefined> {
    const { algorithm } = digestParts(checkedDigest(digest))
    const known = this.#blobDirectories.get(algorithm)
    if (known !== undefined) return known
    const directory = join(this.path, 'blobs', algorithm)
    if (!(await isInside(this.path, directory))) return undefined
    this.#blobDirectories.set(algorithm, directory)
    return directory
  }
}

/** Digests come out of files that anyone may have written: nothing else becomes a path. */
export function checkedDigest(digest: string): Digest {
  const checked = parseDigest(digest)
  if (!checked) throw new UnsupportedError(`${digest.slice(0, 100)} is not a sha256 or sha512 digest`)
  return checked
}

/** True for a directory with an `oci-layout` file; throws an `UnsupportedError` for another version than 1. */
export async function isLayout(directory: string): Promise<boolean> {
  const file = join(directory, 'oci-layout')
  const bytes = await readSmall(file)
  if (bytes) checkVersion(bytes, file)
  return bytes !== undefined
}

export function checkVersion(bytes: Uint8Array, file: string): void {
  const version = parseObject(bytes, file).imageLayoutVersion
  if (typeof version !== 'string') throw new IntegrityError(`${file} is malformed: it has no imageLayoutVersion`)
  if (!/^1\.\d+\.\d+$/.test(version)) {
    throw new UnsupportedError(`${file} is of version ${version.slice(0, 20)}; only 1.0.0 is supported`)
  }
}

/** Throws a `ConfigurationError` for a directory that holds something else: it is someone's, and not written into. */
export async function checkFree(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (!isAbsent(error)) throw fileError(error, 'read', directory)
    return []
  })
  const foreign = names.find((name) => !name.startsWith(TEMPORARY))
  if (foreign === undefined || (await isLayout(directory))) return
  throw new ConfigurationError(`${directory} is not an OCI layout, and not empty: it holds ${foreign}`, {
    hint: 'name an OCI layout, an empty directory, or one that does not exist yet',
  })
}

/** True where `path` exists and, after links are followed, lies in `root`. Throws where a link leads out of it. */
export async function isInside(root: string, path: string): Promise<boolean> {
  try {
    const [outer, inner] = await Promise.all([realpath(root), realpath(path)])
    if (inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep)) return true
    throw new IntegrityError(`${path} leads out of the layout, to another directory`)
  } catch (error) {
    if (isAbsent(error)) return false
    throw fileError(error, 'read', path)
  }
}

async function makeLayout(directory: string): Promise<void> {
  await checkFree(directory)
  await mkdir(directory, { recursive: true })
  await removeLeftovers(directory)
  if (await isLayout(directory)) return
  await replaceFile(join(directory, 'oci-layout'), directory, (handle) => writeAll(handle, LAYOUT_FILE))
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true })
}

/** Unfinished files that nobody has written to for a day belong to a process that died. */
async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(TEMPORARY)) continue
    const file = join(directory, name)
    const stats = await lstat(file).catch(() => undefined)
    if (stats?.isFile() && Date.now() - stats.mtimeMs > 24 * 60 * 60 * 1000) await rm(file, { force: true })
  }
}

/** Tells two states of a file apart; each write makes a new file. */
async function stampOf(file: string): Promise<string | undefined> {
  try {
    const { ino, mtimeNs, ctimeNs, size } = await stat(file, { bigint: true })
    return `${ino} ${mtimeNs} ${ctimeNs} ${size}`
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw fileError(error, 'read', file)
  }
}
