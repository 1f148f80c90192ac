/** One repository's part of a plan: both sides listed, each selected tag compared. */

import type { TagInfo } from '../core/adapter.ts'
import type { ContentStore } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Descriptor, Digest } from '../core/descriptor.ts'
import { CancelledError, describeError, isNotFound, onSide, ReplicateError } from '../core/errors.ts'
import { contentsOf, descriptorOf, HELM_CONFIG, isIndex, isSchema1, type Manifest } from '../core/manifest.ts'
import type { TaskSpec } from '../core/plan.ts'
import type { Policy, ResourceType } from '../core/policy.ts'
import { isRepositoryName, namespaceOf } from '../core/reference.ts'
import { mapConcurrent } from './concurrent.ts'
import { type Explain, type Found, selectTags } from './discover.ts'
import type { Endpoint, ManifestMemory } from './endpoint.ts'
import type { Selection } from './filter.ts'

/** Tags compared at once; the hosts' own limits decide how many requests that is. */
const TAGS_AT_ONCE = 64
/** A destination's list is read this far when only few tags are wanted; beyond it each is asked for. */
const LIST_AT_MOST = 1000

export interface Comparison {
  readonly policy: Policy
  readonly selection: Selection
  readonly source: Endpoint
  readonly destination: Endpoint
  readonly memory: ManifestMemory
  readonly explain: Explain
  /** Only the I-th of N parts of the tags, 1-based. */
  readonly shard: ((repository: string, tag: string) => boolean) | undefined
  /** Only these resource types. */
  readonly resource: (type: ResourceType) => boolean
  /** Throws where another source already landed on this tag. */
  readonly claim: (
    repository: string,
    destination: { readonly repository: string; readonly tag: string },
    tag: string,
  ) => void
  /** No manifest is read. */
  readonly shallow: boolean
}

export type Outcome =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'task'; readonly task: TaskSpec }

export interface Counts {
  /** Tags seen at the source. */
  seen: number
  /** Tags that the filters select and the source has. */
  selected: number
}

/** Yields an outcome for each selected tag, in the policy's order. */
export async function* compareRepository(
  repository: string,
  mapped: string,
  comparison: Comparison,
  counts: Counts,
  ctx: Context,
): AsyncIterable<Outcome> {
  const { policy, selection, source, destination } = comparison
  const misfit = misfitOf(mapped, destination)
  if (misfit) {
    counts.selected += 1
    yield { kind: 'task', task: blocked(comparison, repository, mapped, undefined, misfit) }
    return
  }
  if (selection.digest !== undefined) {
    yield* compareDigests([{ digest: selection.digest as Digest }], repository, mapped, comparison, counts, ctx)
    return
  }
  let found: Found
  let there: Listed
  try {
    ;[found, there] = await Promise.all([
      selectTags(policy, selection, source, repository, comparison.explain, ctx),
      listDestination(destination, mapped, selection.tags !== undefined, ctx),
    ])
  } catch (error) {
    counts.selected += 1
    yield { kind: 'task', task: blocked(comparison, repository, mapped, undefined, reasonOf(error)) }
    return
  }
  counts.seen += found.seen
  const tags = comparison.shard ? found.tags.filter((tag) => comparison.shard?.(repository, tag)) : found.tags
  for (const tag of tags) {
    comparison.claim(repository, { repository: mapped, tag: policy.destination.tag ?? tag }, tag)
  }
  for await (const outcome of mapConcurrent(tags, TAGS_AT_ONCE, (tag) =>
    compareTag(tag, repository, mapped, found.infos.get(tag), there, comparison, ctx),
  )) {
    if (outcome.kind !== 'dropped') counts.selected += 1
    yield outcome
  }
  yield* compareDigests(found.untagged, repository, mapped, comparison, counts, ctx)
}

interface Listed {
  /** false: the repository is new. */
  readonly exists: boolean
  /** false: there may be more tags than these. */
  readonly complete: boolean
  readonly digests: ReadonlyMap<string, Digest | undefined>
}

async function listDestination(destination: Endpoint, repository: string, few: boolean, ctx: Context): Promise<Listed> {
  const digests = new Map<string, Digest | undefined>()
  try {
    if (destination.adapter.listTags) {
      for await (const info of destination.adapter.listTags(repository, ctx)) {
        if (info.tag !== undefined) digests.set(info.tag, info.digest)
      }
      return { exists: true, complete: true, digests }
    }
    for await (const tag of destination.adapter.repository(repository).tags(ctx)) {
      digests.set(tag, undefined)
      if (few && digests.size >= LIST_AT_MOST) return { exists: true, complete: false, digests }
    }
    return { exists: true, complete: true, digests }
  } catch (error) {
    if (isNotFound(error)) return { exists: false, complete: true, digests }
    throw onSide(error, 'destination', destination.registry.name)
  }
}

async function compareTag(
  tag: string,
  repository: string,
  mapped: string,
  info: TagInfo | undefined,
  there: Listed,
  comparison: Comparison,
  ctx: Context,
): Promise<Outcome> {
  const { policy, source, destination } = comparison
  const destinationTag = policy.destination.tag ?? tag
  try {
    const from = source.adapter.repository(repository)
    const to = destination.adapter.repository(mapped)
    const previous = async (): Promise<Digest | undefined> => {
      const listed = there.digests.get(destinationTag)
      if (listed || (there.complete && !there.digests.has(destinationTag))) return listed
      return (await onSideOf('destination', destination, () => to.resolve(destinationTag, ctx)))?.digest
    }
    // A tag that the destination's list shows costs a HEAD on each side; one that it lacks is read at once, it will be copied.
    const mayBeThere = there.digests.has(destinationTag) || !there.complete
    const [old, now] = await Promise.all([
      previous(),
      onSideOf('source', source, () => describe(tag, repository, info, !mayBeThere, from, comparison, ctx)),
    ])
    if (!now) {
      ctx.emit({ type: 'log', level: 'warning', text: `${source.registry.name}/${repository}:${tag} is not there` })
      return { kind: 'dropped' }
    }
    if (old === now.digest) return { kind: 'unchanged' }
    return await actionFor(
      now,
      { repository, tag },
      { repository: mapped, tag: destinationTag },
      old,
      there,
      comparison,
      ctx,
    )
  } catch (error) {
    return {
      kind: 'task',
      task: blocked(comparison, repository, mapped, { from: tag, to: destinationTag }, reasonOf(error)),
    }
  }
}

/** What the source's tag points at; read whole where it will be copied and there is room to keep it. */
async function describe(
  tag: string,
  repository: string,
  info: TagInfo | undefined,
  read: boolean,
  store: ContentStore,
  comparison: Comparison,
  ctx: Context,
): Promise<Pick<Descriptor, 'digest' | 'mediaType'> | undefined> {
  if (info) return { digest: info.digest, mediaType: info.mediaType ?? '' }
  if (!read || comparison.shallow || !comparison.memory.hasRoom) return store.resolve(tag, ctx)
  try {
    const manifest = await store.readManifest(tag, ctx)
    comparison.memory.keep(repository, manifest)
    return descriptorOf(manifest)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** Artifacts by digest: there or not there, never changed. */
async function* compareDigests(
  artifacts: readonly { readonly digest: Digest; readonly mediaType?: string }[],
  repository: string,
  mapped: string,
  comparison: Comparison,
  counts: Counts,
  ctx: Context,
): AsyncIterable<Outcome> {
  const { policy, source, destination } = comparison
  const tag = policy.destination.tag
  yield* mapConcurrent(artifacts, TAGS_AT_ONCE, async (artifact): Promise<Outcome> => {
    counts.seen += 1
    counts.selected += 1
    try {
      const to = destination.adapter.repository(mapped)
      const [old, now] = await Promise.all([
        onSideOf('destination', destination, () => to.resolve(tag ?? artifact.digest, ctx)),
        onSideOf('source', source, () => source.adapter.repository(repository).resolve(artifact.digest, ctx)),
      ])
      if (!now) {
        counts.selected -= 1
        ctx.emit({
          type: 'log',
          level: 'warning',
          text: `${source.registry.name}/${repository}@${artifact.digest} is not there`,
        })
        return { kind: 'dropped' }
      }
      if (old?.digest === now.digest) return { kind: 'unchanged' }
      const listed: Listed = { exists: true, complete: false, digests: new Map() }
      const at = { repository: mapped, ...(tag === undefined ? {} : { tag }) }
      return await actionFor(now, { repository }, at, old?.digest, listed, comparison, ctx)
    } catch (error) {
      return { kind: 'task', task: blocked(comparison, repository, mapped, undefined, reasonOf(error)) }
    }
  })
}

interface Spot {
  readonly repository: string
  readonly tag?: string
}

async function actionFor(
  now: Pick<Descriptor, 'digest' | 'mediaType'>,
  from: Spot,
  to: Spot,
  old: Digest | undefined,
  there: Listed,
  comparison: Comparison,
  ctx: Context,
): Promise<Outcome> {
  const { policy, source, destination, selection } = comparison
  const base = {
    source: { registry: source.registry.name, ...from },
    destination: { registry: destination.registry.name, ...to },
    digest: now.digest,
    media_type: now.mediaType,
    ...(old === undefined ? {} : { previous_digest: old }),
    ...(there.exists ? {} : { new_repository: true }),
  }
  if (isSchema1(now.mediaType)) {
    const reason = 'Docker schema 1 images are not supported'
    const hint = 'push the image again with a current client, which makes a schema 2 or OCI image of it'
    return {
      kind: 'task',
      task: { ...base, action: 'blocked', resource_type: 'image', reason, hint, reason_code: 'unsupported' },
    }
  }
  const manifest = await onSideOf('source', source, () => manifestFor(now, from.repository, comparison, ctx))
  const type = manifest ? resourceTypeOf(manifest) : 'image'
  const spot = { repository: from.repository, ...(from.tag === undefined ? {} : { tag: from.tag }) }
  if (!comparison.resource(type)) {
    comparison.explain(spot, { kept: false, rule: `resource: it is a ${type}` })
    return { kind: 'dropped' }
  }
  if (manifest && selection.platform && lacksPlatforms(manifest, selection.platform)) {
    comparison.explain(spot, { kept: false, rule: `platforms: ${policy.filters.platforms?.join(', ')}` })
    return { kind: 'dropped' }
  }
  if (old !== undefined && !policy.override) {
    const reason = 'differs, kept (override: false)'
    return { kind: 'task', task: { ...base, action: 'keep', resource_type: type, reason, reason_code: 'kept' } }
  }
  return { kind: 'task', task: { ...base, action: old === undefined ? 'copy' : 'update', resource_type: type } }
}

async function manifestFor(
  now: Pick<Descriptor, 'digest' | 'mediaType'>,
  repository: string,
  comparison: Comparison,
  ctx: Context,
): Promise<Manifest | undefined> {
  const { memory, source, policy, selection, shallow } = comparison
  const kept = memory.peek(repository, now.digest)
  const needed = policy.filters.resource !== 'all' || selection.platform !== undefined
  if (kept || (!needed && (shallow || !memory.hasRoom))) return kept
  const manifest = await source.adapter.repository(repository).readManifest(now.digest, ctx)
  memory.keep(repository, manifest)
  return manifest
}

function resourceTypeOf(manifest: Manifest): ResourceType {
  if (isIndex(manifest.mediaType)) return 'image'
  return contentsOf(manifest).artifactType === HELM_CONFIG ? 'chart' : 'image'
}

function lacksPlatforms(manifest: Manifest, wanted: NonNullable<Selection['platform']>): boolean {
  if (!isIndex(manifest.mediaType)) return false
  const children = contentsOf(manifest).manifests
  return children.length > 0 && !children.some((child) => isIndex(child.mediaType) || wanted(child.platform))
}

interface Reason {
  readonly reason: string
  readonly reason_code: string
  readonly hint?: string
}

function blocked(
  comparison: Comparison,
  repository: string,
  mapped: string,
  tags: { readonly from: string; readonly to: string } | undefined,
  reason: Reason,
): TaskSpec {
  return {
    action: 'blocked',
    resource_type: 'image',
    source: { registry: comparison.source.registry.name, repository, ...(tags ? { tag: tags.from } : {}) },
    destination: {
      registry: comparison.destination.registry.name,
      repository: mapped,
      ...(tags ? { tag: tags.to } : {}),
    },
    ...reason,
  }
}

/** Why a tag or repository cannot be planned. What stops the whole program goes on upwards. */
function reasonOf(error: unknown): Reason {
  if (!(error instanceof ReplicateError) || error instanceof CancelledError) throw error
  return {
    reason: describeError(error),
    reason_code: error.code,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  }
}

function misfitOf(mapped: string, destination: Endpoint): Reason | undefined {
  const { type, registry } = destination
  const parts = mapped === '' ? 0 : mapped.split('/').length
  const hint = 'set destination.namespace and flatten so that the name fits'
  if (parts > 0 && !isRepositoryName(mapped)) {
    return { reason: `${mapped} is not a valid repository name`, reason_code: 'unsupported', hint }
  }
  const { min = 0, max = Number.POSITIVE_INFINITY } = type.depth ?? {}
  if (parts >= min && parts <= max) return undefined
  const wants = min === max ? `exactly ${min}` : parts < min ? `at least ${min}` : `at most ${max}`
  const reason = `${mapped} has ${parts} path parts, ${type.name} at ${registry.name} wants ${wants}`
  return { reason, reason_code: 'unsupported', hint }
}

async function onSideOf<T>(side: 'source' | 'destination', endpoint: Endpoint, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw onSide(error, side, endpoint.registry.name)
  }
}

/** The namespaces that a plan's destinations live in. */
export function destinationNamespace(task: TaskSpec): string | undefined {
  return namespaceOf(task.destination.repository)
}
