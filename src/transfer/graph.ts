/** One artifact from store to store: everything that is reachable from one digest, its referrers, and the tag last. */

import type { Context } from '../core/context.ts'
import type { Descriptor, Referrer } from '../core/descriptor.ts'
import { IntegrityError, isNotFound, onSide, RegistryError } from '../core/errors.ts'
import { type Contents, contentsOf, descriptorOf, isIndex, type Manifest } from '../core/manifest.ts'
import { copyBlob } from './blob.ts'
import type { Job } from './job.ts'

/** Indexes may nest this deep; deeper is taken for an attack. */
const MAX_DEPTH = 16

/** Copies what `digest` names and points `tag` at it; without a tag it stays reachable by digest. Resolves with the manifest. */
export async function copyArtifact(digest: string, tag: string | undefined, job: Job, ctx: Context): Promise<Manifest> {
  const root = await readManifest(digest, job, ctx)
  const seen: Descriptor[] = []
  await copyContents(root, job, seen, 0, ctx)
  const referrers = job.referrers ? await referrersOf([descriptorOf(root), ...seen], job, ctx) : []
  if (referrers.length > 0) {
    // A referrer may be refused before its subject is there; the tag still comes last.
    if (tag !== undefined) await writeManifest(root, root.digest, job, ctx)
    for (const referrer of referrers) await copyReferrer(referrer, job, ctx)
  }
  await writeManifest(root, tag ?? root.digest, job, ctx)
  return root
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
  const contents = contentsIn(manifest, job)
  const size = contents.blobs.reduce((sum, blob) => sum + blob.size, 0)
  ctx.emit({ type: 'planned', tasks: 0, bytes: size })
  await allSettled([
    ...contents.blobs.map((blob) => copyBlob(blob, job, ctx)),
    ...wantedChildren(contents, job).map(async (child) => {
      seen.push(child)
      await copyChild(child, job, seen, depth + 1, ctx)
    }),
  ])
}

function wantedChildren(contents: Contents, job: Job): readonly Descriptor[] {
  const keep = job.keepPlatform
  if (!keep) return contents.manifests
  const kept = contents.manifests.filter((child) => isIndex(child.mediaType) || keep(child.platform))
  const digests = new Set<string>(kept.map((child) => child.digest))
  // An attestation belongs to the platform whose manifest it names.
  const attestations = contents.manifests.filter((child) =>
    digests.has(child.annotations?.['vnd.docker.reference.digest'] ?? ''),
  )
  return [...kept, ...attestations.filter((child) => !digests.has(child.digest))]
}

async function copyChild(child: Descriptor, job: Job, seen: Descriptor[], depth: number, ctx: Context): Promise<void> {
  const { state, destination } = job
  const key = `${destination.registry} ${destination.repository} ${child.digest}`
  await state.manifests.run(key, async () => {
    if (!job.newRepository && !isIndex(child.mediaType) && (await isThere(child, job, ctx))) return
    const manifest = await readManifest(child.digest, job, ctx)
    await copyContents(manifest, job, seen, depth, ctx)
    await writeManifest(manifest, manifest.digest, job, ctx)
  })
}

async function isThere(manifest: Descriptor, job: Job, ctx: Context): Promise<boolean> {
  const { store, registry } = job.destination
  try {
    return (await store.resolve(manifest.digest, ctx)) !== undefined
  } catch (error) {
    throw onSide(error, 'destination', registry)
  }
}

/** Every referrer of the subjects, and theirs, each once. */
async function referrersOf(subjects: readonly Descriptor[], job: Job, ctx: Context): Promise<readonly Referrer[]> {
  const { store, registry } = job.source
  if (!store.referrers) return []
  const found = new Map<string, Referrer>()
  const queue = [...subjects]
  for (let subject = queue.shift(); subject; subject = queue.shift()) {
    try {
      for await (const referrer of store.referrers(subject, ctx)) {
        const key = `${referrer.tag ?? ''}@${referrer.digest}`
        if (found.has(key) || subjects.some((known) => known.digest === referrer.digest)) continue
        found.set(key, referrer)
        queue.push(referrer)
      }
    } catch (error) {
      throw onSide(error, 'source', registry)
    }
  }
  return [...found.values()]
}

async function copyReferrer(referrer: Referrer, job: Job, ctx: Context): Promise<void> {
  let manifest: Manifest
  try {
    manifest = await readManifest(referrer.digest, job, ctx)
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

async function readManifest(digest: string, job: Job, ctx: Context): Promise<Manifest> {
  try {
    return await job.source.readManifest(digest, ctx)
  } catch (error) {
    throw onSide(error, 'source', job.source.registry)
  }
}

/** Writes a manifest; where the registry misses something it names, sends that once more without trusting any memory. */
async function writeManifest(manifest: Manifest, tagOrDigest: string, job: Job, ctx: Context): Promise<void> {
  const { store, registry } = job.destination
  try {
    await store.writeManifest(manifest, tagOrDigest, ctx)
  } catch (error) {
    if (!missesContent(error) || job.keepPlatform) throw onSide(error, 'destination', registry)
    ctx.emit({
      type: 'log',
      level: 'warning',
      text: `destination misses content of ${manifest.digest}, sending it again`,
    })
    forget(manifest, job)
    await copyContents(manifest, { ...job, newRepository: true }, [], 0, ctx)
    try {
      await store.writeManifest(manifest, tagOrDigest, ctx)
    } catch (again) {
      throw onSide(again, 'destination', registry)
    }
  }
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

function contentsIn(manifest: Manifest, job: Job): Contents {
  try {
    return contentsOf(manifest)
  } catch (error) {
    throw onSide(error, 'source', job.source.registry)
  }
}

/** Waits for all before it throws the first failure, so that nothing goes on behind a task that has ended. */
async function allSettled(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') throw result.reason
  }
}
