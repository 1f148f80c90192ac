/** One repository of an OCI layout as a `ContentStore`. */

import { createHash } from 'node:crypto'
import type { ContentStore } from '../../core/content.ts'
import { type Descriptor, digestParts, looksLikeDigest } from '../../core/descriptor.ts'
import { IntegrityError, RegistryError } from '../../core/errors.ts'
import { contentsOf } from '../../core/manifest.ts'
import { checkedDigest, type LayoutFiles } from './directory.ts'
import {
  addUntagged,
  descriptorOfEntry,
  dropEntries,
  entriesOf,
  findTag,
  type IndexChange,
  isLoose,
  isOf,
  type LayoutIndex,
  repositoryIn,
  setTag,
} from './index.ts'
import { describeBlob, inline, readManifestBytes, writeManifestBytes } from './manifest.ts'
import { addToFallback, dropFromFallback, referrersIn, type Subjects } from './referrers.ts'

/** What a repository of a layout can do is all there is to do. */
export type LayoutStore = Required<Omit<ContentStore, 'deletes' | 'discardBlob'>>

/** A layout, and what is remembered of its manifests. */
export interface Opened {
  readonly files: LayoutFiles
  readonly subjects: Subjects
}

/** `name` may be empty: then it is the repository of the entries that name none. */
export function layoutRepository(open: () => Promise<Opened>, name: string): LayoutStore {
  return {
    async resolve(tagOrDigest) {
      const { files } = await open()
      const found = await find(files, repositoryOf(files), tagOrDigest)
      if (!found) return undefined
      // A layout may lack what it names: then it is not there, and may be written again.
      return (await files.blobSize(found.digest)) === found.size ? found : undefined
    },

    async readManifest(tagOrDigest) {
      const { files } = await open()
      const found = await find(files, repositoryOf(files), tagOrDigest)
      if (found) return readManifestBytes(files, found)
      const separator = looksLikeDigest(tagOrDigest) ? '@' : ':'
      throw notFound(files, `${repositoryOf(files)}${separator}${tagOrDigest}`, tagOrDigest)
    },

    async readBlob(blob, offset) {
      const { files } = await open()
      const size = await files.blobSize(blob.digest)
      if (size === undefined) {
        if (blob.data !== undefined) return inline(Buffer.from(blob.data, 'base64').subarray(offset))
        throw notFound(files, `blob ${blob.digest}`, blob.digest)
      }
      if (size !== blob.size) {
        throw new IntegrityError(
          `blob ${blob.digest} in ${files.path} has ${size} bytes, not the ${blob.size} its descriptor says`,
        )
      }
      return files.readBlob(blob.digest, offset, size)
    },

    async *tags() {
      const { files } = await open()
      yield* (await listed(files, repositoryOf(files))).tags.keys()
    },

    async *referrers(subject, ctx) {
      const { files, subjects } = await open()
      const index = await files.readIndex()
      if (index) yield* referrersIn(files, index, repositoryOf(files), subject, subjects, ctx.signal)
    },

    async hasBlob(blob) {
      return hasBlob((await open()).files, blob)
    },

    async writeBlob(blob, openBlob, ctx) {
      const { files } = await open()
      if (!(await isWhole(files, blob))) await files.writeBlob(blob, await openBlob(0), ctx.signal)
    },

    async mountBlob(blob) {
      // All repositories of a layout share its blobs.
      return hasBlob((await open()).files, blob)
    },

    async writeManifest(manifest, tagOrDigest, ctx) {
      const { files, subjects } = await open()
      const repository = repositoryOf(files)
      const { manifests: children, subject } = contentsOf(manifest)
      const descriptor = await writeManifestBytes(files, manifest, tagOrDigest, ctx.signal)
      await files.changeIndex(async (before) => {
        let index = looksLikeDigest(tagOrDigest)
          ? addUntagged(before, files.naming, repository, descriptor)
          : setTag(before, files.naming, repository, tagOrDigest, descriptor)
        if (index !== before) index = await dropChildren(files, subjects, index, repository, children)
        return subject ? addToFallback(files, index, repository, subject, manifest, ctx.signal) : index
      })
    },

    async deleteTag(tag) {
      const { files } = await open()
      const repository = repositoryOf(files)
      await change(files, (index) => dropEntries(index, files.naming, repository, (entry) => entry.tag === tag))
    },

    async deleteManifest(digest, ctx) {
      const { files, subjects } = await open()
      const repository = repositoryOf(files)
      const subject = await subjects.of(files, digest)
      await change(files, async (index) => {
        const without = dropEntries(index, files.naming, repository, (entry) => entry.digest === digest)
        return subject ? dropFromFallback(files, without, repository, subject, digest, ctx.signal) : without
      })
    },
  }

  function repositoryOf(files: LayoutFiles): string {
    return name || files.naming.plain
  }
}

/** What index.json says of a repository. Throws a `RegistryError` with status 404 where it says nothing. */
export async function listed(
  files: LayoutFiles,
  repository: string,
): Promise<NonNullable<ReturnType<typeof repositoryIn>>> {
  const view = repositoryIn(await existingIndex(files), files.naming, repository)
  if (view) return view
  throw new RegistryError(`${repository} is not in ${files.path}`, { status: 404, method: 'GET', path: 'index.json' })
}

/** Throws a `RegistryError` with status 404 where there is no layout. */
export async function existingIndex(files: LayoutFiles): Promise<LayoutIndex> {
  const index = await files.readIndex()
  if (index) return index
  throw new RegistryError(`${files.path} is not an OCI layout: no oci-layout file`, {
    status: 404,
    method: 'GET',
    path: 'index.json',
  })
}

/** By tag; by digest what an entry names, or a manifest that only an index names. */
async function find(files: LayoutFiles, repository: string, tagOrDigest: string): Promise<Descriptor | undefined> {
  const index = await files.readIndex()
  if (!index) return undefined
  if (!looksLikeDigest(tagOrDigest)) {
    const entry = findTag(index, files.naming, repository, tagOrDigest)
    return entry && descriptorOfEntry(entry)
  }
  const digest = checkedDigest(tagOrDigest)
  const entries = entriesOf(index).filter((entry) => entry.digest === digest)
  const own = entries.find((entry) => isOf(entry, files.naming, repository) || isLoose(entry))
  if (own) return descriptorOfEntry(own)
  // What only other repositories list is not here: a referrer must be written to each to be found in each.
  return entries.length > 0 ? undefined : describeBlob(files, digest)
}

/** A child was written before its index, and until then nothing else led to it. A referrer would be lost without its entry. */
async function dropChildren(
  files: LayoutFiles,
  subjects: Subjects,
  index: LayoutIndex,
  repository: string,
  children: readonly Descriptor[],
): Promise<LayoutIndex> {
  const own = repositoryIn(index, files.naming, repository)?.entries ?? []
  const untagged = new Set(own.filter((entry) => !entry.tag && entry.repository).map((entry) => entry.digest))
  const gone = new Set<string>()
  for (const { digest } of children) {
    if (untagged.has(digest) && !(await subjects.of(files, digest))) gone.add(digest)
  }
  if (gone.size === 0) return index
  return dropEntries(index, files.naming, repository, (entry) => !entry.tag && gone.has(entry.digest))
}

/** Nothing to do where there is no layout: a delete must not make one. */
async function change(files: LayoutFiles, work: IndexChange): Promise<void> {
  if (await files.readIndex()) await files.changeIndex(work)
}

/** There with the right length; the digest was checked when it was written, and is again when it is read. */
async function hasBlob(files: LayoutFiles, blob: Descriptor): Promise<boolean> {
  return (await files.blobSize(blob.digest)) === blob.size
}

/** Who writes what is there already may know that its bytes have changed since. */
async function isWhole(files: LayoutFiles, blob: Descriptor): Promise<boolean> {
  if (!(await hasBlob(files, blob))) return false
  const { algorithm, hex } = digestParts(blob.digest)
  const hash = createHash(algorithm)
  for await (const chunk of files.readBlob(blob.digest, 0, blob.size)) hash.update(chunk)
  return hash.digest('hex') === hex
}

function notFound(files: LayoutFiles, what: string, reference: string): RegistryError {
  return new RegistryError(`${what} is not in ${files.path}`, { status: 404, method: 'GET', path: reference })
}
