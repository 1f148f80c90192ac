/** One repository's part of a plan: both sides listed, each selected tag compared. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { isNotFound, ReplicateError } from '../../core/errors.ts'
import { isIndex } from '../../core/manifest.ts'
import { misfitOf } from '../reason.ts'
import { attachmentsOfTheirOwn, type Taken } from './attachments.ts'
import { type Listed, listDestination, lookingUp } from './destination-tags.ts'
import { type Found, ofAge, selectTags } from './discover.ts'
import type { Comparison, LocalLocation, Outcome } from './outcome.ts'
import { comparedDigest, comparedTag, taskFor, unplanned } from './pair.ts'
import { compareSubjects } from './told/subjects.ts'
import type { ToldRepository } from './told/told.ts'

/** Tags compared at once; the hosts' own limits decide how many requests that is. */
const TAGS_AT_ONCE = 64
/** Up to this many tags that are named or told are looked up at the destination without a list of its tags. */
const FEW_TAGS = 32
/** The same of named tags where a list tells digests, so that it may save requests. */
const FEW_OF_DIGESTS = 4

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
  const { selection, destination } = comparison
  const misfit = misfitOf(mapped, destination)
  if (misfit) {
    if (!isMine('', repository, comparison)) return
    counts.selected += 1
    yield { kind: 'task', task: { ...taskFor({ repository }, { repository: mapped }, comparison), ...misfit } }
    return
  }
  const outcomes =
    selection.digest === undefined
      ? compareSelected(repository, mapped, comparison, counts, ctx)
      : // The configuration has checked that it is a digest.
        compareNamed(selection.digest as Digest, repository, mapped, comparison, counts, ctx)
  for await (const outcome of outcomes) {
    if (outcome.kind === 'unchanged' || outcome.kind === 'task') counts.selected += 1
    yield outcome
  }
}

function isMine(name: string, repository: string, { shard }: Comparison): boolean {
  return shard?.(repository, name) ?? true
}

async function* compareSelected(
  repository: string,
  mapped: string,
  comparison: Comparison,
  counts: Counts,
  ctx: Context,
): AsyncIterable<Outcome> {
  const { selection, missing, policy } = comparison
  const told = comparison.told?.get(repository)
  let found: Found
  let there: Listed
  try {
    ;[found, there] = await Promise.all([
      selectTags(repository, comparison, ctx),
      thereIn(mapped, told, comparison, ctx),
    ])
    await checkDenied(there, found, mapped, comparison, ctx)
  } catch (error) {
    // The source may have the named tags, so they are not reported as missing.
    for (const tag of selection.tags ?? []) missing.found(tag)
    yield unplanned({ repository }, { repository: mapped }, error, comparison)
    return
  }
  counts.seen += found.seen
  counts.selected += found.held
  const claim = (tag: string): void =>
    comparison.claim(repository, { repository: mapped, tag: policy.destination.tag ?? tag }, tag)
  // Tags of other shards are claimed too: two sources of one tag conflict even if different shards copy them. With a filter by resource
  // type, claim only after the comparison, since an image and a chart of one name conflict only if both are selected.
  const early = policy.filters.resource === 'all'
  // Kept only if something may be attached to it: of a large repository that is a lot.
  const taken: Taken[] = []
  const note = (outcome: Outcome): void => {
    if (found.attachments.length > 0) taken.push(...takenBy(outcome, comparison))
  }
  let present = false
  const compared = async function* (tags: readonly string[], listed: Pick<Found, 'infos' | 'failures'>) {
    if (early) tags.forEach(claim)
    const mine = tags.filter((tag) => isMine(tag, repository, comparison))
    let at = 0
    for await (const outcome of mapConcurrent(mine, TAGS_AT_ONCE, (tag) =>
      compareTag(tag, repository, mapped, listed, there, comparison, ctx),
    )) {
      const tag = mine[at] ?? ''
      at += 1
      if (outcome.kind !== 'absent') {
        present = true
        missing.found(tag)
        if (!early && outcome.kind !== 'dropped') claim(tag)
      }
      note(outcome)
      yield outcome
    }
  }
  yield* compared(found.tags, found)
  const untagged = found.untagged.filter(({ digest }) => isMine(digest, repository, comparison))
  for await (const outcome of compareDigests(untagged, repository, mapped, comparison, ctx)) {
    note(outcome)
    yield outcome
  }
  if (found.attachments.length > 0) {
    const own = await attachmentsOfTheirOwn(found.attachments, taken, repository, mapped, comparison, ctx)
    const aged = await ofAge({ ...found, tags: own, untagged: [] }, repository, comparison, ctx)
    counts.seen += own.length
    counts.selected += aged.held
    for (const tag of own) comparison.ownAttachments.add(`${mapped}:${tag}`)
    yield* compared(aged.tags, aged)
  }
  if (told) yield* compareSubjects(told, repository, mapped, comparison, ctx)
  else await noteMissing(repository, found, present, comparison, ctx)
}

/** What the destination has. Of a few tags that are named or told each is looked up alone. */
async function thereIn(
  mapped: string,
  told: ToldRepository | undefined,
  { destination, selection, lateReferrers, brief }: Comparison,
  ctx: Context,
): Promise<Listed> {
  const wanted = told ? (told.tags === 'all' ? undefined : told.tags.size) : selection.tags?.length
  const most = !told && destination.adapter.listTags ? FEW_OF_DIGESTS : FEW_TAGS
  // A list tells also what hangs on tags.
  const isListed = wanted === undefined || (lateReferrers && !told)
  const how = { most, isWorthList: !brief && !told }
  const alone = isListed ? undefined : lookingUp(destination, mapped, wanted, how, ctx)
  return alone ?? listDestination(destination, mapped, (told ?? selection.tags) !== undefined, ctx)
}

/** Reports a named repository that does not exist. A named tag that another filter has dropped does exist, so it is not missing. */
async function noteMissing(
  repository: string,
  { exists, tags }: Found,
  present: boolean,
  comparison: Comparison,
  ctx: Context,
): Promise<void> {
  const { selection, source, missing } = comparison
  const name = `${source.registry.name}/${repository}`
  if (exists !== false && selection.tags) {
    const chosen = new Set(tags)
    for (const tag of selection.tags) if (!chosen.has(tag)) missing.found(tag)
  }
  if (!isMine('', repository, comparison) || exists || present) return
  if (exists === false || (await lacksRepository(source.adapter.repository(repository), ctx))) {
    if (selection.repositories) missing.lacksRepository(repository)
    else ctx.emit({ type: 'log', level: 'debug', text: `${name} is not there` })
  }
}

/** Called only if none of the named tags was found. False also where the registry does not allow listing, since that proves nothing. */
async function lacksRepository(store: ContentStore, ctx: Context): Promise<boolean> {
  try {
    for await (const _ of store.tags(ctx)) return false
    return false
  } catch (error) {
    if (!(error instanceof ReplicateError) || ctx.signal.aborted) throw error
    return isNotFound(error)
  }
}

/** The source manifests that an outcome selects, to find their attachments. */
function takenBy(outcome: Outcome, { narrowing }: Comparison): readonly Taken[] {
  if (outcome.kind === 'unchanged') {
    const { digest, there, mediaType } = outcome
    if (digest === there) return [{ digest, mediaType }]
    return [
      { digest, mediaType, narrowed: true },
      { digest: there, mediaType },
    ]
  }
  if (outcome.kind !== 'task' || outcome.task.digest === undefined) return []
  const { digest, media_type: mediaType = '' } = outcome.task
  return [{ digest, mediaType, narrowed: narrowing !== undefined && isIndex(mediaType) }]
}

/** If the destination denies listing, its tags are resolved one by one. Throws the denial if a single tag is denied too, so that the
 *  repository is blocked once instead of once for each tag. */
async function checkDenied(
  { denied }: Listed,
  { tags }: Found,
  mapped: string,
  { policy, destination, source }: Comparison,
  ctx: Context,
): Promise<void> {
  const tag = policy.destination.tag ?? tags[0]
  if (!denied || tag === undefined) return
  try {
    await destination.adapter.repository(mapped).resolve(tag, ctx)
  } catch (error) {
    if (!(error instanceof ReplicateError) || ctx.signal.aborted || error.retryable) throw error
    throw denied
  }
  const text = `the tags of ${destination.registry.name}/${mapped} may not be listed: each tag of ${source.registry.name} is looked up there`
  ctx.emit({ type: 'log', level: 'info', text })
}

async function compareTag(
  tag: string,
  repository: string,
  mapped: string,
  found: Pick<Found, 'infos' | 'failures'>,
  there: Listed,
  comparison: Comparison,
  ctx: Context,
): Promise<Outcome> {
  const to: LocalLocation = { repository: mapped, tag: comparison.policy.destination.tag ?? tag }
  try {
    const failure = found.failures.get(tag)
    if (failure) throw failure
    return await comparedTag(tag, repository, to, found.infos.get(tag), there, comparison, ctx)
  } catch (error) {
    return unplanned({ repository, tag }, to, error, comparison, there)
  }
}

/** The artifact that the policy selects by digest. */
async function* compareNamed(
  digest: Digest,
  repository: string,
  mapped: string,
  comparison: Comparison,
  counts: Counts,
  ctx: Context,
): AsyncIterable<Outcome> {
  const { explain, missing } = comparison
  if (!isMine(digest, repository, comparison)) return
  const told = comparison.told?.get(repository)
  if (told && told.tags !== 'all' && told.tags.size === 0 && !told.digests.has(digest)) return
  counts.seen += 1
  explain({ repository, digest }, { kept: true, rule: 'the digest that is named' })
  const listed = { tags: [], infos: new Map(), untagged: [{ digest, mediaType: '' }] }
  const { untagged, held } = await ofAge(listed, repository, comparison, ctx)
  counts.selected += held
  if (held > 0) missing.found(digest)
  for await (const outcome of compareDigests(untagged, repository, mapped, comparison, ctx)) {
    if (outcome.kind !== 'absent') missing.found(digest)
    yield outcome
  }
}

/** Artifacts without a tag: present or absent at the destination, never changed. */
async function* compareDigests(
  artifacts: readonly { readonly digest: Digest }[],
  repository: string,
  mapped: string,
  comparison: Comparison,
  ctx: Context,
): AsyncIterable<Outcome> {
  const { tag } = comparison.policy.destination
  const to: LocalLocation = { repository: mapped, ...(tag === undefined ? {} : { tag }) }
  yield* mapConcurrent(artifacts, TAGS_AT_ONCE, async ({ digest }): Promise<Outcome> => {
    try {
      return await comparedDigest(digest, repository, to, comparison, ctx)
    } catch (error) {
      return unplanned({ repository, digest }, to, error, comparison)
    }
  })
}
