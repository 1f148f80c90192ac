/** One tag or artifact, compared on both sides. */

import type { TagInfo } from '../../core/adapter.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { isNotFound, RegistryError, ReplicateError } from '../../core/errors.ts'
import { descriptorOf } from '../../core/manifest.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { formatResource } from '../../core/reference.ts'
import { reasonOf } from '../reason.ts'
import { ifExists, type Listed } from './destination-tags.ts'
import { ofAge } from './discover.ts'
import { type Comparison, type Described, endsOf, type LocalLocation, type Outcome, outcomeOf } from './outcome.ts'

/** The rule for a tag or digest that does not exist, or was deleted after it was listed. */
export const ABSENT = 'it is not there'

export async function comparedTag(
  tag: string,
  repository: string,
  to: LocalLocation,
  info: TagInfo | undefined,
  there: Listed,
  comparison: Comparison,
  ctx: Context,
): Promise<Outcome> {
  const { selection, source } = comparison
  const pinned = selection.pinned.get(tag)
  const landing = to.tag ?? tag
  const place = { repository: to.repository, tag: landing }
  const known = await lookedUp(place, there, comparison, ctx)
  const isLacking = known.complete && !known.digests.has(landing)
  const previous = async (): Promise<Digest | undefined> => {
    const listed = known.digests.get(landing)
    return listed || isLacking ? listed : resolvedThere(place, undefined, comparison, ctx)
  }
  // A tag that the destination lacks will be copied, so its manifest is read at once instead of a HEAD first.
  const store = source.adapter.repository(repository)
  const [old, now] = await Promise.all([
    previous(),
    describe(pinned ?? tag, repository, pinned === undefined ? info : undefined, isLacking, store, comparison, ctx),
  ])
  if (!now) return absent({ repository, tag }, comparison, ctx)
  // Without the tag: a pinned artifact must not follow it when it moves.
  const from = pinned === undefined ? { repository, tag } : { repository }
  return outcomeOf(now, from, to, old, known, comparison, ctx)
}

/** What is known of a tag: what was listed, or what the destination says of it alone. */
async function lookedUp(
  { repository, tag }: Required<Pick<LocalLocation, 'repository' | 'tag'>>,
  there: Listed,
  comparison: Comparison,
  ctx: Context,
): Promise<Listed> {
  const { alone } = there
  if (!alone) return there
  const digest = await resolvedThere({ repository, tag }, undefined, comparison, ctx)
  if (digest !== undefined) return { ...there, digests: new Map([[tag, digest]]) }
  const { exists } = alone.isWorthList ? await alone.list() : there
  return { exists, complete: true, digests: new Map() }
}

/** What the destination's tag points at, or whether it has the digest where there is no tag. What is there and may not be pulled (412), such as
 *  an unsigned image in a Harbor that wants signatures, is what this policy put there last, as its history has it. Without that, it is copied
 *  again where that is allowed. */
async function resolvedThere(
  { repository, tag }: LocalLocation,
  untagged: Digest | undefined,
  { policy, destination, brought }: Comparison,
  ctx: Context,
): Promise<Digest | undefined> {
  const looking = destination.adapter.repository(repository).resolve(tag ?? untagged ?? ':', ctx)
  try {
    return (await ifExists(looking, destination, repository, ctx))?.digest
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status !== 412) throw error
    if (tag === undefined) return untagged
    const place = { registry: destination.registry.name, repository, tag }
    const digest = brought?.find(policy.name, place)?.digest
    if (digest === undefined && !policy.override) throw error
    const taken = digest === undefined ? 'it is copied again' : 'it is taken for what this policy put there last'
    ctx.emit({ type: 'log', level: 'warning', text: `${formatResource(place)} may not be pulled, so ${taken}` })
    return digest
  }
}

function absent(location: LocalLocation, { explain, source }: Comparison, ctx: Context): Outcome {
  const text = `${formatResource({ registry: source.registry.name, ...location })} is not there`
  ctx.emit({ type: 'log', level: 'info', text })
  explain(location, { kept: false, rule: ABSENT })
  return { kind: 'absent' }
}

/** What the source's tag points at. With `read`, the manifest itself is read if it can be kept in memory for the transfer. */
async function describe(
  reference: string,
  repository: string,
  info: TagInfo | undefined,
  read: boolean,
  store: ContentStore,
  comparison: Comparison,
  ctx: Context,
): Promise<Described | undefined> {
  if (info) {
    return { digest: info.digest, mediaType: info.mediaType ?? '', ...(info.labels ? { labels: info.labels } : {}) }
  }
  const { shallow, memory, pulls } = comparison
  if (!read || shallow || !memory.hasRoom || store.nameOf) return store.resolve(reference, ctx)
  if (pulls && !(await pulls.mayRead(repository, reference, ctx))) return store.resolve(reference, ctx)
  try {
    const manifest = await store.readManifest(reference, ctx)
    memory.keep(repository, manifest)
    return descriptorOf(manifest)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** A destination repository that was not listed. */
export const UNKNOWN: Listed = { exists: true, complete: false, digests: new Map() }

export async function comparedDigest(
  digest: Digest,
  repository: string,
  to: LocalLocation,
  comparison: Comparison,
  ctx: Context,
): Promise<Outcome> {
  const { source } = comparison
  const [old, now] = await Promise.all([
    resolvedThere(to, digest, comparison, ctx),
    source.adapter.repository(repository).resolve(digest, ctx),
  ])
  if (!now) return absent({ repository, digest }, comparison, ctx)
  return outcomeOf(now, { repository }, to, old, UNKNOWN, comparison, ctx)
}

/** Compares the tag or artifact of an unresolved task again. Throws if the comparison fails again. */
export async function compareAgain(
  { source: { repository, tag }, destination, digest, new_repository }: TaskSpec,
  comparison: Comparison,
  ctx: Context,
): Promise<Outcome> {
  const to: LocalLocation = {
    repository: destination.repository,
    ...(destination.tag === undefined ? {} : { tag: destination.tag }),
  }
  const there = { ...UNKNOWN, exists: !new_repository }
  if (tag === undefined) return comparedDigest(digest ?? ':', repository, to, comparison, ctx)
  const aged = await ofAge({ tags: [tag], infos: new Map(), untagged: [] }, repository, comparison, ctx)
  const failure = aged.failures.get(tag)
  if (failure) throw failure
  return aged.held > 0 || aged.tags.length === 0
    ? { kind: 'dropped' }
    : comparedTag(tag, repository, to, aged.infos.get(tag), there, comparison, ctx)
}

/** A task for what could not be compared: blocked, or unresolved if the failure is retryable. */
export function unplanned(
  { digest, ...from }: LocalLocation,
  to: LocalLocation,
  error: unknown,
  comparison: Comparison,
  there: Pick<Listed, 'exists'> = UNKNOWN,
): Outcome {
  const { attempt } = comparison
  const isWhole = from.tag === undefined && digest === undefined
  if (isWhole && attempt === 'again') throw error
  const task = { ...taskFor(from, to, comparison), ...reasonOf(error), ...(digest === undefined ? {} : { digest }) }
  // Compared later, two sources that map to one tag would go unnoticed.
  if (isWhole && comparison.isShared(to.repository)) return { kind: 'task', task }
  if (attempt === 'only' || !(error instanceof ReplicateError) || !error.retryable) return { kind: 'task', task }
  const fresh = there.exists ? {} : { new_repository: true }
  return { kind: 'task', task: { ...task, ...fresh, action: 'copy', unresolved: true } }
}

export function taskFor(from: LocalLocation, to: LocalLocation, comparison: Comparison): TaskSpec {
  return { action: 'blocked', resource_type: 'image', ...endsOf(from, to, comparison) }
}
