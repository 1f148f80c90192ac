/** Referrers in an OCI layout: found by every convention in use, and written so that other tools find them too. */

import { throwIfAborted } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest, Referrer } from '../../core/descriptor.ts'
import { isNotFound, ReplicateError } from '../../core/errors.ts'
import { contentsOf, descriptorOf, type Manifest } from '../../core/manifest.ts'
import { fallbackTag } from '../../core/reference.ts'
import { entryOf, isReferrersIndex, withoutReferrer, withReferrer } from '../fallback.ts'
import type { LayoutFiles } from './files.ts'
import { descriptorOfEntry, type Entry, isLoose, type LayoutIndex } from './index.ts'
import { readManifestBytes, writeManifestBytes } from './manifest.ts'

/** Manifests that are read at once. */
const AT_ONCE = 16

/** Which of a layout's manifests refer to which. Each manifest is read once, since the content of a digest never changes. */
export class Subjects {
  /** The subject of each manifest that was read; undefined if it has no subject. */
  readonly #known = new Map<string, Digest | undefined>()
  readonly #referrers = new Map<Digest, Set<string>>()
  #reading: Promise<void> | undefined

  /** The subject of the manifest with this digest; undefined if it has no subject or does not exist. */
  async of(files: LayoutFiles, digest: Digest): Promise<Digest | undefined> {
    if (this.#known.has(digest)) return this.#known.get(digest)
    const size = await files.blobSize(digest)
    return size === undefined ? undefined : this.#read(files, () => ({ mediaType: '', digest, size }))
  }

  /** Reads a manifest, and remembers what it refers to. */
  async manifest(files: LayoutFiles, descriptor: Descriptor): Promise<Manifest> {
    const manifest = await readManifestBytes(files, descriptor)
    if (!this.#known.has(manifest.digest)) this.#note(manifest)
    return manifest
  }

  /** The digests of all manifests in the index that refer to `subject`. */
  async referring(files: LayoutFiles, index: LayoutIndex, subject: Digest, ctx: Context): Promise<Iterable<string>> {
    await this.readAll(files, index, ctx)
    return this.#referrers.get(subject) ?? []
  }

  /** Reads every manifest of the index that was not read yet. */
  async readAll(files: LayoutFiles, index: LayoutIndex, ctx: Context): Promise<void> {
    while (index.unread.size > 0) {
      throwIfAborted(ctx.signal)
      // Concurrent callers share one pass over the index.
      this.#reading ??= this.#readUnread(files, index, ctx).finally(() => {
        this.#reading = undefined
      })
      await this.#reading
    }
  }

  async #readUnread(files: LayoutFiles, index: LayoutIndex, ctx: Context): Promise<void> {
    const unread = [...index.unread]
    const work = async (): Promise<void> => {
      for (let entry = unread.pop(); entry && !ctx.signal.aborted; entry = unread.pop()) {
        const next = entry
        if (!this.#known.has(entry.digest)) await this.#read(files, () => descriptorOfEntry(next))
        index.unread.delete(entry)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }

  async #read(files: LayoutFiles, describe: () => Descriptor): Promise<Digest | undefined> {
    try {
      return this.#note(await readManifestBytes(files, describe()))
    } catch (error) {
      // A manifest that cannot be read refers to nothing; the task that copies it says why it cannot.
      if (error instanceof ReplicateError) return undefined
      throw error
    }
  }

  #note(manifest: Manifest): Digest | undefined {
    const subject = contentsOf(manifest).subject?.digest
    this.#known.set(manifest.digest, subject)
    if (subject) {
      const referrers = this.#referrers.get(subject) ?? new Set()
      this.#referrers.set(subject, referrers.add(manifest.digest))
    }
    return subject
  }
}

/** Manifests with a `subject`, the entries of fallback indexes and of olareg's lists, tags that hang on the subject. Each digest once. */
export async function* referrersIn(
  files: LayoutFiles,
  index: LayoutIndex,
  repository: string,
  subject: Descriptor,
  subjects: Subjects,
  ctx: Context,
): AsyncIterable<Referrer> {
  const found = new Map<string, Referrer>()
  const listed: Descriptor[] = []
  for (const entry of [...index.attached(repository, subject.digest), ...index.listsOf(subject.digest)]) {
    const descriptor = descriptorOfEntry(entry)
    const isFallback = entry.tag === fallbackTag(subject.digest) && isReferrersIndex(descriptor, subject.digest)
    if (entry.lists !== undefined || isFallback) {
      const list = await manifestOf(files, entry)
      if (list) listed.push(...contentsOf(list).manifests)
    } else if (entry.tag !== undefined && descriptor.digest !== subject.digest) {
      found.set(descriptor.digest, { ...descriptor, tag: entry.tag })
    }
  }
  const isHere = (entry: Entry): boolean => entry.owner === repository || isLoose(entry)
  for (const digest of await subjects.referring(files, index, subject.digest, ctx)) {
    const entry = found.has(digest) ? undefined : index.withDigest(digest).find(isHere)
    const manifest = entry && (await manifestOf(files, entry))
    if (manifest) found.set(digest, entryOf(manifest))
  }
  for (const descriptor of listed) if (!found.has(descriptor.digest)) found.set(descriptor.digest, descriptor)
  yield* found.values()
}

/** Puts a referrer into the fallback index of its subject. Called under the layout's lock. */
export async function addToFallback(
  files: LayoutFiles,
  index: LayoutIndex,
  repository: string,
  subject: Descriptor,
  referrer: Manifest,
  ctx: Context,
): Promise<void> {
  const current = await fallbackIn(files, index, repository, subject.digest)
  const next = withReferrer(current, subject.digest, referrer)
  if (next) await writeFallback(files, index, repository, subject.digest, next, ctx)
}

/** Takes a referrer out of the fallback index; an empty one goes. Called under the layout's lock. */
export async function dropFromFallback(
  files: LayoutFiles,
  index: LayoutIndex,
  repository: string,
  subject: Digest,
  digest: Digest,
  ctx: Context,
): Promise<void> {
  const current = await fallbackIn(files, index, repository, subject)
  const next = isReferrersIndex(current, subject) ? withoutReferrer(current, digest) : undefined
  if (next === 'empty') index.drop(index.tagged(repository, fallbackTag(subject)))
  else if (next) await writeFallback(files, index, repository, subject, next, ctx)
}

async function fallbackIn(
  files: LayoutFiles,
  index: LayoutIndex,
  repository: string,
  subject: Digest,
): Promise<Manifest | undefined> {
  const entry = index.find(repository, fallbackTag(subject))
  return entry && manifestOf(files, entry)
}

async function writeFallback(
  files: LayoutFiles,
  index: LayoutIndex,
  repository: string,
  subject: Digest,
  fallback: Manifest,
  ctx: Context,
): Promise<void> {
  await writeManifestBytes(files, fallback, fallback.digest, ctx)
  index.setTag(repository, fallbackTag(subject), descriptorOf(fallback))
}

/** What an entry points at; undefined where the layout lacks it. */
async function manifestOf(files: LayoutFiles, entry: Entry): Promise<Manifest | undefined> {
  try {
    return await readManifestBytes(files, descriptorOfEntry(entry))
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
