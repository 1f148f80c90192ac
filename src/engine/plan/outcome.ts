/** What is to be done with one artifact: nothing, a task, or why it is left out. */

import type { TagInfo } from '../../core/adapter.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import { isIndex, isSchema1, type Manifest } from '../../core/manifest.ts'
import type { Location, TaskSpec } from '../../core/plan.ts'
import type { ResourceType } from '../../core/policy.ts'
import type { BroughtTags } from '../../history/brought.ts'
import type { ContentNames } from '../../history/content-names.ts'
import { referrersOf } from '../../transfer/referrers.ts'
import { lacksPlatforms, resourceTypeOf } from '../artifact.ts'
import { type Endpoint, type ManifestMemory, readTagged } from '../endpoint.ts'
import type { Reason } from '../reason.ts'
import { compareContent, type Pointed, type Sameness } from '../same.ts'
import { lacksReferrers } from '../verify/late-referrers.ts'
import type { Listed } from './destination-tags.ts'
import type { Discovery } from './discover.ts'
import type { MissingNames } from './missing.ts'
import type { Narrowing } from './narrowing.ts'
import type { WantedPlatforms } from './platforms.ts'
import type { Pulls } from './pulls.ts'

export interface Comparison extends Discovery {
  readonly destination: Endpoint
  readonly memory: ManifestMemory
  readonly missing: MissingNames
  readonly platforms: WantedPlatforms
  /** Attachments that are copied as ordinary tags, as `REPOSITORY:TAG` of the destination. */
  readonly ownAttachments: Set<string>
  /** Only the I-th of N parts of the tags, 1-based. */
  readonly shard: ((repository: string, tag: string) => boolean) | undefined
  /** Only these resource types. */
  readonly resource: (type: ResourceType) => boolean
  /** Throws where another source already landed on this tag. `registry`: default the policy's source. */
  readonly claim: (
    repository: string,
    destination: { readonly repository: string; readonly tag: string },
    tag: string,
    registry?: string,
  ) => void
  /** True if several source repositories map to this destination repository. */
  readonly isShared: (mapped: string) => boolean
  /** No manifest is read. */
  readonly shallow: boolean
  /** Absent if pulls may be spent. */
  readonly pulls: Pulls | undefined
  /** What a retryable failure becomes. `only`: a blocked action; `first`: a task that compares again when it runs; `again`: it runs now. */
  readonly attempt: 'only' | 'first' | 'again'
  /** Absent where indexes keep their bytes. */
  readonly narrowing: Narrowing | undefined
  /** What earlier executions of the policy put at the destination; absent without a history. */
  readonly brought: BroughtTags | undefined
  /** What manifests are called by stores that make theirs; absent without a history. */
  readonly names: ContentNames | undefined
  /** Check unchanged tags for referrers that were added later. */
  readonly lateReferrers: boolean
  /** Whether a destination's repository is new is of no use. */
  readonly brief: boolean
}

export type Outcome =
  /** `there`: what the destination's tag points at, another digest where the index is narrowed. */
  | {
      readonly kind: 'unchanged'
      readonly digest: Digest
      readonly mediaType: string
      readonly there: Digest
      readonly from: LocalLocation
      readonly to: LocalLocation
    }
  /** The filters do not take it. */
  | { readonly kind: 'dropped' }
  /** The source does not have it. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'task'; readonly task: TaskSpec }

/** A location in a registry that is known from the context. */
export interface LocalLocation extends Omit<Location, 'registry'> {
  readonly digest?: Digest
}

/** An artifact as the source describes it. */
export type Described = Pick<Descriptor, 'digest' | 'mediaType'> & Pick<TagInfo, 'labels'>

/** What is to be done where the source has `now`, and the destination's tag points at `old`. */
export async function outcomeOf(
  now: Described,
  from: LocalLocation,
  to: LocalLocation,
  old: Digest | undefined,
  there: Listed,
  comparison: Comparison,
  ctx: Context,
): Promise<Outcome> {
  const wanted = await wantedDigest(now, from.repository, comparison, ctx)
  const { platforms } = comparison
  if (wanted === undefined) {
    platforms.sawNone()
    return withoutPlatform({ ...from, ...digestUnlessTagged(from, now.digest) }, comparison)
  }
  const sameness =
    old === undefined ? 'other' : await sameAs({ ...now, digest: wanted }, old, from, to, comparison, ctx)
  if (old !== undefined && sameness === 'same') {
    if (platforms.mustKnow && isIndex(now.mediaType))
      platforms.saw(await readTagged(comparison.source.adapter.repository(from.repository), now.digest, from.tag, ctx))
    else platforms.passedOver()
    return unchanged(now, from, to, old, there, comparison, ctx)
  }
  return actionFor(now, from, to, old, there, sameness === 'lacking' ? NEW_PROVENANCE : undefined, comparison, ctx)
}

/** Why an artifact is written again whose content is the same. */
type Why = Required<Pick<TaskSpec, 'reason' | 'reason_code'>>

const NEW_PROVENANCE: Why = { reason: 'new provenance', reason_code: 'new_content' }
const NEW_REFERRERS: Why = { reason: 'new referrers', reason_code: 'new_referrers' }

async function sameAs(
  now: Described,
  old: Digest,
  from: LocalLocation,
  to: LocalLocation,
  comparison: Comparison,
  ctx: Context,
): Promise<Sameness> {
  const { source, destination, names, policy, lateReferrers } = comparison
  const here: Pointed = {
    store: source.adapter.repository(from.repository),
    digest: now.digest,
    tag: from.tag,
    mediaType: now.mediaType,
    read: (inner) => manifestFor(now, from, 'if possible', comparison, inner),
  }
  const there: Pointed = { store: destination.adapter.repository(to.repository), digest: old, tag: to.tag }
  const looking = { names, beside: policy.referrers !== false, fresh: lateReferrers, again: !policy.override }
  return compareContent(here, there, looking, ctx)
}

/** What the destination should have; undefined where no wanted platform is in it. */
async function wantedDigest(
  now: Described,
  repository: string,
  { narrowing, pulls }: Comparison,
  ctx: Context,
): Promise<Digest | undefined> {
  if (!narrowing) return now.digest
  const mayRead = (await pulls?.mayRead(repository, now.digest, ctx)) ?? true
  return mayRead ? narrowing.expected(now, repository, ctx) : (narrowing.known(now.digest) ?? now.digest)
}

/** Unchanged, unless referrers are looked at and some came later. */
export async function unchanged(
  now: Described,
  from: LocalLocation,
  to: LocalLocation,
  old: Digest,
  there: Listed,
  comparison: Comparison,
  ctx: Context,
): Promise<Outcome> {
  const { policy, source, destination, selection, narrowing } = comparison
  const same: Outcome = { kind: 'unchanged', digest: now.digest, mediaType: now.mediaType, there: old, from, to }
  if (!comparison.lateReferrers || !policy.referrers) return same
  const [here, beside] = [source.adapter.repository(from.repository), destination.adapter.repository(to.repository)]
  if (here.nameOf ?? beside.nameOf) return same
  if (now.digest !== old && !isIndex(now.mediaType)) {
    // The same chart in another manifest, which referrers of the source's do not match.
    const { digest, mediaType } = now
    const attached = referrersOf([{ digest, mediaType, size: 0 }], here, ctx)
    for await (const { referrers } of attached)
      if (referrers.length > 0) return actionFor(now, from, to, old, there, NEW_REFERRERS, comparison, ctx)
    return same
  }
  const artifact = {
    digest: { source: now.digest, destination: old },
    source: here,
    destination: beside,
    keep: narrowing ? undefined : selection.children,
  }
  if (!(await lacksReferrers(artifact, ctx))) return same
  return {
    kind: 'task',
    task: {
      action: 'update',
      resource_type: 'image',
      ...endsOf(from, to, comparison),
      digest: now.digest,
      media_type: now.mediaType,
      ...NEW_REFERRERS,
      referrers_only: true,
    },
  }
}

/** Both ends of a task, with their registries. */
export function endsOf(
  from: LocalLocation,
  to: LocalLocation,
  { source, destination }: Comparison,
): Pick<TaskSpec, 'source' | 'destination'> {
  return {
    source: { registry: source.registry.name, ...from },
    destination: { registry: destination.registry.name, ...to },
  }
}

function withoutPlatform(location: LocalLocation, { explain, policy }: Comparison): Outcome {
  const { platforms } = policy.filters
  explain(location, { kept: false, rule: platforms ? `platforms: ${platforms.join(', ')}` : 'attestations: false' })
  return { kind: 'dropped' }
}

/** The digest, for explanations of artifacts without a tag. */
function digestUnlessTagged({ tag }: LocalLocation, digest: Digest): { readonly digest?: Digest } {
  return tag === undefined ? { digest } : {}
}

async function actionFor(
  now: Described,
  from: LocalLocation,
  to: LocalLocation,
  old: Digest | undefined,
  there: Listed,
  why: Why | undefined,
  comparison: Comparison,
  ctx: Context,
): Promise<Outcome> {
  const { policy, source, destination, selection } = comparison
  const base = {
    ...endsOf(from, to, comparison),
    digest: now.digest,
    media_type: now.mediaType,
    ...(old === undefined ? {} : { previous_digest: old }),
    ...(there.exists ? {} : { new_repository: true }),
    ...(now.labels?.length ? { labels: now.labels } : {}),
  }
  if (isSchema1(now.mediaType)) {
    const reason = 'Docker schema 1 images are not supported'
    const hint = 'push the image again with a current client, which makes a schema 2 or OCI image of it'
    return {
      kind: 'task',
      task: { ...base, action: 'blocked', resource_type: 'image', reason, hint, reason_code: 'unsupported' },
    }
  }
  const isByType = policy.filters.resource !== 'all' || onlyType(destination) !== undefined
  const isNeeded = isByType || selection.platform !== undefined
  const manifest = await manifestFor(now, from, isNeeded ? 'always' : 'if cheap', comparison, ctx)
  if (manifest) comparison.platforms.saw(manifest)
  else comparison.platforms.passedOver()
  const type = manifest ? resourceTypeOf(manifest) : (onlyType(source) ?? 'image')
  const location = { ...from, ...digestUnlessTagged(from, now.digest) }
  if (!comparison.resource(type)) {
    comparison.explain(location, { kept: false, rule: `resource: it is a ${type}` })
    return { kind: 'dropped' }
  }
  const unfit = misfitOfType(type, destination)
  if (unfit) return { kind: 'task', task: { ...base, action: 'blocked', resource_type: type, ...unfit } }
  if (manifest && selection.platform && lacksPlatforms(manifest, selection.platform)) {
    return withoutPlatform(location, comparison)
  }
  if (old !== undefined && !policy.override) {
    const reason = why ? `${why.reason}, kept as it is (override: false)` : 'differs, kept (override: false)'
    return { kind: 'task', task: { ...base, action: 'keep', resource_type: type, reason, reason_code: 'kept' } }
  }
  const objection = await objectionTo(to, old !== undefined, destination, ctx)
  if (objection) return { kind: 'task', task: { ...base, action: 'blocked', resource_type: type, ...objection } }
  const action = old === undefined ? 'copy' : 'update'
  return { kind: 'task', task: { ...base, action, resource_type: type, ...why } }
}

/** The type of everything that a registry has, where it has only one. */
function onlyType({ type }: Endpoint): ResourceType | undefined {
  return type.resources.length === 1 ? type.resources[0] : undefined
}

function misfitOfType(type: ResourceType, destination: Endpoint): Reason | undefined {
  const only = onlyType(destination)
  if (only === undefined || only === type) return undefined
  const reason = `it is not ${only === 'image' ? 'an' : 'a'} ${only}, and ${destination.type.name} holds nothing else`
  return { reason, reason_code: 'unsupported', hint: `set filters.resource: ${only}, or exclude it` }
}

/** Why the destination is known to refuse the write, where its API tells beforehand. */
async function objectionTo(
  { repository, tag }: LocalLocation,
  isUpdate: boolean,
  destination: Endpoint,
  ctx: Context,
): Promise<Reason | undefined> {
  const { writeRules } = destination.adapter
  if (!writeRules) return undefined
  const { refused, immutable } = await writeRules(repository, ctx)
  if (refused) return { ...refused, reason_code: 'denied' }
  const reason = isUpdate && tag !== undefined ? immutable?.(tag) : undefined
  return reason === undefined
    ? undefined
    : { reason, reason_code: 'immutable', hint: 'exclude the tag, or set override: false' }
}

/** `if cheap`: only where it stays in memory for the transfer; `if possible`: unless no manifest is to be read. */
async function manifestFor(
  now: Pick<Descriptor, 'digest' | 'mediaType'>,
  { repository, tag }: LocalLocation,
  wanted: 'always' | 'if cheap' | 'if possible',
  comparison: Comparison,
  ctx: Context,
): Promise<Manifest | undefined> {
  const { memory, source, shallow, pulls } = comparison
  // A manifest that must be made of the whole content is not worth it for a plan.
  if (source.adapter.repository(repository).nameOf) return undefined
  const kept = memory.peek(repository, now.digest)
  if (kept || (wanted !== 'always' && shallow) || (wanted === 'if cheap' && !memory.hasRoom)) return kept
  if (pulls && !(await pulls.mayRead(repository, now.digest, ctx))) return undefined
  const manifest = await readTagged(source.adapter.repository(repository), now.digest, tag, ctx)
  memory.keep(repository, manifest)
  return manifest
}
