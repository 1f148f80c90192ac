/** One repository's part of a plan: both sides listed, each selected tag compared. */

import type { TagInfo } from '../../core/adapter.ts'
import { mapConcurrent } from '../../core/concurrent.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { isNotFound } from '../../core/errors.ts'
import { descriptorOf } from '../../core/manifest.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { formatResource } from '../../core/reference.ts'
import { misfitOf, type Reason, reasonOf } from '../reason.ts'
import type { Candidate } from './age.ts'
import { type Listed, listDestination } from './destination-tags.ts'
import { type Found, selectTags } from './discover.ts'
import { type Comparison, type Described, type Outcome, outcomeOf, type Spot } from './outcome.ts'

/** Tags compared at once; the hosts' own limits decide how many requests that is. */
const TAGS_AT_ONCE = 64

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
  const isMine = (name: string): boolean => comparison.shard?.(repository, name) ?? true
  const misfit = misfitOf(mapped, destination)
  if (misfit) {
    if (!isMine('')) return
    counts.selected += 1
    yield { kind: 'task', task: blocked(comparison, repository, mapped, undefined, misfit) }
    return
  }
  if (selection.digest !== undefined) {
    // The configuration has checked that it is a digest.
    const artifacts = [{ digest: selection.digest as Digest }].filter(({ digest }) => isMine(digest))
    counts.seen += artifacts.length
    yield* compareDigests(
      await ofAge(artifacts, repository, comparison, counts, ctx),
      repository,
      mapped,
      comparison,
      counts,
      ctx,
    )
    return
  }
  let found: Found
  let there: Listed
  try {
    ;[found, there] = await Promise.all([
      selectTags(policy, selection, source, repository, comparison.explain, ctx, comparison.ages),
      listDestination(destination, mapped, selection.tags !== undefined, ctx),
    ])
  } catch (error) {
    counts.selected += 1
    yield { kind: 'task', task: blocked(comparison, repository, mapped, undefined, reasonOf(error)) }
    return
  }
  counts.seen += found.seen
  counts.selected += found.held
  const claim = (tag: string): void => {
    comparison.claim(repository, { repository: mapped, tag: policy.destination.tag ?? tag }, tag)
  }
  // Also those of other shards: a conflict is one wherever its two sides are copied. Where the type of resource decides, a tag must be
  // looked at first: an image and a chart of one name are in each other's way only where both are wanted.
  const early = policy.filters.resource === 'all'
  if (early) found.tags.forEach(claim)
  const mine = found.tags.filter(isMine)
  let at = 0
  for await (const outcome of mapConcurrent(mine, TAGS_AT_ONCE, (tag) =>
    compareTag(tag, repository, mapped, found, there, comparison, ctx),
  )) {
    const tag = mine[at] ?? ''
    at += 1
    if (outcome.kind !== 'dropped') {
      counts.selected += 1
      if (!early) claim(tag)
    }
    yield outcome
  }
  const untagged = found.untagged.filter(({ digest }) => isMine(digest))
  yield* compareDigests(untagged, repository, mapped, comparison, counts, ctx)
}

async function compareTag(
  tag: string,
  repository: string,
  mapped: string,
  found: Found,
  there: Listed,
  comparison: Comparison,
  ctx: Context,
): Promise<Outcome> {
  const { policy, source, destination } = comparison
  const destinationTag = policy.destination.tag ?? tag
  try {
    const failure = found.failures.get(tag)
    if (failure) throw failure
    const info = found.infos.get(tag)
    const from = source.adapter.repository(repository)
    const to = destination.adapter.repository(mapped)
    const previous = async (): Promise<Digest | undefined> => {
      const listed = there.digests.get(destinationTag)
      if (listed || (there.complete && !there.digests.has(destinationTag))) return listed
      return (await to.resolve(destinationTag, ctx))?.digest
    }
    // A tag that the destination's list shows costs a HEAD on each side; one that it lacks is read at once, it will be copied.
    const mayBeThere = there.digests.has(destinationTag) || !there.complete
    const [old, now] = await Promise.all([
      previous(),
      describe(tag, repository, info, !mayBeThere, from, comparison, ctx),
    ])
    if (!now) return absent({ repository, tag }, comparison, ctx)
    return await outcomeOf(
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

function absent(spot: Spot, comparison: Comparison, ctx: Context): Outcome {
  const { source, explain } = comparison
  const text = `${formatResource({ registry: source.registry.name, ...spot })} is not there`
  ctx.emit({ type: 'log', level: 'warning', text })
  explain(spot, { kept: false, rule: 'it is not there' })
  return { kind: 'dropped' }
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
): Promise<Described | undefined> {
  if (info) {
    return { digest: info.digest, mediaType: info.mediaType ?? '', ...(info.labels ? { labels: info.labels } : {}) }
  }
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
    counts.selected += 1
    try {
      const to = destination.adapter.repository(mapped)
      const [old, now] = await Promise.all([
        to.resolve(tag ?? artifact.digest, ctx),
        source.adapter.repository(repository).resolve(artifact.digest, ctx),
      ])
      if (!now) {
        counts.selected -= 1
        return absent({ repository, digest: artifact.digest }, comparison, ctx)
      }
      const listed: Listed = { exists: true, complete: false, digests: new Map() }
      const at = { repository: mapped, ...(tag === undefined ? {} : { tag }) }
      return await outcomeOf(now, { repository }, at, old?.digest, listed, comparison, ctx)
    } catch (error) {
      const task = blocked(comparison, repository, mapped, undefined, reasonOf(error))
      return { kind: 'task', task: { ...task, digest: artifact.digest } }
    }
  })
}

/** The digests that the filters by age let through. */
async function ofAge(
  artifacts: readonly { readonly digest: Digest }[],
  repository: string,
  comparison: Comparison,
  counts: Counts,
  ctx: Context,
): Promise<readonly { readonly digest: Digest }[]> {
  const { ages, source, explain } = comparison
  for (const { digest } of artifacts) explain({ repository, digest }, { kept: true, rule: 'the digest that is named' })
  if (!ages) return artifacts
  const candidates = artifacts.map((info): Candidate => ({ info: { mediaType: '', ...info } }))
  const { kept, dropped, held } = await ages.sift(repository, candidates, source.adapter.repository(repository), ctx)
  counts.selected += held
  for (const { candidate, verdict } of dropped) explain({ repository, ...digestOf(candidate) }, verdict)
  return kept.flatMap(({ info }) => (info ? [info] : []))
}

function digestOf({ info }: Candidate): { readonly digest?: Digest } {
  return info ? { digest: info.digest } : {}
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
