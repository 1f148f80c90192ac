/** An OCI layout in a tar: read in place; written whole when it is closed, by way of a staging directory beside it. */

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import type { Bytes } from '../../../core/content.ts'
import { type Descriptor, type Digest, digestParts } from '../../../core/descriptor.ts'
import { IntegrityError, ReplicateError, UnsupportedError } from '../../../core/errors.ts'
import { contentsOf } from '../../../core/manifest.ts'
import { checkedDigest, checkVersion, LAYOUT_FILE, type LayoutFiles } from '../directory.ts'
import {
  type Expected,
  fileError,
  fileSize,
  MAX_JSON_SIZE,
  readRange,
  replaceFile,
  syncDirectory,
  TEMPORARY,
  writeAll,
  writeVerified,
} from '../file.ts'
import {
  descriptorOfEntry,
  EMPTY_INDEX,
  entriesOf,
  formatIndex,
  type IndexChange,
  type LayoutIndex,
  type Naming,
  parseIndex,
  sortedIndex,
} from '../index.ts'
import { withLockFile } from '../lock.ts'
import { readManifestBytes } from '../manifest.ts'
import { type Archive, openArchive } from './open.ts'

/** Milliseconds: another process may be writing a large tar. */
const PATIENCE = 60 * 60_000

export class TarLayout implements LayoutFiles {
  readonly path: string
  readonly naming: Naming
  #archive: Promise<Archive | undefined> | undefined
  #index: LayoutIndex | undefined
  /** What was asked for since the tar was read: done once more on whatever stands there when it is written. */
  #changes: IndexChange[] = []
  #queue: Promise<unknown> = Promise.resolve()
  #staging: Promise<string> | undefined

  constructor(path: string, naming: Naming) {
    this.path = path
    this.naming = naming
  }

  async readIndex(): Promise<LayoutIndex | undefined> {
    this.#index ??= await this.#readArchive()
    return this.#index
  }

  changeIndex(change: IndexChange): Promise<void> {
    const done = this.#queue.then(async () => {
      const before = (await this.readIndex()) ?? EMPTY_INDEX
      const index = await change(before)
      if (index === before) return
      await this.#checkWritable()
      this.#index = index
      this.#changes.push(change)
    })
    this.#queue = done.catch(() => undefined)
    return done
  }

  async blobSize(digest: Digest): Promise<number | undefined> {
    const name = blobName(digest)
    const staged = this.#staging && (await fileSize(join(await this.#staging, basename(name))))
    return staged ?? (await this.#open())?.members.get(name)?.size
  }

  async *readBlob(digest: Digest, start: number, end: number): Bytes {
    const name = blobName(digest)
    const staged = this.#staging && join(await this.#staging, basename(name))
    if (staged !== undefined && (await fileSize(staged)) !== undefined) return yield* readRange(staged, start, end)
    yield* await this.#readMember(name, start, end)
  }

  async writeBlob(blob: Expected, bytes: Bytes, signal: AbortSignal): Promise<void> {
    const name = basename(blobName(blob.digest))
    await this.#checkWritable()
    this.#staging ??= makeStaging(this.path).catch((error: unknown) => {
      this.#staging = undefined
      throw error
    })
    const staging = await this.#staging
    await writeVerified(join(staging, name), staging, blob, bytes, signal)
  }

  /** Writes the tar where anything was changed. May be called again. */
  async close(): Promise<void> {
    await this.#queue
    try {
      if (this.#changes.length > 0) await withLockFile(`${this.path}.lock`, () => this.#write(), PATIENCE)
    } catch (error) {
      throw fileError(error, 'write', this.path)
    } finally {
      await this.#forget()
    }
  }

  async #write(): Promise<void> {
    // Another process may have written the tar since: its entries stay, and ours come to them.
    await this.#closeArchive()
    let index = (await this.#readArchive()) ?? EMPTY_INDEX
    for (const change of this.#changes) index = await change(index)
    this.#index = sortedIndex(index)
    const wanted = await this.#reachable(this.#index)
    const members = (await this.#open())?.members ?? new Map<string, never>()
    for (const name of members.keys()) if (name.startsWith('blobs/')) wanted.add(name)
    const json = formatIndex(this.#index)
    if (json.byteLength > MAX_JSON_SIZE) throw new UnsupportedError(`index.json of ${this.path} would be too large`)
    await replaceFile(this.path, dirname(this.path), async (handle) => {
      const tar = pack()
      const written = (async () => {
        for await (const chunk of tar as AsyncIterable<Uint8Array>) await writeAll(handle, chunk)
      })()
      const filled = this.#fill(tar, [...wanted].sort(), json)
      // Whichever side fails first ends the other.
      await Promise.all([written, filled]).catch((error: unknown) => {
        tar.destroy()
        throw error
      })
    })
    await syncDirectory(dirname(this.path))
  }

  async #fill(tar: ReturnType<typeof pack>, blobs: readonly string[], json: Uint8Array): Promise<void> {
    for (const name of blobs) {
      const digest = checkedDigest(name.slice('blobs/'.length).replace('/', ':'))
      const size = (await this.blobSize(digest)) ?? 0
      await addMember(tar, name, size, this.readBlob(digest, 0, size))
    }
    await addMember(tar, 'index.json', json.byteLength, [json])
    await addMember(tar, 'oci-layout', LAYOUT_FILE.byteLength, [LAYOUT_FILE])
    tar.finalize()
  }

  /** The names of the blobs that the index leads to and that are here: what is left over from a failed copy is not. */
  async #reachable(index: LayoutIndex): Promise<Set<string>> {
    const names = new Set<string>()
    const visit = async (descriptor: Descriptor, isManifest: boolean): Promise<void> => {
      const name = blobName(descriptor.digest)
      if (names.has(name) || (await this.blobSize(descriptor.digest)) === undefined) return
      names.add(name)
      if (!isManifest) return
      const { blobs, manifests } = await this.#contents(descriptor)
      for (const blob of blobs) await visit(blob, false)
      for (const child of manifests) await visit(child, true)
    }
    for (const entry of entriesOf(index)) await visit(descriptorOfEntry(entry), true)
    return names
  }

  async #contents(descriptor: Descriptor): Promise<Pick<ReturnType<typeof contentsOf>, 'blobs' | 'manifests'>> {
    try {
      return contentsOf(await readManifestBytes(this, descriptor))
    } catch (error) {
      // Somebody else's entry that cannot be read leads nowhere.
      if (error instanceof ReplicateError) return { blobs: [], manifests: [] }
      throw error
    }
  }

  async #readArchive(): Promise<LayoutIndex | undefined> {
    const archive = await this.#open()
    if (!archive) return undefined
    const layout = await this.#readJson('oci-layout')
    if (!layout) return undefined
    checkVersion(layout, `oci-layout in ${this.path}`)
    const json = await this.#readJson('index.json')
    return json ? parseIndex(json, `index.json in ${this.path}`) : EMPTY_INDEX
  }

  async #readJson(name: string): Promise<Uint8Array | undefined> {
    const member = (await this.#open())?.members.get(name)
    if (!member) return undefined
    if (member.size > MAX_JSON_SIZE) {
      throw new IntegrityError(`${name} in ${this.path} has ${member.size} bytes, more than the ${MAX_JSON_SIZE} read`)
    }
    const chunks: Uint8Array[] = []
    for await (const chunk of await this.#readMember(name, 0, member.size)) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  async #readMember(name: string, start: number, end: number): Promise<Bytes> {
    const archive = await this.#open()
    const member = archive?.members.get(name)
    if (!archive || !member || end > member.size) throw new IntegrityError(`${name} is not in ${this.path}`)
    return readRange(archive.file, member.offset + start, member.offset + end)
  }

  async #checkWritable(): Promise<void> {
    const archive = await this.#open()
    if (archive?.compressed || /\.(gz|tgz|zst)$/.test(this.path)) {
      throw new UnsupportedError(`${this.path} is compressed: it can be read, not written`, {
        hint: 'name a file that ends in .tar; layers are compressed already',
      })
    }
  }

  #open(): Promise<Archive | undefined> {
    this.#archive ??= openArchive(this.path)
    return this.#archive
  }

  async #closeArchive(): Promise<void> {
    const archive = await this.#archive?.catch(() => undefined)
    this.#archive = undefined
    await archive?.close()
  }

  async #forget(): Promise<void> {
    const staging = await this.#staging?.catch(() => undefined)
    this.#staging = undefined
    this.#changes = []
    this.#index = undefined
    await this.#closeArchive()
    if (staging !== undefined) await rm(staging, { recursive: true, force: true })
  }
}

/** On the file system of the tar, for this user only. */
async function makeStaging(path: string): Promise<string> {
  try {
    await mkdir(dirname(path), { recursive: true })
    return await mkdtemp(join(dirname(path), `${TEMPORARY}${basename(path)}-`))
  } catch (error) {
    throw fileError(error, 'write', path)
  }
}

/** The same bytes whenever and wherever it is made: no times, no owners. */
async function addMember(
  tar: ReturnType<typeof pack>,
  name: string,
  size: number,
  bytes: Bytes | readonly Uint8Array[],
): Promise<void> {
  const entry = tar.entry({ name, size, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) })
  await pipeline(Readable.from(bytes), entry)
}

function blobName(digest: Digest): string {
  const { algorithm, hex } = digestParts(checkedDigest(digest))
  return `blobs/${algorithm}/${hex}`
}
