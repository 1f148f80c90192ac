/** What a policy means right now: its repositories discovered, mapped, compared; nothing is written anywhere. */

import { forEachConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import { PrepareError } from '../../core/errors.ts'
import type { TaskSpec } from '../../core/plan.ts'
import type { Policy, ResourceType } from '../../core/policy.ts'
import { formatResource, namespaceOf } from '../../core/reference.ts'
import type { History } from '../../history/history.ts'
import type { Endpoint, ManifestMemory } from '../endpoint.ts'
import { createAges } from './age.ts'
import { type Counts, compareRepository } from './compare.ts'
import { type Explain, selectRepositories } from './discover.ts'
import { type Selection, selectionOf } from './filter.ts'
import { mapRepository } from './mapping.ts'
import { checkDeletes, planDeletes, undecided } from './mirror.ts'
import { createNarrowing } from './narrowing.ts'

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
  readonly explain?: Explain | undefined
  /** `all`: referrers of unchanged artifacts are looked at too. Default `changed`. */
  readonly referrers?: 'all' | 'changed' | undefined
  /** What earlier runs have found out; without it nothing is known. */
  readonly records?: PlanRecords | undefined
  /** Milliseconds since 1970; default now. */
  readonly now?: number | undefined
}

export type PlanRecords = Pick<History, 'firstSeen' | 'narrowed'>

/** Where a plan goes as it is made, so that a million tags need no memory. */
export interface PlanSink {
  task(task: TaskSpec): void
  unchanged(): void
}

export interface PlanTotals {
  readonly repositories: number
  /** Tags seen at the source, before filters. */
  readonly seen: number
  readonly unchanged: number
  /** Too young to be copied yet. */
  readonly held?: number
  readonly copies: number
  readonly updates: number
  readonly deletes: number
  readonly kept: number
  readonly blocked: number
  /** By destination registry: namespaces that something will be written to. */
  readonly namespaces: ReadonlyMap<string, ReadonlySet<string>>
}

export type Namespaces = Map<string, Set<string>>

/** Throws a `PrepareError` where two sources land on one destination tag, or where nothing matches at all. */
export async function makePlan(request: PlanRequest, sink: PlanSink, ctx: Context): Promise<PlanTotals> {
  const { policy, source, destination } = request
  checkDeletes(policy, destination)
  const selection = selectionOf(policy, request.narrow)
  const explain: Explain = request.explain ?? (() => {})
  const byDestination = new Map<string, string[]>()
  for await (const repository of selectRepositories(policy, selection, source, explain, ctx)) {
    const mapped = mapRepository(repository, policy.destination)
    const sources = byDestination.get(mapped)
    if (sources) sources.push(repository)
    else byDestination.set(mapped, [repository])
  }
  const counts: Counts = { seen: 0, selected: 0 }
  const totals = { unchanged: 0, copies: 0, updates: 0, deletes: 0, kept: 0, blocked: 0 }
  const namespaces: Namespaces = new Map()
  const ages = createAges(policy, source, request.records?.firstSeen, request.now ?? Date.now())
  const comparison = {
    policy,
    selection,
    source,
    destination,
    memory: request.memory,
    explain,
    shard: request.shard && shardOf(request.shard),
    resource: resourceRule(policy, request.narrow?.resource),
    claim: claims(byDestination, policy),
    shallow: request.shallow ?? false,
    ages,
    narrowing: createNarrowing(policy, selection, source, request.memory, request.records?.narrowed),
    lateReferrers: request.referrers === 'all',
  }
  let unlisted = 0
  await forEachConcurrent(pairs(byDestination), REPOSITORIES_AT_ONCE, async ([repository, mapped]) => {
    for await (const outcome of compareRepository(repository, mapped, comparison, counts, ctx)) {
      if (outcome.kind === 'unchanged') {
        totals.unchanged += 1
        sink.unchanged()
      } else if (outcome.kind === 'task') {
        count(outcome.task, totals)
        if (outcome.task.action === 'blocked' && outcome.task.source.tag === undefined) unlisted += 1
        noteNamespace(outcome.task, namespaces)
        sink.task(outcome.task)
      }
    }
  })
  const held = ages?.report(ctx) ?? 0
  const repositories = [...byDestination.values()].reduce((sum, sources) => sum + sources.length, 0)
  if (counts.selected === 0 && !policy.allow_empty && !request.shard && !request.narrow) {
    throw emptySelection(policy, selection, source, repositories, counts.seen)
  }
  if (policy.deletion === 'mirror') {
    if (unlisted > 0) {
      ctx.emit({ type: 'log', level: 'warning', text: 'nothing is deleted: not every repository could be listed' })
    } else {
      const mirror = { ...comparison, repositories: byDestination }
      const deletes = await planDeletes(mirror, ctx).catch((error: unknown) => [undecided(error, mirror)])
      for (const task of deletes) {
        count(task, totals)
        sink.task(task)
      }
    }
  }
  return { repositories, seen: counts.seen, held, ...totals, namespaces }
}

/** Remembers the namespace that a task writes to. */
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

function emptySelection(
  policy: Policy,
  selection: Selection,
  source: Endpoint,
  repositories: number,
  seen: number,
): PrepareError {
  if (repositories > 0 && onlyNames(policy, selection)) {
    return new PrepareError(
      `policy ${policy.name} selects nothing: ${source.registry.name} has nothing that it names`,
      {
        hint: 'check the names of repositories and tags; allow_empty: true makes this no error',
      },
    )
  }
  const saw =
    repositories === 0
      ? `no repository of ${source.registry.name} matches`
      : `${repositories} ${repositories === 1 ? 'repository' : 'repositories'} with ${seen} ${seen === 1 ? 'tag' : 'tags'} seen at ${source.registry.name}, none matches`
  return new PrepareError(`policy ${policy.name} selects nothing: ${saw}`, {
    hint: `\`replicate plan --explain\` shows which rule dropped what; allow_empty: true makes this no error`,
  })
}

const NAMING = new Set(['name', 'tag', 'resource', 'untagged', 'platforms_index'])

/** True where every artifact is named, so that it is absent and no rule has dropped it. */
function onlyNames({ filters }: Policy, { repositories, tags }: Selection): boolean {
  if (repositories === undefined || tags === undefined || filters.resource !== 'all') return false
  return Object.keys(filters).every((key) => NAMING.has(key))
}
