/** What `deletion: mirror` and `owned` delete: destination tags that the source no longer has, planned with caution. */

import { forEachConcurrent, mapConcurrent } from '../../core/concurrent.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import { isNotFound, PrepareError, UnsupportedError } from '../../core/errors.ts'
import { descriptorOf, isSchema1, type Manifest } from '../../core/manifest.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { plural } from '../../core/plural.ts'
import type { Policy, ResourceType } from '../../core/policy.ts'
import { formatResource, isAttachmentTag } from '../../core/reference.ts'
import type { BroughtTags } from '../../history/brought.ts'
import type { ContentNames } from '../../history/content-names.ts'
import { lacksPlatforms, resourceTypeOf } from '../artifact.ts'
import type { Endpoint } from '../endpoint.ts'
import { reasonOf } from '../reason.ts'
import { attachmentsOf, isAtSource, NOT_DELETED, neededBy, sharedManifest, tagsOf } from '../run/remove.ts'
import type { Selection } from './filter.ts'
import type { Narrowing } from './narrowing.ts'

export interface MirrorRequest {
  readonly policy: Policy
  readonly selection: Selection
  readonly source: Endpoint
  readonly destination: Endpoint
  /** By destination repository: the source repositories that land there. */
  readonly repositories: ReadonlyMap<string, readonly string[]>
  readonly resource: (type: ResourceType) => boolean
  readonly shard: ((repository: string, tag: string) => boolean) | undefined
  /** Tags that the policy has put at its destinations: `owned` deletes no others. */
  readonly brought: BroughtTags | undefined
  readonly narrowing: Narrowing | undefined
  readonly names: ContentNames | undefined
  /** Attachments that this plan copies as ordinary tags, as `REPOSITORY:TAG` of the destination: they are not deleted with an image. */
  readonly ownAttachments: ReadonlySet<string>
}

export interface Deletes {
  readonly tasks: readonly TaskSpec[]
  /** Set where they are more than `max_deletions` allows. */
  readonly refused?: PrepareError
}

const REPOSITORIES_AT_ONCE = 8
/** Tags looked at at once; the hosts' own limits decide how many requests that is. */
const TAGS_AT_ONCE = 32
const DEFAULT_LIMIT = '10%'
/** How many tags an error names. */
const NAMED = 5

/** True where a run deletes what the source no longer has. */
export function deletesTags({ deletion }: Policy): boolean {
  return deletion === 'mirror' || deletion === 'owned'
}

/** Throws if the destination cannot delete at all, before anything is listed. */
export function checkDeletes(policy: Policy, { adapter, registry, type }: Endpoint): void {
  if (!deletesTags(policy) || adapter.repository('any').deleteTag) return
  throw new UnsupportedError(`registry ${registry.name}: ${type.name} cannot delete`, { hint: 'set `deletion: never`' })
}

/** The deletes, and blocked tasks for tags that cannot be deleted. */
export async function planDeletes(request: MirrorRequest, ctx: Context): Promise<Deletes> {
  const { policy, selection, repositories, destination } = request
  if (selection.digest !== undefined || policy.destination.tag !== undefined) return { tasks: [] }
  const tasks: TaskSpec[] = []
  let tags = 0
  await forEachConcurrent(repositories, REPOSITORIES_AT_ONCE, async ([mapped, sources]) => {
    const store = destination.adapter.repository(mapped)
    const there = await tagsOf(store, ctx)
    const own = there.filter((tag) => !isAttachmentTag(tag) && (request.shard?.(sources[0] ?? '', tag) ?? true))
    tags += own.length
    const wanted = own.filter((tag) => selection.tag(tag).kept && isOurs(mapped, tag, request))
    if (wanted.length === 0) return
    // Not `push(...tasks)`: very many arguments overflow the stack.
    const place = { mapped, sources, store, there, wanted }
    const gone = await goneTags(place, request, ctx)
    for (const task of await deletesIn(place, gone, request, ctx)) tasks.push(task)
  })
  const refused = refusal(
    tasks.filter(({ action }) => action === 'delete'),
    tags,
    policy,
  )
  return refused ? { tasks, refused } : { tasks }
}

export function isOurs(repository: string, tag: string, { policy, destination, brought }: MirrorRequest): boolean {
  if (policy.deletion !== 'owned') return true
  return brought?.find(policy.name, { registry: destination.registry.name, repository, tag }) !== undefined
}

export interface Mirrored {
  readonly mapped: string
  readonly sources: readonly string[]
  readonly store: ContentStore
  /** All tags of the destination repository. */
  readonly there: readonly string[]
  /** Those that the policy's filters select. */
  readonly wanted: readonly string[]
}

/** The tasks that delete what is gone. */
export async function deletesIn(
  place: Mirrored,
  gone: readonly Gone[],
  request: MirrorRequest,
  ctx: Context,
): Promise<readonly TaskSpec[]> {
  const { destination, ownAttachments } = request
  if (gone.length === 0) return []
  const { store, there, mapped } = place
  const able = (await store.deletes?.(ctx)) ?? 'tag'
  const going = new Set(gone.map(({ tag }) => tag))
  const attached = gone.map(({ manifest }) =>
    attachmentsOf(manifest.digest, there).filter((tag) => !ownAttachments.has(`${mapped}:${tag}`)),
  )
  const allAttached = new Set(attached.flat())
  const needed =
    able === 'manifest' || allAttached.size > 0
      ? await neededBy(store, (tag) => !going.has(tag) && !allAttached.has(tag), ctx)
      : new Set<string>()
  const byDigest = Map.groupBy(gone, ({ manifest }) => manifest.digest)
  return gone.map((artifact, at): TaskSpec => {
    const { tag, manifest } = artifact
    const base = specOf(artifact, place, request)
    const name = formatResource({ registry: destination.registry.name, repository: mapped, tag })
    if (able === 'nothing') return { ...base, ...NOT_ALLOWED, reason: `${name} is not deleted: ${NOT_ALLOWED.reason}` }
    if (able === 'manifest' && needed.has(manifest.digest)) {
      const { message, hint } = sharedManifest(name)
      return { ...base, action: 'blocked', reason: message, reason_code: NOT_DELETED, ...(hint ? { hint } : {}) }
    }
    const attachments = needed.has(manifest.digest) ? [] : (attached[at] ?? [])
    const same = (byDigest.get(manifest.digest) ?? []).map((other) => other.tag)
    const together = able === 'tag' ? {} : { together: same }
    const removal = attachments.length > 0 || able !== 'tag' ? { removal: { attachments, ...together } } : {}
    const reason = whyGone(request.policy, attachments.length, able === 'manifest')
    return { ...base, reason, ...removal }
  })
}

export interface Gone {
  readonly tag: string
  readonly manifest: Pick<Descriptor, 'digest' | 'mediaType'>
  readonly type: ResourceType
}

/** The wanted tags that no source lists and none resolves: a list may be incomplete. */
async function goneTags(place: Mirrored, request: MirrorRequest, ctx: Context): Promise<readonly Gone[]> {
  const { source, destination, selection } = request
  const known = new Set<string>(selection.pinned.keys())
  for (const repository of place.sources) {
    const listed = await tagsOf(source.adapter.repository(repository), ctx)
    if (listed.length === 0) {
      const text = `nothing is deleted from ${destination.registry.name}/${place.mapped}: ${source.registry.name}/${repository} has no tags, or does not say so`
      ctx.emit({ type: 'log', level: 'warning', text })
      return []
    }
    for (const tag of listed) known.add(tag)
  }
  const unknown = place.wanted.filter((tag) => !known.has(tag))
  return unresolvedTags(unknown, place, request, ctx)
}

/** Those of the tags that no source resolves, with what they point at. */
export async function unresolvedTags(
  tags: readonly string[],
  place: Mirrored,
  request: MirrorRequest,
  ctx: Context,
): Promise<readonly Gone[]> {
  const gone: Gone[] = []
  for await (const found of mapConcurrent(tags, TAGS_AT_ONCE, async (tag) =>
    (await isAnywhere(tag, place.sources, request.source, ctx)) ? undefined : readOwn(tag, place, request, ctx),
  )) {
    if (found) gone.push(found)
  }
  return gone
}

/** True if one of the source's repositories resolves the tag or digest. */
export async function isAnywhere(
  tag: string,
  repositories: readonly string[],
  source: Endpoint,
  ctx: Context,
): Promise<boolean> {
  for (const repository of repositories) if (await isAtSource(repository, tag, source, ctx)) return true
  return false
}

/** What the destination's tag points at, or undefined if the policy's filters do not select it. */
async function readOwn(
  tag: string,
  { store, mapped }: Mirrored,
  request: MirrorRequest,
  ctx: Context,
): Promise<Gone | undefined> {
  const { policy, resource, selection } = request
  if (store.nameOf) return namedOwn(tag, { store, mapped }, request, ctx)
  let manifest: Manifest
  try {
    manifest = await store.readManifest(tag, ctx)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
  const old = isSchema1(manifest.mediaType)
  const type = old ? 'image' : resourceTypeOf(manifest)
  if (!resource(type)) return undefined
  if (!old && policy.filters.platforms && selection.platform && lacksPlatforms(manifest, selection.platform)) {
    return undefined
  }
  if (hasMoved(mapped, tag, manifest.digest, request, manifest)) {
    tellKept(tag, mapped, request, ctx)
    return undefined
  }
  return { tag, manifest: descriptorOf(manifest), type }
}

/** The same at a destination that makes its manifests, where reading one would read all of its content. */
async function namedOwn(
  tag: string,
  { store, mapped }: Pick<Mirrored, 'store' | 'mapped'>,
  request: MirrorRequest,
  ctx: Context,
): Promise<Gone | undefined> {
  const manifest = await store.resolve(tag, ctx)
  const [type = 'image'] = request.destination.type.resources
  if (!manifest || !request.resource(type)) return undefined
  if (!hasMoved(mapped, tag, manifest.digest, request)) return { tag, manifest, type }
  tellKept(tag, mapped, request, ctx)
  return undefined
}

function tellKept(tag: string, repository: string, { destination }: MirrorRequest, ctx: Context): void {
  const name = formatResource({ registry: destination.registry.name, repository, tag })
  ctx.emit({ type: 'log', level: 'info', text: `${name} is kept: it is not what this policy has put there` })
}

/** True for a tag of `deletion: owned` that somebody else has moved since. */
function hasMoved(repository: string, tag: string, now: Digest, request: MirrorRequest, manifest?: Manifest): boolean {
  const { policy, source, destination, brought, narrowing, names } = request
  if (policy.deletion !== 'owned') return false
  const digest = brought?.find(policy.name, { registry: destination.registry.name, repository, tag })?.digest
  if (digest === undefined || digest === now || narrowing?.known(digest) === now) return false
  // The other side may know the same by another name.
  const name = manifest && source.adapter.repository(repository).nameOf?.(manifest)
  return name !== digest && names?.find(digest)?.name !== now
}

const NOT_ALLOWED = {
  action: 'blocked',
  reason: 'the registry does not allow deletion',
  reason_code: NOT_DELETED,
  hint: 'allow deletion in the registry (distribution: storage.delete.enabled), or set `deletion: never`',
} as const

function specOf({ tag, manifest, type }: Gone, place: Mirrored, { source, destination }: MirrorRequest): TaskSpec {
  const { digest, mediaType } = manifest
  return {
    action: 'delete',
    resource_type: type,
    source: { registry: source.registry.name, repository: place.sources[0] ?? '', tag },
    destination: { registry: destination.registry.name, repository: place.mapped, tag },
    media_type: mediaType,
    previous_digest: digest,
  }
}

function whyGone({ deletion }: Policy, attachments: number, whole: boolean): string {
  const attached = attachments === 0 ? '' : `, and ${plural(attachments, 'tag')} attached to it`
  const manifest = whole ? '; the registry cannot remove just a tag: the manifest goes' : ''
  return `gone from the source (deletion: ${deletion})${attached}${manifest}`
}

export function refusal(deletes: readonly TaskSpec[], tags: number, policy: Policy): PrepareError | undefined {
  const limit = policy.max_deletions ?? DEFAULT_LIMIT
  const most = typeof limit === 'number' ? limit : Math.floor((tags * Number.parseFloat(limit)) / 100 + 1e-9)
  if (deletes.length <= most) return undefined
  const names = deletes.slice(0, NAMED).map(({ destination }) => `${destination.repository}:${destination.tag}`)
  const more = deletes.length > NAMED ? ` and ${deletes.length - NAMED} more` : ''
  const allowed = typeof limit === 'number' ? `${most}` : `${limit}, that is ${most}`
  return new PrepareError(
    `policy ${policy.name} would delete ${deletes.length} of the ${tags} tags at ${policy.destination.registry}, max_deletions allows ${allowed}: ${names.join(', ')}${more}`,
    {
      hint: '`replicate plan` shows all of them; if they really are to go, raise max_deletions: a share such as 50%, or a number of tags',
    },
  )
}

/** A failed task that says why no deletes could be planned. Rethrows bugs and cancellations. */
export function undecided(error: unknown, { source, destination }: MirrorRequest): TaskSpec {
  const { reason, ...why } = reasonOf(error)
  return {
    action: 'blocked',
    resource_type: 'image',
    source: { registry: source.registry.name, repository: '' },
    destination: { registry: destination.registry.name, repository: '' },
    ...why,
    reason: `nothing is deleted: ${reason}`,
  }
}
