/** One repository of an OCI layout as a `ContentStore`. */

import { bytesOf, type ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { type Descriptor, type Digest, looksLikeDigest, parseDigest } from '../../core/descriptor.ts'
import { IntegrityError, StorageError } from '../../core/errors.ts'
import { contentsOf, DOCKER_LIST, DOCKER_MANIFEST } from '../../core/manifest.ts'
import { checkedDigest, type LayoutFiles } from './files.ts'
import { descriptorOfEntry, type Entry, type IndexChange, isLoose, type LayoutIndex } from './index.ts'
import { describeBlob, writeManifestBytes } from './manifest.ts'
import { addToFallback, dropFromFallback, referrersIn, type Subjects } from './referrers.ts'

/** A repository of a layout supports every optional method but these. */
export type LayoutStore = Required<
  Omit<ContentStore, 'deletes' | 'discardBlob' | 'nameOf' | 'beside' | 'sizeOfBlob' | 'hanging'>
>

/** A layout as one connection uses it, and what it remembers of the manifests. */
export interface Opened {
  readonly files: LayoutFiles
  readonly subjects: Subjects
  /** The repository of entries that do not name one. */
  readonly plain: string
  /** Warnings that were given, each once. */
  readonly warned: Set<'docker' | 'shared'>
}

/** `name` may be empty: then it is the repository of entries that do not name one. */
export function layoutRepository(open: () => Promise<Opened>, name: string): LayoutStore {
  return {
    checksDigest: true,

    async resolve(tagOrDigest, ctx) {
      const opened = await open()
      const found = await find(opened, name, tagOrDigest, ctx)
      if (!found) return undefined
      // A layout may lack what it names: then it is not there, and may be written again.
      return (await opened.files.blobSize(found.digest)) === found.size ? found : undefined
    },

    async readManifest(tagOrDigest, ctx) {
      const opened = await open()
      const found = (await find(opened, name, tagOrDigest, ctx)) ?? (await child(opened, tagOrDigest))
      if (found) return opened.subjects.manifest(opened.files, found)
      throw await missingManifest(opened, name || opened.plain, tagOrDigest)
    },

    async readBlob(blob, offset, _ctx, end) {
      const { files } = await open()
      const size = await files.blobSize(blob.digest)
      if (size === undefined) {
        if (blob.data !== undefined) return bytesOf(Buffer.from(blob.data, 'base64').subarray(offset))
        throw notFound(files, `blob ${blob.digest}`)
      }
      if (size !== blob.size) {
        throw new IntegrityError(
          `blob ${blob.digest} in ${files.path} has ${size} bytes, not the ${blob.size} its descriptor says`,
        )
      }
      return files.readBlob(blob.digest, offset, Math.min(end ?? size, size))
    },

    async *tags(ctx) {
      const opened = await open()
      const { index, repository } = await listed(opened, name)
      yield* index.tags(repository)
      if (await nameless(opened, index, repository, ctx)) yield NAMELESS
    },

    async *referrers(subject, ctx) {
      const { files, subjects, plain } = await open()
      const index = await files.readIndex()
      if (index) yield* referrersIn(files, index, name || plain, subject, subjects, ctx)
    },

    async hasBlob(blob) {
      return hasBlob((await open()).files, blob)
    },

    async writeBlob(blob, openBlob, ctx, checkpoint) {
      await (await open()).files.writeBlob(blob, openBlob, ctx, checkpoint)
    },

    async mountBlob(blob) {
      // All repositories of a layout share its blobs.
      return hasBlob((await open()).files, blob)
    },

    async writeManifest(manifest, tagOrDigest, ctx) {
      const opened = await open()
      const { files, subjects } = opened
      const repository = name || opened.plain
      const { manifests: children, subject } = contentsOf(manifest)
      const descriptor = await writeManifestBytes(files, manifest, tagOrDigest, ctx)
      const isTagged = !looksLikeDigest(tagOrDigest)
      if (isTagged) warnOfDocker(opened, manifest.mediaType, ctx)
      const absent = await absentOf(files, children)
      let isShared = false
      await files.changeIndex(async (index) => {
        const before = index.mark
        if (isTagged) index.setTag(repository, tagOrDigest, descriptor, absent)
        else index.addUntagged(repository, descriptor, absent)
        isShared = isTagged && index.isShared(tagOrDigest)
        if (index.mark > before) await dropChildren(files, subjects, index, repository, children)
        if (subject) await addToFallback(files, index, repository, subject, manifest, ctx)
      }, ctx)
      if (isShared) warnOfShared(opened, tagOrDigest, ctx)
    },

    async deleteTag(tag, ctx) {
      const { files, plain } = await open()
      await change(files, (index) => index.drop(index.tagged(name || plain, tag)), ctx)
    },

    async deleteManifest(digest, ctx) {
      const { files, subjects, plain } = await open()
      const repository = name || plain
      const subject = await subjects.of(files, digest)
      const work = async (index: LayoutIndex): Promise<void> => {
        index.drop(index.withDigest(digest).filter((entry) => entry.owner === repository))
        if (subject) await dropFromFallback(files, index, repository, subject, digest, ctx)
      }
      await change(files, work, ctx)
    },
  }
}

/** The tag that stands for the only image of a layout if it has no name. */
export const NAMELESS = 'latest'

/** The only image of a layout if it has no name, as in the layouts of `crane pull`, `skopeo copy` and BuildKit. Its referrers do not count. */
export async function nameless(
  { files, subjects, plain }: Opened,
  index: LayoutIndex,
  repository: string,
  ctx: Context,
): Promise<Entry | undefined> {
  const loose = repository === plain ? index.entries(repository) : []
  if (!loose.every(isLoose) || index.repositories().length > 1) return undefined
  if (loose.length > 1) await subjects.readAll(files, index, ctx)
  const images: Entry[] = []
  for (const entry of loose) {
    const digest = parseDigest(entry.digest)
    if (digest && !(await subjects.of(files, digest))) images.push(entry)
  }
  return images.length === 1 ? images[0] : undefined
}

/** What index.json says of a repository. Throws a `StorageError` where it says nothing. */
export async function listed(
  { files, plain }: Opened,
  name: string,
): Promise<{ readonly index: LayoutIndex; readonly repository: string }> {
  const index = await existingIndex(files)
  const repository = name || plain
  if (index.entries(repository).length > 0) return { index, repository }
  throw notFound(files, repository)
}

/** Throws a `StorageError` where there is no layout. */
export async function existingIndex(files: LayoutFiles): Promise<LayoutIndex> {
  const index = await files.readIndex()
  if (index) return index
  const { reason, hint } = await files.absence()
  throw new StorageError(`${files.path} ${reason}`, { missing: true, hint })
}

/** By tag; by digest what an entry names, or a manifest that only an index names. */
async function find(opened: Opened, name: string, tagOrDigest: string, ctx: Context): Promise<Descriptor | undefined> {
  const { files, plain } = opened
  const repository = name || plain
  const index = await files.readIndex()
  if (!index) return undefined
  if (!looksLikeDigest(tagOrDigest)) {
    const tagged = index.find(repository, tagOrDigest)
    const entry = tagged ?? (tagOrDigest === NAMELESS ? await nameless(opened, index, repository, ctx) : undefined)
    return entry && descriptorOfEntry(entry)
  }
  const digest = checkedDigest(tagOrDigest)
  const entries = index.withDigest(digest)
  const own = entries.find((entry) => entry.owner === repository || isLoose(entry))
  if (own) return descriptorOfEntry(own)
  // What only other repositories list is not here: a referrer must be written to each to be found in each.
  return entries.length > 0 ? undefined : describeBlob(files, digest)
}

/** A child of an index of this repository may be listed by another one alone. */
async function child({ files }: Opened, tagOrDigest: string): Promise<Descriptor | undefined> {
  return looksLikeDigest(tagOrDigest) ? describeBlob(files, checkedDigest(tagOrDigest)) : undefined
}

/** A child was written before its index, and until then nothing else led to it. A referrer would be lost without its entry. */
async function dropChildren(
  files: LayoutFiles,
  subjects: Subjects,
  index: LayoutIndex,
  repository: string,
  children: readonly Descriptor[],
): Promise<void> {
  for (const { digest } of children) {
    const untagged = index
      .withDigest(digest)
      .filter((entry) => entry.owner === repository && entry.repository !== undefined && !entry.tag)
    if (untagged.length > 0 && !(await subjects.of(files, digest))) index.drop(untagged)
  }
}

/** A delete must not make a layout that does not exist. */
async function change(files: LayoutFiles, work: IndexChange, ctx: Context): Promise<void> {
  if (await files.readIndex()) await files.changeIndex(work, ctx)
}

/** Present with the right length; the digest was checked when it was written, and is again when it is read. */
async function hasBlob(files: LayoutFiles, blob: Descriptor): Promise<boolean> {
  return (await files.blobSize(blob.digest)) === blob.size
}

/** An image keeps its format, since another format would change its digest; so all that can be done is to warn. */
function warnOfDocker(opened: Opened, mediaType: string, { emit }: Context): void {
  if (opened.warned.has('docker') || (mediaType !== DOCKER_MANIFEST && mediaType !== DOCKER_LIST)) return
  opened.warned.add('docker')
  const text = `${opened.files.path} gets images in Docker's format: skopeo and podman do not find these in an OCI layout; oras, regctl, crane and replicate do`
  emit({ type: 'log', level: 'warning', text })
}

/** A tag alone would lead other tools to either of them. */
function warnOfShared(opened: Opened, tag: string, { emit }: Context): void {
  if (opened.warned.has('shared')) return
  opened.warned.add('shared')
  const { path } = opened.files
  const text = `several repositories in ${path} have the tag ${tag}: other tools find each image by the name under REF in \`replicate ls\`, not by the tag`
  emit({ type: 'log', level: 'warning', text })
}

/** The children of an index that are not there: they were written before it, so these were left out. */
async function absentOf(files: LayoutFiles, children: readonly Descriptor[]): Promise<readonly Digest[]> {
  const absent: Digest[] = []
  for (const { digest, size } of children) if ((await files.blobSize(digest)) !== size) absent.push(digest)
  return absent
}

/** A child that was left out when its index was written is not lost. */
async function missingManifest({ files }: Opened, repository: string, tagOrDigest: string): Promise<StorageError> {
  if (!looksLikeDigest(tagOrDigest)) return notFound(files, `${repository}:${tagOrDigest}`)
  const index = await files.readIndex()
  const parent = index?.entries(repository).find(({ absent }) => absent.some((digest) => digest === tagOrDigest))
  if (!parent) return notFound(files, `${repository}@${tagOrDigest}`)
  const of = `${repository}${parent.tag === undefined ? `@${parent.digest}` : `:${parent.tag}`}`
  const hint = 'name the `platforms` that are there in this policy too; `replicate ls` shows them'
  return notFound(files, `a platform of ${of}, which was written without it (${tagOrDigest}),`, hint)
}

function notFound(files: LayoutFiles, what: string, hint?: string): StorageError {
  return new StorageError(`${what} is not in ${files.path}`, { missing: true, hint })
}
