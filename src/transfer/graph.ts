/** One artifact from store to store: everything that is reachable from one digest, its referrers, and the tag last. */

import type { Context } from '../core/context.ts'
import type { Descriptor, Referrer } from '../core/descriptor.ts'
import { IntegrityError, isNotFound, onSide, RegistryError, UnsupportedError } from '../core/errors.ts'
import { contentsOf, descriptorOf, isIndex, type Manifest } from '../core/manifest.ts'
import { copyBlob } from './blob.ts'
import { wantedChildren } from './children.ts'
import type { Job } from './job.ts'
import { MAX_DEPTH, narrow } from './narrow.ts'

/** Copies what `digest` names and points `tag` at it; without a tag it stays reachable by digest. Resolves with the manifest. */
export async function copyArtifact(
  digest: string,
  tag: string | undefined,
  given: Job,
  ctx: Context,
): Promise<Manifest> {
  const { root, job, isMade } = await openArtifact(digest, given, ctx)
  if (root.digest !== digest && isMade(root)) {
    ctx.emit({
      type: 'log',
      level: 'info',
      text: `index ${digest} is narrowed to ${root.digest}: signatures and other referrers of the index do not match it and stay behind`,
    })
  }
  const seen: Descriptor[] = []
  await copyContents(root, job, seen, 0, ctx)
  const subjects = [descriptorOf(root), ...seen].filter((subject) => !isMade(subject))
  const referrers = job.referrers ? await referrersOf(subjects, job, ctx) : []
  if (referrers.length > 0) {
    // A referrer may be refused before its subject is there; the tag still comes last.
    if (tag !== undefined) await writeManifest(root, root.digest, job, ctx)
    for (const referrer of referrers) await copyReferrer(referrer, job, ctx)
  }
  // A repair leaves a tag that is right alone: where tags are immutable, even the same digest is refused.
  const isTagged = job.thorough && tag !== undefined && (await isThere(tag, root.digest, job, ctx))
  await writeManifest(root, isTagged ? root.digest : (tag ?? root.digest), job, ctx)
  return root
}

/** Copies what refers to an artifact that is there already, and to its children. */
export async function copyReferrersOf(digest: string, given: Job, ctx: Context): Promise<void> {
  const { root, job, isMade } = await openArtifact(digest, given, ctx)
  const family = await familyOf(root, job, 0, ctx)
  const subjects = family.filter((subject) => !isMade(subject))
  for (const referrer of await referrersOf(subjects, job, ctx)) await copyReferrer(referrer, job, ctx)
}

/** The manifest, and those of its children that are copied, without looking at the destination. */
async function familyOf(manifest: Manifest, job: Job, depth: number, ctx: Context): Promise<readonly Descriptor[]> {
  if (depth > MAX_DEPTH) throw new IntegrityError(`indexes nest deeper than ${MAX_DEPTH} at ${manifest.digest}`)
  const family: Descriptor[] = [descriptorOf(manifest)]
  for (const child of wantedChildren(contentsOf(manifest).manifests, job.keepPlatform)) {
    if (!isIndex(child.mediaType)) family.push(child)
    else family.push(...(await familyOf(await job.source.readManifest(child.digest, ctx), job, depth + 1, ctx)))
  }
  return family
}

interface Opened {
  readonly root: Manifest
  /** Reads also what was made here. */
  readonly job: Job
  /** True for an index that was made here: the source has none with this digest, and no referrers of it. */
  readonly isMade: (manifest: { readonly digest: string }) => boolean
}

/** What `digest` becomes at the destination: itself, or the narrowed index. */
async function openArtifact(digest: string, job: Job, ctx: Context): Promise<Opened> {
  const original = await job.source.readManifest(digest, ctx)
  if (!job.narrowTo) return { root: original, job, isMade: () => false }
  const { root, made } = await narrow(original, job.narrowTo, (child) => job.source.readManifest(child, ctx))
  if (!root) throw new UnsupportedError(`index ${digest} has no image for any of the wanted platforms`)
  const source: Job['source'] = {
    ...job.source,
    readManifest: async (child, context) => made.get(child) ?? job.source.readManifest(child, context),
  }
  return { root, job: { ...job, source }, isMade: (manifest) => made.has(manifest.digest) }
}

/** Blobs and children of a manifest, all at once; collects the descriptors of the children in `seen`. */
async function copyContents(
  manifest: Manifest,
  job: Job,
  seen: Descriptor[],
  depth: number,
  ctx: Context,
): Promise<void> {
  if (depth > MAX_DEPTH) throw new IntegrityError(`indexes nest deeper than ${MAX_DEPTH} at ${manifest.digest}`)
  const contents = contentsOf(manifest)
  const size = contents.blobs.reduce((sum, blob) => sum + blob.size, 0)
  ctx.emit({ type: 'planned', tasks: 0, bytes: size })
  await allSettled([
    ...contents.blobs.map((blob) => copyBlob(blob, job, ctx)),
    ...wantedChildren(contents.manifests, job.keepPlatform).map(async (child) => {
      seen.push(child)
      await copyChild(child, job, seen, depth + 1, ctx)
    }),
  ])
}

async function copyChild(child: Descriptor, job: Job, seen: Descriptor[], depth: number, ctx: Context): Promise<void> {
  const { state, destination } = job
  const key = `${destination.registry} ${destination.repository} ${child.digest}`
  await state.manifests.run(key, async () => {
    const mayBeThere = !job.thorough && !job.newRepository && !isIndex(child.mediaType)
    if (mayBeThere && (await isThere(child.digest, child.digest, job, ctx))) return
    const manifest = await job.source.readManifest(child.digest, ctx)
    await copyContents(manifest, job, seen, depth, ctx)
    await writeManifest(manifest, manifest.digest, job, ctx)
  })
}

async function isThere(tagOrDigest: string, digest: string, job: Job, ctx: Context): Promise<boolean> {
  return (await job.destination.store.resolve(tagOrDigest, ctx))?.digest === digest
}

/** Every referrer of the subjects, and theirs, each once. */
async function referrersOf(subjects: readonly Descriptor[], job: Job, ctx: Context): Promise<readonly Referrer[]> {
  const { store } = job.source
  if (!store.referrers) return []
  const found = new Map<string, Referrer>()
  const queue = [...subjects]
  for (let subject = queue.shift(); subject; subject = queue.shift()) {
    for await (const referrer of store.referrers(subject, ctx)) {
      const key = `${referrer.tag ?? ''}@${referrer.digest}`
      if (found.has(key) || subjects.some((known) => known.digest === referrer.digest)) continue
      found.set(key, referrer)
      queue.push(referrer)
    }
  }
  return [...found.values()]
}

async function copyReferrer(referrer: Referrer, job: Job, ctx: Context): Promise<void> {
  let manifest: Manifest
  try {
    manifest = await job.source.readManifest(referrer.digest, ctx)
  } catch (error) {
    if (!isNotFound(error)) throw error
    // An index of referrers may name one that was deleted since.
    ctx.emit({
      type: 'log',
      level: 'warning',
      text: `referrer ${referrer.digest} is listed at the source but not there`,
    })
    return
  }
  await copyContents(manifest, job, [], 0, ctx)
  await writeManifest(manifest, referrer.tag ?? manifest.digest, job, ctx)
}

/** Writes a manifest; where the registry misses something it names, sends that once more without trusting any memory. */
async function writeManifest(manifest: Manifest, tagOrDigest: string, job: Job, ctx: Context): Promise<void> {
  const { store, registry } = job.destination
  try {
    await store.writeManifest(manifest, tagOrDigest, ctx)
  } catch (error) {
    if (isSparse(manifest, job)) throw onSide(sparseRefused(error), 'destination', registry)
    if (!missesContent(error)) throw error
    ctx.emit({
      type: 'log',
      level: 'warning',
      text: `destination misses content of ${manifest.digest}, sending it again`,
    })
    forget(manifest, job)
    await copyContents(manifest, { ...job, newRepository: true }, [], 0, ctx)
    await store.writeManifest(manifest, tagOrDigest, ctx)
  }
}

/** True for an index of which children were left out on purpose. */
function isSparse(manifest: Manifest, job: Job): boolean {
  if (!job.keepPlatform || !isIndex(manifest.mediaType)) return false
  const { manifests } = contentsOf(manifest)
  return wantedChildren(manifests, job.keepPlatform).length < manifests.length
}

/** Many registries want every child that an index names. zot only says that it is invalid. */
function sparseRefused(error: unknown): unknown {
  const isRefusal = error instanceof RegistryError && (missesContent(error) || error.codes.includes('MANIFEST_INVALID'))
  if (!isRefusal) return error
  const { status, method, path, codes, retryAfter } = error
  return new RegistryError(error.message, {
    ...{ status, method, path, codes, retryAfter, cause: error },
    hint: 'this registry wants all children of an index: set `platforms_index: narrow`, which writes a smaller index',
  })
}

function missesContent(error: unknown): boolean {
  const codes = ['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_UNKNOWN']
  return error instanceof RegistryError && error.codes.some((code) => codes.includes(code))
}

function forget(manifest: Manifest, job: Job): void {
  const { state, destination } = job
  const contents = contentsOf(manifest)
  for (const blob of contents.blobs) {
    state.blobs.forget(`${destination.registry} ${destination.repository} ${blob.digest}`)
    state.homes.delete(`${destination.registry} ${blob.digest}`)
  }
  for (const child of contents.manifests) {
    state.manifests.forget(`${destination.registry} ${destination.repository} ${child.digest}`)
  }
}

/** Waits for all before it throws the first failure, so that nothing goes on behind a task that has ended. */
async function allSettled(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') throw result.reason
  }
}
