/** What a policy means right now: its repositories discovered, mapped, compared; nothing is written anywhere. */

import { forEachConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import { PrepareError } from '../../core/errors.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { plural } from '../../core/plural.ts'
import { namespaceOf, type Resource } from '../../core/reference.ts'
import { createBringing } from '../images/compare.ts'
import { type Counts, compareRepository } from './compare.ts'
import { comparisonFor, type PlanRequest } from './comparison.ts'
import { selectRepositories } from './discover.ts'
import { emptySelection } from './empty.ts'
import { mapRepository } from './mapping.ts'
import {
  checkDeletes,
  type Deletes,
  deletesTags,
  isAnywhere,
  type MirrorRequest,
  planDeletes,
  undecided,
} from './mirror.ts'
import type { Comparison, Outcome } from './outcome.ts'
import { planToldDeletes } from './told/deletes.ts'

/** Repositories compared at once. */
const REPOSITORIES_AT_ONCE = 8

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
  if (!request.events) checkDeletes(policy, destination)
  const left = new Map<string, number>()
  const byDestination = new Map<string, string[]>()
  const comparison = comparisonFor(request, byDestination, left)
  const { ages, odd, missing, shard, told } = comparison
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
  const take = (outcome: Outcome): void => {
    if (outcome.kind === 'unchanged') {
      totals.unchanged += 1
      sink.unchanged({ registry: destination.registry.name, ...outcome.to, digest: outcome.there })
    } else if (outcome.kind === 'task') {
      if (outcome.task.unresolved) putOff.push(outcome.task)
      plan(outcome.task)
    }
  }
  const bringing = createBringing(request, comparison)
  await forEachConcurrent(pairs(byDestination), REPOSITORIES_AT_ONCE, async ([repository, mapped]) => {
    const outcomes = compareRepository(repository, mapped, comparison, counts, ctx)
    for await (const outcome of bringing?.noted(outcomes, ctx) ?? outcomes) {
      if (outcome.kind === 'task') {
        const { action, unresolved, source: from } = outcome.task
        if ((action === 'blocked' || unresolved) && from.tag === undefined) unlisted += 1
      }
      take(outcome)
    }
  })
  for await (const outcome of bringing?.outcomes(ctx) ?? []) take(outcome)
  ages?.report(ctx)
  odd.report(ctx)
  if (putOff.length > 0) {
    const text = `${plural(putOff.length, 'task')} could not be compared and will be tried again: ${putOff[0]?.reason}`
    ctx.emit({ type: 'log', level: 'warning', text })
  }
  const repositories = [...byDestination.values()].flat()
  const isEmpty = counts.selected === 0 && !request.shard && !request.narrow && !told
  const noDeletes = !deletesTags(policy) || (isEmpty && !policy.allow_empty)
  const deleting = { ...comparison, repositories: byDestination, resource: deletable(comparison) }
  const { tasks: deletes, refused } = told
    ? await planToldDeletes({ ...deleting, told }, ctx)
    : noDeletes
      ? { tasks: [] }
      : await deletesFor(deleting, unlisted, ctx)
  if (refused && !request.onlyShown) throw refused
  // A named tag that the mirror deletes was expected to disappear, so it is not missing.
  for (const { action, source: gone } of deletes) if (action === 'delete' && gone.tag) missing.found(gone.tag)
  // What events tell of may be gone again.
  const absent = await missing.tasks(told ? [] : repositories, async (name) => {
    if (shard === undefined) return true
    // This shard has not seen the other shards' tags; one shard checks them all.
    return shard('', name) && !(await isAnywhere(name, repositories, source, ctx))
  })
  const isWarning = policy.missing === 'warn' || (policy.missing === undefined && policy.allow_empty && isEmpty)
  if (isWarning) for (const { reason = '' } of absent) ctx.emit({ type: 'log', level: 'warning', text: reason })
  else absent.forEach(plan)
  const isWhole = shard === undefined && request.narrow === undefined && !told
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

async function deletesFor(request: MirrorRequest, unlisted: number, ctx: Context): Promise<Deletes> {
  if (unlisted > 0) {
    ctx.emit({ type: 'log', level: 'warning', text: 'nothing is deleted: not every repository could be listed' })
    return { tasks: [] }
  }
  return planDeletes(request, ctx).catch((error: unknown) => ({ tasks: [undecided(error, request)] }))
}

/** What charts bring is never deleted: other charts may need it, also those of other policies. */
function deletable({ policy, resource }: Comparison): Comparison['resource'] {
  return (type) => resource(type) && (type === 'chart' || policy.with_images !== true)
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
