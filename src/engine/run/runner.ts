/** Runs one task in this process: opens both stores and copies the graph between them. */

import { contentNameOf } from '../../core/chart.ts'
import { forEachConcurrent } from '../../core/concurrent.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { type Digest, platformNames } from '../../core/descriptor.ts'
import { IntegrityError, isNotFound, onSide } from '../../core/errors.ts'
import type { Moved } from '../../core/execution.ts'
import { contentsOf, isForeign, isIndex, type Manifest } from '../../core/manifest.ts'
import type { TaskSpec } from '../../core/plan.ts'
import type { Policy } from '../../core/policy.ts'
import { formatResource } from '../../core/reference.ts'
import type { ContentNames } from '../../history/content-names.ts'
import { wantedChildren } from '../../transfer/children.ts'
import { familyOf, indexReader } from '../../transfer/family.ts'
import { copyArtifact, copyReferrersOf } from '../../transfer/graph.ts'
import type { Job, OpenRepository, TransferState } from '../../transfer/job.ts'
import type { Endpoint, ManifestMemory } from '../endpoint.ts'
import { type ImageTools, sourceOf } from '../images/tools.ts'
import { selectionOf } from '../plan/filter.ts'

export interface RunnerOptions {
  readonly policy: Policy
  readonly source: Endpoint
  /** Opens the registries of images that charts name. */
  readonly images?: ImageTools | undefined
  /** By the registry's name. */
  readonly destinations: ReadonlyMap<string, Endpoint>
  readonly state: TransferState
  readonly memory: ManifestMemory
  /** Remembers what a store that makes its manifests calls what was copied. */
  readonly names?: ContentNames | undefined
  /** Ask for everything that a manifest of the destination names, instead of taking it to be there. */
  readonly thorough?: boolean | undefined
  /** Others may have left blobs since the plan, or before it, even if the plan saw no repository: a repository without tags is not listed. */
  readonly leftovers?: boolean | undefined
}

/** Manifests of an artifact that are checked at once after they were written. */
const MANIFESTS_AT_ONCE = 16

/** What a task has done so far: true also of one that fails. */
export type Done = { -readonly [K in keyof Moved]: number } & {
  /** The digest that the destination's tag has now. */
  written?: Digest
  /** Of an index, what it was copied for. */
  platforms?: readonly string[]
}

/** `done` grows while the task runs. `again`: another process has tried it before. */
export type RunTask = (task: TaskSpec, done: Done, ctx: Context, again?: boolean) => Promise<void>

export function createRunner(options: RunnerOptions): RunTask {
  const { policy, destinations, state, memory, names, thorough = false, leftovers = false } = options
  const { children, narrows } = selectionOf(policy)
  const repositories = new Map<string, Promise<void>>()
  /** Tasks that may have left something at the destination. */
  const failed = new Set<string>()
  return async (task, done, ctx, again = false) => {
    const destination = destinations.get(task.destination.registry)
    if (!destination) throw new TypeError(`no destination ${task.destination.registry}`)
    const source = await sourceOf(task, options.source, options.images)
    const from = source.adapter.repository(task.source.repository)
    const member = {}
    const name = formatResource({ ...task.destination, digest: task.digest })
    const isNew = task.new_repository ?? false
    const job: Job = {
      state,
      member,
      source: {
        registry: source.registry.name,
        repository: task.source.repository,
        store: from,
        throttle: source.throttle,
        wire: wireOf(source),
        async readManifest(digest, context) {
          const { repository, tag } = task.source
          const isRoot = digest === task.digest
          const read = (): Promise<Manifest> => memory.take(repository, from, digest, isRoot ? tag : undefined, context)
          const manifest = await (state.audience?.manifest(digest, read) ?? read())
          if (isRoot && policy.verify === 'full') checkName(from, manifest, digest)
          return manifest
        },
      },
      destination: {
        registry: destination.registry.name,
        repository: task.destination.repository,
        store: destination.adapter.repository(task.destination.repository),
        throttle: destination.throttle,
        wire: wireOf(destination),
      },
      newRepository: isNew && !leftovers && !failed.has(name),
      thorough,
      again,
      ...(task.damaged ? { damaged: new Set(task.damaged) } : {}),
      referrers: policy.referrers !== false,
      foreignLayers: policy.foreign_layers,
      unhashed: policy.verify === 'off',
      ...(narrows ? { narrowTo: children } : { keep: children }),
      leftOut: new Set(),
      moved: done,
      name,
      artifact: `${task.source.repository}@${task.digest ?? task.source.tag}`,
    }
    const leave = state.siblings.enter(job.artifact, member)
    try {
      if (isNew && policy.destination.create) await ensured(destination, task.destination.repository, ctx)
      const { digest, index } = await copy(task, job, ctx).catch((error: unknown) => {
        failed.add(name)
        // Both stores name their side: what is left is about the content that the source gave.
        throw onSide(error, 'source', source.registry.name)
      })
      done.written = digest
      if (index) done.platforms = platformNames(wantedChildren(contentsOf(index).manifests, children))
      const { labels } = task
      if (labels) await destination.adapter.attachLabels?.(task.destination.repository, digest, labels, ctx)
    } finally {
      leave()
    }
  }

  /** Asked for once, however many tags the repository gets. */
  function ensured(destination: Endpoint, repository: string, ctx: Context): Promise<void> {
    const key = `${destination.registry.name}/${repository}`
    const options = { public: policy.destination.public }
    const known =
      repositories.get(key) ?? Promise.resolve(destination.adapter.ensureRepository?.(repository, options, ctx))
    repositories.set(key, known)
    // One that failed is asked for again by the next attempt.
    known.catch(() => repositories.delete(key))
    return known
  }

  /** Resolves with the digest that the destination's tag has now, and the index that was copied. */
  async function copy(
    task: TaskSpec,
    job: Job,
    ctx: Context,
  ): Promise<{ readonly digest: Digest; readonly index?: Manifest }> {
    const digest = task.digest ?? (await currentDigest(task, job, ctx))
    if (task.referrers_only) {
      await copyReferrersOf(digest, job, ctx)
      return { digest }
    }
    const [from, to] = [job.source.store, job.destination.store]
    let root: Manifest
    try {
      root = await copyArtifact(digest, task.destination.tag, job, ctx)
    } catch (error) {
      // The plan's digest is gone: the tag has moved since, and what it names now is what the user wants.
      // But what it names now may be too young to be copied.
      const mayFollow = task.source.tag !== undefined && policy.filters.min_age === undefined
      if (!isNotFound(error) || error.side !== 'source' || !mayFollow) throw error
      const moved = await currentDigest(task, job, ctx)
      if (moved === digest) throw error
      ctx.emit({
        type: 'log',
        level: 'info',
        text: `${task.source.tag} moved from ${digest} to ${moved} since the plan`,
      })
      root = await copyArtifact(moved, task.destination.tag, job, ctx)
    }
    if (from.nameOf ?? to.nameOf) names?.keep(root.digest, contentNameOf(root))
    if (policy.verify === 'full') await verifyContents(root, job, ctx)
    return { digest: root.digest, ...(isIndex(root.mediaType) ? { index: root } : {}) }
  }
}

/** Throws where a store has other content than it said. */
function checkName(store: ContentStore, manifest: Manifest, digest: string): void {
  const name = store.nameOf?.(manifest)
  if (name === undefined || name === digest) return
  throw new IntegrityError(`it should be ${digest}, and is ${name}`, {
    hint: 'with verify: digest it is copied as it is, and a warning names both',
  })
}

async function currentDigest(task: TaskSpec, job: Job, ctx: Context): Promise<Digest> {
  const { store, registry, repository } = job.source
  const now = task.source.tag === undefined ? undefined : await store.resolve(task.source.tag, ctx)
  if (now) return now.digest
  throw new IntegrityError(`${formatResource({ registry, repository, tag: task.source.tag })} is gone`)
}

/** How bytes travel to and from a registry. */
function wireOf({ registry: { path, url } }: Endpoint): OpenRepository['wire'] {
  if (path !== undefined) return undefined
  return url?.startsWith('http:') ? 'plain' : 'tls'
}

/** Asks the destination for everything that was written. */
async function verifyContents(root: Manifest, job: Job, ctx: Context): Promise<void> {
  const { store, registry } = job.destination
  const read = indexReader((digest) => store.readManifest(digest, ctx))
  const family = await familyOf(root, job.keep, read)
  await forEachConcurrent(family, MANIFESTS_AT_ONCE, async ({ digest, mediaType }) => {
    if (job.leftOut.has(digest)) return
    const named = (digest === root.digest ? store.nameOf?.(root) : undefined) ?? digest
    const manifest = isIndex(mediaType) ? await read(digest) : await store.readManifest(named, ctx)
    const { blobs } = contentsOf(digest === root.digest ? root : manifest)
    for (const blob of blobs) {
      if ((isForeign(blob) && !job.foreignLayers) || (await store.hasBlob(blob, ctx))) continue
      throw onSide(new IntegrityError(`blob ${blob.digest} is not there after it was written`), 'destination', registry)
    }
  })
}
