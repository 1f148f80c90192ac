/** An OCI layout in a directory: its blobs and its index.json. */

import { mkdir, readdir, realpath, rm, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Bytes, Checkpoint, OpenBlob } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { type Digest, digestParts } from '../../core/descriptor.ts'
import { ConfigurationError, IntegrityError, UnsupportedError } from '../../core/errors.ts'
import {
  fileError,
  fileSize,
  isAbsent,
  MAX_JSON_SIZE,
  readFileRange,
  readSmall,
  replaceFile,
  syncDirectory,
  writeAll,
} from './file.ts'
import {
  type Absence,
  checkedDigest,
  checkVersion,
  type Expected,
  isWhole,
  LAYOUT_FILE,
  type LayoutFiles,
} from './files.ts'
import { emptyIndex, type IndexChange, LayoutIndex, lengthOf, type Naming } from './index.ts'
import { ingest, removeUnfinished } from './ingest.ts'
import { parseObject } from './json.ts'
import { type Lock, withLockFile } from './lock.ts'
import { roomIn } from './room.ts'
import { TEMPORARY } from './temporary.ts'

/** Milliseconds to wait for the lock of an index, which is written in a moment: a longer wait means that something is stuck. */
const PATIENCE_MS = 60_000

interface Waiting {
  readonly change: IndexChange
  readonly ctx: Context
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/** Owns what it knows of the index; the files belong to all processes that use the layout. */
export class DirectoryLayout implements LayoutFiles {
  readonly path: string
  readonly #naming: Naming
  /** The index as it was last read or written, and what the file looked like then. */
  #known: { readonly index: LayoutIndex; readonly stamp: string } | undefined
  #waiting: Waiting[] = []
  #working = false
  #prepared: Promise<void> | undefined
  readonly #blobDirectories = new Map<string, string>()
  readonly #unsynced = new Set<string>()

  constructor(path: string, naming: Naming) {
    this.path = path
    this.#naming = naming
  }

  async readIndex(): Promise<LayoutIndex | undefined> {
    const file = join(this.path, 'index.json')
    const stamp = await stampOf(file)
    if (this.#known && stamp !== undefined && stamp === this.#known.stamp) return this.#known.index
    if (!(await isLayout(this.path))) return undefined
    const bytes = await readSmall(file)
    // A first write that was cut short leaves a layout without an index: an empty one.
    if (!bytes || stamp === undefined) return emptyIndex(this.#naming)
    const index = new LayoutIndex(parseObject(bytes, file), this.#naming, file)
    // Where the file was replaced meanwhile, the older stamp makes the next call read again.
    this.#known = { index, stamp }
    return index
  }

  async absence(): Promise<Absence> {
    const exists = await stat(this.path).catch(() => undefined)
    return { reason: exists ? 'is not an OCI layout: no oci-layout file' : 'does not exist' }
  }

  changeIndex(change: IndexChange, ctx: Context): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ change, ctx, done, failed })
      if (!this.#working) void this.#work()
    })
  }

  async blobSize(digest: Digest): Promise<number | undefined> {
    const { algorithm, hex } = digestParts(checkedDigest(digest))
    const directory = await this.#blobDirectory(algorithm)
    return directory === undefined ? undefined : fileSize(join(directory, hex))
  }

  readBlob(digest: Digest, start: number, end: number): Bytes {
    return readFileRange(this.#blobFile(digest), start, end)
  }

  async writeBlob(blob: Expected, open: OpenBlob, ctx: Context, checkpoint?: Checkpoint): Promise<void> {
    if (await isWhole(this, blob)) return
    const { algorithm, hex } = digestParts(checkedDigest(blob.digest))
    await this.prepare()
    const directory = (await this.#blobDirectory(algorithm)) ?? (await this.#makeBlobDirectory(algorithm))
    await ingest(join(directory, hex), this.path, blob, open, ctx.signal, checkpoint)
    this.#unsynced.add(directory)
  }

  async removeBlob(digest: Digest): Promise<void> {
    await rm(this.#blobFile(digest), { force: true })
  }

  async commit(whole: boolean): Promise<void> {
    // Each tag was made to last when it was written.
    if (whole) await removeUnfinished(this.path, true)
  }

  async close(): Promise<void> {}

  async room(): Promise<number> {
    await checkFree(this.path)
    return roomIn(this.path)
  }

  /** Takes all changes that wait at once, so that a thousand tags do not mean a thousand rounds. */
  async #work(): Promise<void> {
    this.#working = true
    while (this.#waiting.length > 0) {
      // What is asked for in this turn of the event loop is taken along.
      await new Promise(setImmediate)
      const batch = this.#waiting
      const [first] = batch
      if (!first) break
      this.#waiting = []
      try {
        await this.prepare()
        const lock = join(this.path, 'index.json.lock')
        const { ctx } = first
        const applied = await withLockFile(lock, PATIENCE_MS, ctx, (held) => this.#apply(batch, held))
        for (const one of applied) one.done()
      } catch (error) {
        for (const one of batch) one.failed(fileError(error, 'write', join(this.path, 'index.json')))
      }
    }
    this.#working = false
  }

  async #apply(batch: readonly Waiting[], lock: Lock): Promise<readonly Waiting[]> {
    const index = (await this.readIndex()) ?? emptyIndex(this.#naming)
    const applied: Waiting[] = []
    for (const one of batch) {
      const before = index.mark
      try {
        await one.change(index)
        applied.push(one)
      } catch (error) {
        index.undo(before)
        one.failed(error)
      }
    }
    try {
      if (index.changed) await this.#write(index, lock)
      index.keep()
    } catch (error) {
      index.undo(0)
      throw error
    }
    return applied
  }

  async #write(index: LayoutIndex, lock: Lock): Promise<void> {
    const file = join(this.path, 'index.json')
    const pieces = index.format()
    const size = lengthOf(pieces)
    if (size > MAX_JSON_SIZE) {
      throw new UnsupportedError(`${file} would grow to ${size} bytes, more than the ${MAX_JSON_SIZE} read`, {
        hint: 'spread the repositories over several layouts',
      })
    }
    // The blobs' names must last before an index names them.
    const directories = [...this.#unsynced]
    this.#unsynced.clear()
    for (const directory of directories) await syncDirectory(directory)
    await replaceFile(file, this.path, async (handle) => {
      let position = 0
      for (const piece of pieces) {
        await writeAll(handle, piece, position, file)
        position += piece.byteLength
      }
      await lock.check()
    })
    await syncDirectory(this.path)
    const stamp = await stampOf(file)
    this.#known = stamp === undefined ? undefined : { index, stamp }
  }

  /** Makes the layout if it does not exist. */
  prepare(): Promise<void> {
    this.#prepared ??= makeLayout(this.path).catch((error: unknown) => {
      this.#prepared = undefined
      throw fileError(error, 'write', this.path)
    })
    return this.#prepared
  }

  #blobFile(digest: Digest): string {
    const { algorithm, hex } = digestParts(checkedDigest(digest))
    return join(this.path, 'blobs', algorithm, hex)
  }

  /** The directory of an algorithm's blobs, once it is known to lie inside the layout. Undefined if it does not exist. */
  async #blobDirectory(algorithm: string): Promise<string | undefined> {
    const known = this.#blobDirectories.get(algorithm)
    if (known !== undefined) return known
    const directory = join(this.path, 'blobs', algorithm)
    if (!(await isInside(this.path, directory))) return undefined
    this.#blobDirectories.set(algorithm, directory)
    return directory
  }

  async #makeBlobDirectory(algorithm: string): Promise<string> {
    // Before anything is made there: `blobs` may be a link to elsewhere.
    await isInside(this.path, join(this.path, 'blobs'))
    const directory = join(this.path, 'blobs', algorithm)
    await mkdir(directory, { recursive: true }).catch((error: unknown) => {
      throw fileError(error, 'write', directory)
    })
    await this.#blobDirectory(algorithm)
    return directory
  }
}

/** True for a directory with an `oci-layout` file; throws an `UnsupportedError` for another version than 1. */
export async function isLayout(directory: string): Promise<boolean> {
  const file = join(directory, 'oci-layout')
  const bytes = await readSmall(file)
  if (bytes) checkVersion(bytes, file)
  return bytes !== undefined
}

/** Throws a `ConfigurationError` for a directory that holds something else: its files belong to the user, so nothing is written there. */
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
  await removeUnfinished(directory, false)
  if (await isLayout(directory)) return
  const file = join(directory, 'oci-layout')
  await replaceFile(file, directory, (handle) => writeAll(handle, LAYOUT_FILE, 0, file))
  await isInside(directory, join(directory, 'blobs'))
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true })
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
