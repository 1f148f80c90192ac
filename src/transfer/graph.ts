/** One artifact from store to store: everything that is reachable from one digest, its referrers, and the tag last. */

import { forEachConcurrent } from '../core/concurrent.ts'
import type { Context } from '../core/context.ts'
import type { Descriptor, Referrer } from '../core/descriptor.ts'
import { isNotFound, onSide, RegistryError, UnsupportedError } from '../core/errors.ts'
import { contentsOf, isIndex, type Manifest } from '../core/manifest.ts'
import { plural } from '../core/plural.ts'
import { ifAllowed } from './allowed.ts'
import { copyBlob } from './blob.ts'
import { isAttestation, isGiven, isNotGiven, wantedChildren } from './children.ts'
import { checkDepth, childrenOf, familyOf, indexReader, type ReadManifest } from './family.ts'
import type { Job } from './job.ts'
import { type NarrowSource, narrow } from './narrow.ts'
import { nameOf, referrersOf } from './referrers.ts'
import { tell } from './story.ts'

/** Referrers copied at once, of those at the same distance from the artifact. */
const REFERRERS_AT_ONCE = 8

/** Copies what `digest` names and points `tag` at it; without a tag it stays reachable by digest. Resolves with the manifest. */
export async function copyArtifact(
  digest: string,
  tag: string | undefined,
  given: Job,
  ctx: Context,
): Promise<Manifest> {
  const { root, subjects, job, isNarrowed } = await openArtifact(digest, given, ctx)
  if (isNarrowed) {
    const text = `index ${digest} is narrowed to ${root.digest}: signatures and other referrers of the index do not match it and stay behind`
    ctx.emit({ type: 'log', level: 'info', text })
  }
  await copyContents(root, job, 0, ctx)
  // A store that makes its own manifests has none that anything could refer to.
  if (job.referrers && !job.destination.store.nameOf) {
    await copyReferrers(subjects, job, ctx, async () => {
      // A referrer may be refused before its subject is there; the tag still comes last.
      if (tag !== undefined) await writeManifest(root, root.digest, job, ctx)
    })
  }
  // A repair leaves a tag that is right alone: where tags are immutable, even the same digest is refused.
  const isTagged = job.thorough && tag !== undefined && (await isThere(tag, root.digest, job, ctx))
  await writeManifest(root, isTagged ? root.digest : (tag ?? root.digest), job, ctx)
  return root
}

/** Copies what refers to an artifact that is there already, and to its children. */
export async function copyReferrersOf(digest: string, given: Job, ctx: Context): Promise<void> {
  const { subjects, job } = await openArtifact(digest, given, ctx)
  await copyReferrers(subjects, job, ctx)
}

interface Opened {
  /** What the source's manifest becomes at the destination: itself, or a narrowed index. */
  readonly root: Manifest
  readonly isNarrowed: boolean
  /** What the source may have referrers of: all of it but the indexes that were made here. */
  readonly subjects: readonly Descriptor[]
  /** Reads also what was made here, and each index of the source once. */
  readonly job: Job
}

async function openArtifact(digest: string, job: Job, ctx: Context): Promise<Opened> {
  const { source, keep, narrowTo } = job
  const original = await source.readManifest(digest, ctx)
  const readIndex = indexReader((child) => source.readManifest(child, ctx))
  const narrowed = narrowTo && (await narrow(original, narrowTo, narrowSource(readIndex, job, ctx)))
  const root = narrowed ? narrowed.root : original
  if (!root) throw new UnsupportedError(`index ${digest} has no image for any of the wanted platforms`)
  for (const attestation of narrowed?.missing ?? []) tellLeftOut(attestation, ctx)
  const made = narrowed?.made
  const read = async (child: string): Promise<Manifest> => made?.get(child) ?? readIndex(child)
  const family = await familyOf(root, keep, read)
  return {
    root,
    isNarrowed: root.digest !== original.digest,
    subjects: family.filter((subject) => !made?.has(subject.digest)),
    job: { ...job, source: { ...source, readManifest: knowing(family, read, source.readManifest) } },
  }
}

/** Reads the indexes of a family by `read`, which has read them before, and all else by `other`. */
function knowing(
  family: readonly Descriptor[],
  read: ReadManifest,
  other: Job['source']['readManifest'],
): Job['source']['readManifest'] {
  const indexes = new Set<string>(family.filter(({ mediaType }) => isIndex(mediaType)).map(({ digest }) => digest))
  return (digest, ctx) => (indexes.has(digest) ? read(digest) : other(digest, ctx))
}

function narrowSource(read: ReadManifest, { source }: Job, ctx: Context): NarrowSource {
  return { read, isThere: (child) => isGiven(child, source.store, ctx) }
}

/** Copies the blobs and children of a manifest, all at once. */
async function copyContents(manifest: Manifest, job: Job, depth: number, ctx: Context): Promise<void> {
  checkDepth(depth, manifest.digest)
  await allSettled([
    ...contentsOf(manifest).blobs.map((blob) => copyBlob(blob, job, ctx)),
    ...childrenOf(manifest, job.keep).map((child) => copyChild(child, job, depth + 1, ctx)),
  ])
}

async function copyChild(child: Descriptor, job: Job, depth: number, ctx: Context): Promise<void> {
  const { state, destination } = job
  const key = `${destination.registry} ${destination.repository} ${child.digest}`
  try {
    await state.manifests.run(key, async () => {
      const mayBeThere = !job.thorough && !job.newRepository && !isIndex(child.mediaType)
      if (mayBeThere && (await isThere(child.digest, child.digest, job, ctx)))
        return tell(`manifest ${child.digest} was already there`, ctx)
      const manifest = await job.source.readManifest(child.digest, ctx)
      await copyContents(manifest, job, depth, ctx)
      await writeManifest(manifest, manifest.digest, job, ctx)
    })
  } catch (error) {
    // Some caches and vendors cannot give them. A user who chose platforms wants the images.
    if (!job.keep || !isAttestation(child) || !isNotGiven(error) || error.side !== 'source') throw error
    job.leftOut.add(child.digest)
    tellLeftOut(child, ctx)
  }
}

function tellLeftOut({ digest }: Descriptor, ctx: Context): void {
  const text = `the source does not have attestation ${digest}, which its index names: it is left out`
  ctx.emit({ type: 'log', level: 'warning', text })
}

async function isThere(tagOrDigest: string, digest: string, job: Job, ctx: Context): Promise<boolean> {
  return (await ifAllowed(job.destination.store.resolve(tagOrDigest, ctx)))?.digest === digest
}

/** Copies every referrer of the subjects, and theirs: none before what it refers to. */
async function copyReferrers(
  subjects: readonly Descriptor[],
  job: Job,
  ctx: Context,
  prepare = async (): Promise<void> => {},
): Promise<void> {
  const parts = new Set<string>(subjects.map(({ digest }) => digest))
  const names = new Set<string>()
  const levels = new Map<number, Referrer[]>()
  for await (const { depth, referrers } of referrersOf(subjects, job.source.store, ctx)) {
    const level = levels.get(depth) ?? []
    levels.set(depth, level)
    for (const referrer of referrers) {
      // One that is a part of the artifact is copied with it.
      if (parts.has(referrer.digest) || names.has(nameOf(referrer))) continue
      names.add(nameOf(referrer))
      level.push(referrer)
    }
  }
  tell(names.size === 0 ? 'no referrers found' : `${plural(names.size, 'referrer')} found`, ctx)
  if (names.size > 0) await prepare()
  for (const level of levels.values()) {
    await forEachConcurrent(level, REFERRERS_AT_ONCE, (referrer) => copyReferrer(referrer, job, ctx))
  }
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
  const { source } = job
  const read = indexReader((child) => source.readManifest(child, ctx))
  const family = await familyOf(manifest, job.keep, read)
  const own = { ...job, source: { ...source, readManifest: knowing(family, read, source.readManifest) } }
  await copyContents(manifest, own, 0, ctx)
  await writeManifest(manifest, referrer.tag ?? manifest.digest, own, ctx)
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
    await copyContents(manifest, { ...job, newRepository: true }, 0, ctx)
    await store.writeManifest(manifest, tagOrDigest, ctx).catch((again: unknown) => {
      if (!missesContent(again)) throw again
      forget(manifest, job)
      throw onSide(notYetSeen(again), 'destination', registry)
    })
  }
  const { digest } = manifest
  tell(`wrote manifest ${digest}${tagOrDigest === digest ? '' : ` as ${tagOrDigest}`}, digest verified`, ctx)
}

/** True for an index of which children were left out on purpose. */
function isSparse(manifest: Manifest, { keep, leftOut }: Job): boolean {
  if (!keep || !isIndex(manifest.mediaType)) return false
  const { manifests } = contentsOf(manifest)
  return (
    wantedChildren(manifests, keep).length < manifests.length || manifests.some(({ digest }) => leftOut.has(digest))
  )
}

/** Many registries want every child that an index names. zot only says that it is invalid. */
function sparseRefused(error: unknown): unknown {
  const isRefusal = error instanceof RegistryError && (error.codes.includes('MANIFEST_INVALID') || missesContent(error))
  if (!isRefusal) return error
  return new RegistryError(error.message, {
    ...error,
    cause: error,
    hint: 'this registry wants all children of an index: set `platforms_index: narrow`, which writes a smaller index',
  })
}

/** Some registries see content only seconds after they took it: the task is worth another attempt. */
function notYetSeen(error: RegistryError): RegistryError {
  const hint = 'the registry took all of it, and does not see it yet, or has lost it'
  return new RegistryError(error.message, { ...error, cause: error, hint, retryable: true })
}

function missesContent(error: unknown): error is RegistryError {
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

/** Waits for all before it throws the first failure, so that nothing still runs for a task that has ended. */
async function allSettled(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') throw result.reason
  }
}
