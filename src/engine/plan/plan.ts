/** What a policy means right now: its repositories discovered, mapped, compared; nothing is written anywhere. */

import { forEachConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import { PrepareError } from '../../core/errors.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { plural } from '../../core/plural.ts'
import type { Policy, ResourceType } from '../../core/policy.ts'
import { formatResource, namespaceOf, type Resource } from '../../core/reference.ts'
import type { History } from '../../history/history.ts'
import type { Endpoint, ManifestMemory } from '../endpoint.ts'
import { createAges } from './age.ts'
import { type Counts, compareRepository } from './compare.ts'
import { selectRepositories } from './discover.ts'
import { emptySelection } from './empty.ts'
import { type Explain, selectionOf } from './filter.ts'
import { mapRepository } from './mapping.ts'
import { checkDeletes, type Deletes, deletesTags, isAnywhere, planDeletes, undecided } from './mirror.ts'
import { createMissingNames } from './missing.ts'
import { createNarrowing } from './narrowing.ts'
import { createOddNames, ODD_NAME } from './odd-names.ts'
import type { Comparison } from './outcome.ts'
import { ABSENT } from './pair.ts'
import { createWantedPlatforms } from './platforms.ts'
import type { Pulls } from './pulls.ts'

/** Repositories compared at once. */
const REPOSITORIES_AT_ONCE = 8

export interface PlanRequest {
  readonly policy: Policy
  readonly source: Endpoint
  readonly destination: Endpoint
  readonly memory: ManifestMemory
  /** Further patterns by filter name, which must match too. */
  readonly narrow?: Readonly<Record<string, readonly string[]>> | undefined
  readonly shard?: { readonly index: number; readonly count: number } | undefined
  readonly shallow?: boolean | undefined
  /** Decides whether the source's manifests may be read; absent: always. */
  readonly pulls?: Pulls | undefined
  /** Make the whole plan even if a run of it would be refused. */
  readonly onlyShown?: boolean | undefined
  readonly explain?: Explain | undefined
  /** `all`: referrers of unchanged artifacts are looked at too. Default `changed`. */
  readonly referrers?: 'all' | 'changed' | undefined
  /** What earlier runs have found out; without it nothing is known. */
  readonly records?: PlanRecords | undefined
  /** Milliseconds since 1970; default now. */
  readonly now?: number | undefined
}

export type PlanRecords = Pick<History, 'firstSeen' | 'narrowed' | 'brought' | 'names'>

/** Where a plan goes as it is made, so that a million tags need no memory. */
export interface PlanSink {
  task(task: TaskSpec): void
  /** What the destination has already, under the digest that it has there. */
  unchanged(resource: Resource): void
}

export interface PlanTotals {
  readonly repositories: number
  /** Tags seen at the source, before filters. */
  readonly seen: number
  readonly unchanged: number
  readonly copies: number
  readonly updates: number
  readonly deletes: number
  readonly kept: number
  readonly blocked: number
  /** How many tags and artifacts were seen and not selected, by the rule that dropped them. */
  readonly left: ReadonlyMap<string, number>
  /** By destination registry: namespaces that something will be written to. */
  readonly namespaces: ReadonlyMap<string, ReadonlySet<string>>
  /** Only with `onlyShown`: why a run would end before it copies anything. */
  readonly refused?: PrepareError
}

export type Namespaces = Map<string, Set<string>>

/** Throws a `PrepareError` where two sources land on one destination tag, or where nothing matches at all. */
export async function makePlan(request: PlanRequest, sink: PlanSink, ctx: Context): Promise<PlanTotals> {
  const { policy, source, destination } = request
  checkDeletes(policy, destination)
  const left = new Map<string, number>()
  const byDestination = new Map<string, string[]>()
  const comparison = comparisonFor(request, byDestination, left)
  const { ages, odd, missing, shard } = comparison
  for await (const repository of selectRepositories(comparison, ctx)) {
    const mapped = mapRepository(repository, policy.destination)
    const sources = byDestination.get(mapped)
    if (sources) sources.push(repository)
    else byDestination.set(mapped, [repository])
  }
  const counts: Counts = { seen: 0, selected: 0 }
  const totals = { unchanged: 0, copies: 0, updates: 0, deletes: 0, kept: 0, blocked: 0 }
  const namespaces: Namespaces = new Map()
  const plan = (task: TaskSpec): void => {
    count(task, totals)
    noteNamespace(task, namespaces)
    sink.task(task)
  }
  let unlisted = 0
  const putOff: TaskSpec[] = []
  await forEachConcurrent(pairs(byDestination), REPOSITORIES_AT_ONCE, async ([repository, mapped]) => {
    for await (const outcome of compareRepository(repository, mapped, comparison, counts, ctx)) {
      if (outcome.kind === 'unchanged') {
        totals.unchanged += 1
        sink.unchanged({ registry: destination.registry.name, ...outcome.to, digest: outcome.there })
      } else if (outcome.kind === 'task') {
        const { action, unresolved, source: from } = outcome.task
        if ((action === 'blocked' || unresolved) && from.tag === undefined) unlisted += 1
        if (unresolved) putOff.push(outcome.task)
        plan(outcome.task)
      }
    }
  })
  ages?.report(ctx)
  odd.report(ctx)
  if (putOff.length > 0) {
    const text = `${plural(putOff.length, 'task')} could not be compared and will be tried again: ${putOff[0]?.reason}`
    ctx.emit({ type: 'log', level: 'warning', text })
  }
  const repositories = [...byDestination.values()].flat()
  const isEmpty = counts.selected === 0 && !request.shard && !request.narrow
  const noDeletes = !deletesTags(policy) || (isEmpty && !policy.allow_empty)
  const { tasks: deletes, refused } = noDeletes
    ? { tasks: [] }
    : await deletesFor(comparison, byDestination, unlisted, ctx)
  if (refused && !request.onlyShown) throw refused
  // A named tag that the mirror deletes was expected to disappear, so it is not missing.
  for (const { action, source: gone } of deletes) if (action === 'delete' && gone.tag) missing.found(gone.tag)
  const absent = await missing.tasks(repositories, async (name) => {
    if (shard === undefined) return true
    // This shard has not seen the other shards' tags; one shard checks them all.
    return shard('', name) && !(await isAnywhere(name, repositories, source, ctx))
  })
  const isWarning = policy.missing === 'warn' || (policy.missing === undefined && policy.allow_empty && isEmpty)
  if (isWarning) for (const { reason = '' } of absent) ctx.emit({ type: 'log', level: 'warning', text: reason })
  else absent.forEach(plan)
  const isWhole = shard === undefined && request.narrow === undefined
  const lacking = isWhole ? comparison.platforms.tasks(source, destination) : []
  for (const task of lacking) {
    if (policy.missing === 'fail') plan(task)
    else ctx.emit({ type: 'log', level: 'warning', text: task.reason ?? '' })
  }
  const isToldOf = !isWarning && absent.length > 0
  if (isEmpty && !policy.allow_empty && !isToldOf && (policy.missing !== 'fail' || lacking.length === 0)) {
    const [first] = lacking
    if (first) throw new PrepareError(`policy ${policy.name} selects nothing: ${first.reason}`, { hint: first.hint })
    throw emptySelection(policy, source, repositories.length, counts.seen, absent.length > 0)
  }
  deletes.forEach(plan)
  const refusal = refused ? { refused } : {}
  return { repositories: repositories.length, seen: counts.seen, ...totals, namespaces, left, ...refusal }
}

async function deletesFor(
  comparison: Comparison,
  repositories: ReadonlyMap<string, readonly string[]>,
  unlisted: number,
  ctx: Context,
): Promise<Deletes> {
  if (unlisted > 0) {
    ctx.emit({ type: 'log', level: 'warning', text: 'nothing is deleted: not every repository could be listed' })
    return { tasks: [] }
  }
  const request = { ...comparison, repositories }
  return planDeletes(request, ctx).catch((error: unknown) => ({ tasks: [undecided(error, request)] }))
}

/** `left` collects how many tags and artifacts each rule has dropped. */
export function comparisonFor(
  request: PlanRequest,
  byDestination: ReadonlyMap<string, readonly string[]>,
  left: Map<string, number>,
  attempt: Comparison['attempt'] = request.onlyShown ? 'only' : 'first',
): Comparison {
  const { policy, source, destination, memory, records } = request
  const shard = request.shard && shardOf(request.shard)
  const explain: Explain = (resource, verdict) => {
    request.explain?.(resource, verdict)
    const name = resource.tag ?? resource.digest
    const isCounted = name === undefined ? verdict.rule === ODD_NAME : (shard?.(resource.repository, name) ?? true)
    const key = verdict.rule.replace(/:.*$/s, '')
    if (!verdict.kept && isCounted && verdict.rule !== ABSENT) left.set(key, (left.get(key) ?? 0) + 1)
  }
  const selection = selectionOf(policy, request.narrow)
  return {
    policy,
    selection,
    source,
    destination,
    memory,
    explain,
    odd: createOddNames(source.registry.name, explain),
    missing: createMissingNames(policy, selection, source, destination),
    platforms: createWantedPlatforms(policy),
    ownAttachments: new Set(),
    shard,
    resource: resourceRule(policy, request.narrow?.resource),
    claim: claims(byDestination, policy),
    isShared: (mapped) => (byDestination.get(mapped)?.length ?? 0) > 1,
    shallow: request.shallow ?? false,
    pulls: request.pulls,
    attempt,
    ages: createAges(policy, source, records?.firstSeen, request.now ?? Date.now()),
    narrowing: createNarrowing(policy, selection, source, memory, records?.narrowed),
    brought: records?.brought,
    names: records?.names,
    lateReferrers: (request.referrers ?? policy.referrers) === 'all',
  }
}

/** Notes the namespace that a task writes to. */
export function noteNamespace(task: TaskSpec, namespaces: Namespaces): void {
  const namespace = isTransfer(task) ? namespaceOf(task.destination.repository) : undefined
  if (namespace === undefined) return
  const { registry } = task.destination
  namespaces.set(registry, (namespaces.get(registry) ?? new Set()).add(namespace))
}

export function isTransfer(task: TaskSpec): boolean {
  return task.action === 'copy' || task.action === 'update'
}

type Tally = { -readonly [K in 'copies' | 'updates' | 'deletes' | 'kept' | 'blocked']: number }

export function count(task: TaskSpec, totals: Tally): void {
  if (task.action === 'copy') totals.copies += 1
  else if (task.action === 'update') totals.updates += 1
  else if (task.action === 'delete') totals.deletes += 1
  else if (task.action === 'keep') totals.kept += 1
  else if (task.action === 'blocked') totals.blocked += 1
}

function* pairs(byDestination: ReadonlyMap<string, readonly string[]>): Iterable<readonly [string, string]> {
  for (const [mapped, sources] of byDestination) {
    for (const repository of sources) yield [repository, mapped]
  }
}

/** Refuses a second source for one destination tag. Remembers only where a second one is possible. */
function claims(byDestination: ReadonlyMap<string, readonly string[]>, policy: Policy) {
  const claimed = new Map<string, string>()
  const registry = policy.source.registry
  return (repository: string, to: { readonly repository: string; readonly tag: string }, tag: string): void => {
    if ((byDestination.get(to.repository)?.length ?? 0) < 2 && policy.destination.tag === undefined) return
    const key = `${to.repository}:${to.tag}`
    const other = claimed.get(key)
    const mine = formatResource({ registry, repository, tag })
    if (other !== undefined && other !== mine) {
      throw new PrepareError(`${other} and ${mine} would both land on ${policy.destination.registry}/${key}`, {
        hint: 'narrow the name filter, use exclude, or lower destination.flatten so that their paths stay apart',
      })
    }
    claimed.set(key, mine)
  }
}

export function resourceRule(policy: Policy, narrow: readonly string[] | undefined): (type: ResourceType) => boolean {
  const wanted = policy.filters.resource
  return (type) => (wanted === 'all' || wanted === type) && (!narrow || narrow.includes(type))
}

/** A stable split: the same tag is always in the same part. */
export function shardOf(shard: {
  readonly index: number
  readonly count: number
}): (repository: string, tag: string) => boolean {
  return (repository, tag) => {
    let hash = 2166136261
    for (const character of `${repository}:${tag}`) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619)
    return (hash >>> 0) % shard.count === shard.index - 1
  }
}
