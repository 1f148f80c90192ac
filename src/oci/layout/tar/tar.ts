/** An OCI layout in a tar: read in place. What is written waits in a staging directory beside it until `commit` packs a new tar. */

import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { throwIfAborted } from '../../../core/cancel.ts'
import { type Bytes, bytesOf, type Checkpoint, type OpenBlob } from '../../../core/content.ts'
import type { Context } from '../../../core/context.ts'
import { type Digest, digestParts } from '../../../core/descriptor.ts'
import { IntegrityError, UnsupportedError } from '../../../core/errors.ts'
import { fileError, fileSize, MAX_JSON_SIZE, readExactly, readRange, syncDirectory } from '../file.ts'
import {
  type Absence,
  checkedDigest,
  checkVersion,
  type Expected,
  isWhole,
  LAYOUT_FILE,
  type LayoutFiles,
} from '../files.ts'
import { emptyIndex, type IndexChange, LayoutIndex, lengthOf, type Naming } from '../index.ts'
import { parseObject } from '../json.ts'
import { type Lock, withLockFile } from '../lock.ts'
import { roomIn } from '../room.ts'
import type { DockerImages } from './docker.ts'
import { type Archive, openArchive } from './open.ts'
import { type Piece, writeTar } from './pack.ts'
import { reachable } from './reachable.ts'
import { clearStaging, digestOf, hasStaging, joinStaging, type Staging } from './staging.ts'

/** Milliseconds: another process may be packing a large tar. */
const PATIENCE_MS = 60 * 60_000
/** Bytes that a tar takes beside its blobs, generously. */
const MARGIN = 2 * MAX_JSON_SIZE

/** Owns the index as this process has changed it. The blobs that wait belong to all processes that write the tar; see `Staging`. */
export class TarLayout implements LayoutFiles {
  readonly path: string
  readonly #naming: Naming
  #archive: Promise<Archive | undefined> | undefined
  /** Undefined for an archive that is a layout itself. */
  #docker: Promise<DockerImages | undefined> | undefined
  #index: LayoutIndex | undefined
  /** What was changed since the tar was read: done again on the tar that is there when it is packed. */
  #changes: IndexChange[] = []
  #queue: Promise<unknown> = Promise.resolve()
  #joining: Promise<Staging> | undefined
  #staging: Staging | undefined

  constructor(path: string, naming: Naming) {
    this.path = path
    this.#naming = naming
  }

  async readIndex(): Promise<LayoutIndex | undefined> {
    this.#index ??= await this.#readArchive()
    return this.#index
  }

  async absence(): Promise<Absence> {
    return { reason: (await this.#open()) ? 'is not an OCI layout: no oci-layout file' : 'does not exist' }
  }

  changeIndex(change: IndexChange): Promise<void> {
    const done = this.#queue.then(async () => {
      await this.#checkWritable()
      const index = (await this.readIndex()) ?? emptyIndex(this.#naming)
      const before = index.mark
      try {
        await change(index)
      } catch (error) {
        index.undo(before)
        throw error
      }
      if (index.mark === before) return
      this.#index = index
      this.#changes.push(change)
    })
    this.#queue = done.catch(() => undefined)
    return done
  }

  async blobSize(digest: Digest): Promise<number | undefined> {
    const staged = await this.#staging?.blobs.blobSize(digest)
    if (staged !== undefined) return staged
    const saved = (await this.#images())?.blobs.get(checkedDigest(digest))
    if (saved) return saved instanceof Uint8Array ? saved.byteLength : saved.size
    return (await this.#open())?.members.get(blobName(digest))?.size
  }

  async *readBlob(digest: Digest, start: number, end: number): Bytes {
    const staged = this.#staging?.blobs
    if (staged && (await staged.blobSize(digest)) !== undefined) yield* staged.readBlob(digest, start, end)
    else yield* await this.#readMember(digest, start, end)
  }

  async writeBlob(blob: Expected, open: OpenBlob, ctx: Context, checkpoint?: Checkpoint): Promise<void> {
    if (await isWhole(this, blob)) return
    const { blobs } = await this.#join(ctx)
    await blobs.writeBlob(blob, open, ctx, checkpoint)
  }

  /** Packs a new tar where anything was changed. What it held before stays in it, and what other processes put there meanwhile. */
  async commit(whole: boolean, ctx: Context): Promise<void> {
    await this.#queue
    if (this.#changes.length === 0 && !(await hasStaging(this.path))) return
    try {
      await mkdir(dirname(this.path), { recursive: true })
      await withLockFile(`${this.path}.lock`, PATIENCE_MS, ctx, async (lock) => {
        const packed = this.#changes.length > 0 ? await this.#pack(lock, ctx) : []
        await this.#leave()
        await clearStaging(this.path, whole, packed)
      })
    } catch (error) {
      throw fileError(error, 'write', this.path)
    }
  }

  async close(): Promise<void> {
    await this.#queue
    await this.#leave()
    await this.#closeArchive()
  }

  async room(): Promise<number> {
    await this.#checkWritable()
    // What the tar holds is written anew beside it.
    return Math.max(0, (await roomIn(dirname(this.path))) - ((await fileSize(this.path)) ?? 0))
  }

  /** Returns the names of the blobs that are in the tar now. */
  async #pack(lock: Lock, ctx: Context): Promise<Iterable<string>> {
    const staging = this.#staging ?? (await this.#joinLocked(ctx))
    await this.#closeArchive()
    const index = (await this.#readArchive()) ?? emptyIndex(this.#naming)
    for (const change of this.#changes) await change(index)
    const json = index.format(true)
    if (lengthOf(json) > MAX_JSON_SIZE) throw new UnsupportedError(`index.json of ${this.path} would be too large`)
    const blobs = await this.#contents(index)
    let moved = false
    const moveOut = async ({ name }: Piece): Promise<void> => {
      if (!digestOf(name)) return
      moved = true
      await staging.blobs.removeBlob(digestIn(name))
    }
    await rm(staging.packed, { force: true })
    const handle = await open(staging.packed, 'wx', 0o644)
    try {
      const hasRoom = (await roomIn(dirname(this.path))) > MARGIN + sumOf(blobs.values())
      // Where all blobs do not fit twice, each leaves the staging directory once the tar has it: then the room of the largest is enough.
      await writeTar(handle, staging.packed, this.#pieces(blobs, json, ctx), hasRoom ? undefined : moveOut)
      await lock.check()
      await handle.close()
      // Some systems do not replace a file that is open.
      await this.#closeArchive()
      await rename(staging.packed, this.path)
    } catch (error) {
      await handle.close().catch(() => undefined)
      if (!moved) await rm(staging.packed, { force: true })
      throw error
    }
    await syncDirectory(dirname(this.path))
    index.keep()
    this.#index = index
    this.#changes = []
    return blobs.keys()
  }

  /** The sizes of the blobs that the new tar has, by name: those of the old one, and those that the index leads to. */
  async #contents(index: LayoutIndex): Promise<ReadonlyMap<string, number>> {
    const old = [...((await this.#open())?.members ?? [])].filter(([name]) => digestOf(name))
    const sizes = new Map(old.map(([name, { size }]) => [name, size]))
    for (const [digest, size] of await reachable(this, index)) sizes.set(blobName(digest), size)
    return sizes
  }

  /** What the new tar consists of. */
  async *#pieces(blobs: ReadonlyMap<string, number>, json: readonly Uint8Array[], ctx: Context): AsyncIterable<Piece> {
    for (const name of [...blobs.keys()].sort()) {
      throwIfAborted(ctx.signal)
      const size = blobs.get(name) ?? 0
      yield { name, size, bytes: this.readBlob(digestIn(name), 0, size) }
    }
    yield { name: 'index.json', size: lengthOf(json), bytes: json }
    yield { name: 'oci-layout', size: LAYOUT_FILE.byteLength, bytes: [LAYOUT_FILE] }
  }

  /** Under the tar's lock, so that the directory is not removed by a process that has just packed it. */
  #join(ctx: Context): Promise<Staging> {
    this.#joining ??= this.#joinFirst(ctx).catch((error: unknown) => {
      this.#joining = undefined
      throw fileError(error, 'write', this.path)
    })
    return this.#joining
  }

  async #joinFirst(ctx: Context): Promise<Staging> {
    await this.#checkWritable()
    await mkdir(dirname(this.path), { recursive: true })
    return withLockFile(`${this.path}.lock`, PATIENCE_MS, ctx, () => this.#joinLocked(ctx))
  }

  async #joinLocked(ctx: Context): Promise<Staging> {
    this.#staging = await joinStaging(this.path, (await this.#open())?.members ?? new Map(), ctx)
    return this.#staging
  }

  async #leave(): Promise<void> {
    await this.#joining?.catch(() => undefined)
    await this.#staging?.leave()
    this.#staging = undefined
    this.#joining = undefined
  }

  async #readArchive(): Promise<LayoutIndex | undefined> {
    const docker = await this.#images()
    if (docker) return new LayoutIndex(docker.json, this.#naming, `manifest.json in ${this.path}`)
    return this.#readLayout()
  }

  async #readLayout(): Promise<LayoutIndex | undefined> {
    const layout = await this.#readJson('oci-layout')
    if (!layout) return undefined
    checkVersion(layout, `oci-layout in ${this.path}`)
    const file = `index.json in ${this.path}`
    const json = await this.#readJson('index.json')
    return json ? new LayoutIndex(parseObject(json, file), this.#naming, file) : emptyIndex(this.#naming)
  }

  async #readJson(name: string): Promise<Uint8Array | undefined> {
    const archive = await this.#open()
    const member = archive?.members.get(name)
    if (!archive || !member) return undefined
    if (member.size > MAX_JSON_SIZE) {
      throw new IntegrityError(`${name} in ${this.path} has ${member.size} bytes, more than the ${MAX_JSON_SIZE} read`)
    }
    return readExactly(archive, member.offset, member.size, this.path)
  }

  async #readMember(digest: Digest, start: number, end: number): Promise<Bytes> {
    const archive = await this.#open()
    const saved = (await this.#images())?.blobs.get(digest)
    if (saved instanceof Uint8Array) return bytesOf(saved.subarray(start, end))
    const name = blobName(digest)
    const member = saved ?? archive?.members.get(name)
    if (!archive || !member || end > member.size) throw new IntegrityError(`${name} is not in ${this.path}`)
    return readRange(archive, member.offset + start, member.offset + end, this.path)
  }

  /** Images that Docker saved, in an archive whose index.json, if there is one, names none. */
  #images(): Promise<DockerImages | undefined> {
    this.#docker ??= this.#readImages().catch((error: unknown) => {
      this.#docker = undefined
      throw error
    })
    return this.#docker
  }

  async #readImages(): Promise<DockerImages | undefined> {
    const archive = await this.#open()
    if (!archive?.members.has('manifest.json') && !archive?.others.files.has('repositories')) return undefined
    const layout = await this.#readLayout()
    for (const _ of layout?.all() ?? []) return undefined
    const { readDockerImages } = await import('./docker.ts')
    return readDockerImages(archive, this.path)
  }

  async #checkWritable(): Promise<void> {
    if (/\.(gz|tgz|zst)$/.test(this.path) || (await this.#open())?.compressed) {
      throw readOnly(`${this.path} is compressed`, 'name a file that ends in .tar; layers are compressed already')
    }
    if (await this.#images()) throw readOnly(`${this.path} was made by \`docker save\``, 'name another file')
  }

  #open(): Promise<Archive | undefined> {
    this.#archive ??= openArchive(this.path).catch((error: unknown) => {
      this.#archive = undefined
      throw error
    })
    return this.#archive
  }

  async #closeArchive(): Promise<void> {
    const archive = await this.#archive?.catch(() => undefined)
    this.#archive = undefined
    this.#docker = undefined
    await archive?.close()
  }
}

function readOnly(what: string, hint: string): UnsupportedError {
  return new UnsupportedError(`${what}: it can be read, not written`, { hint })
}

function blobName(digest: Digest): string {
  const { algorithm, hex } = digestParts(checkedDigest(digest))
  return `blobs/${algorithm}/${hex}`
}

function sumOf(sizes: Iterable<number>): number {
  let sum = 0
  for (const size of sizes) sum += size
  return sum
}

function digestIn(name: string): Digest {
  return checkedDigest(name.slice('blobs/'.length).replace('/', ':'))
}
