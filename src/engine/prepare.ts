/** The prepare stage: both registries checked, the plan made and recorded, missing namespaces created; no content is written. */

import { type Clock, throwIfAborted } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import { onSide, PrepareError } from '../core/errors.ts'
import type { TaskSpec } from '../core/plan.ts'
import type { Policy } from '../core/policy.ts'
import { formatResource } from '../core/reference.ts'
import type { History } from '../history/history.ts'
import { destinationNamespace } from './compare.ts'
import type { Endpoint, ManifestMemory } from './endpoint.ts'
import { count, isTransfer, makePlan, type PlanTotals } from './plan.ts'
import { isAtSource } from './remove.ts'

export interface PrepareRequest {
  readonly policy: Policy
  readonly source: Endpoint
  readonly destination: Endpoint
  readonly history: History
  readonly narrow?: Readonly<Record<string, readonly string[]>> | undefined
  readonly shard?: { readonly index: number; readonly count: number } | undefined
  /** `all`: referrers of unchanged artifacts are looked at too. */
  readonly referrers?: 'all' | 'changed' | undefined
  readonly clock?: Pick<Clock, 'now'>
  /** Tasks of a saved plan, applied instead of planning anew. */
  readonly plan?: readonly TaskSpec[] | undefined
}

const TASK_BATCH = 500

/** Leaves pending tasks in the history. The first failure ends the execution before anything is copied. */
export async function prepare(
  request: PrepareRequest,
  id: number,
  memory: ManifestMemory,
  ctx: Context,
): Promise<PlanTotals> {
  const { policy, source, destination, history } = request
  await stagePing(source, destination, ctx)
  const batch: TaskSpec[] = []
  const write = (): void => history.addTasks(id, batch.splice(0))
  let unchanged = 0
  const sink = {
    task: (task: TaskSpec) => {
      batch.push(task)
      if (batch.length >= TASK_BATCH) write()
    },
    unchanged: () => {
      unchanged += 1
    },
  }
  const totals = request.plan
    ? await applyPlan(request.plan, source, sink, ctx)
    : await makePlan({ ...request, memory, records: history, now: request.clock?.now() }, sink, ctx)
  write()
  history.addUnchanged(id, unchanged)
  const namespaces = await ensureNamespaces(policy, destination, totals, ctx)
  throwIfAborted(ctx.signal)
  ctx.emit({ type: 'planned', tasks: totals.copies + totals.updates + totals.deletes, bytes: 0 })
  ctx.emit({ type: 'stage', stage: 'prepare', state: 'ended', text: prepareText(totals, namespaces) })
  return totals
}

/** Begins the stage: both registries are checked at the same time. */
export async function stagePing(source: Endpoint, destination: Endpoint, ctx: Context): Promise<void> {
  const text = `checking ${source.registry.name} and ${destination.registry.name}`
  ctx.emit({ type: 'stage', stage: 'prepare', state: 'started', text })
  await Promise.all([ping('source', source, ctx), ping('destination', destination, ctx)])
}

async function ping(side: 'source' | 'destination', endpoint: Endpoint, ctx: Context): Promise<void> {
  try {
    await endpoint.adapter.ping(ctx)
  } catch (error) {
    throw onSide(error, side, endpoint.registry.name)
  }
}

/** A saved plan is applied as it is; a source tag that moved since refuses the whole. */
async function applyPlan(
  tasks: readonly TaskSpec[],
  source: Endpoint,
  sink: { task: (task: TaskSpec) => void },
  ctx: Context,
): Promise<PlanTotals> {
  const totals = { copies: 0, updates: 0, deletes: 0, kept: 0, blocked: 0 }
  const namespaces = new Set<string>()
  for (const task of tasks) {
    const { repository, tag } = task.source
    if (task.digest !== undefined && tag !== undefined) {
      const now = await source.adapter.repository(repository).resolve(tag, ctx)
      if (now?.digest !== task.digest) {
        throw new PrepareError(
          `${task.source.registry}/${repository}:${tag} has moved since the plan was made: was ${task.digest}, is ${now?.digest ?? 'gone'}`,
          { hint: 'make the plan again with `replicate plan --out`' },
        )
      }
    }
    if (task.action === 'delete' && tag !== undefined && (await isAtSource(repository, tag, source, ctx))) {
      throw new PrepareError(`${formatResource(task.source)} is to be deleted, and the source has it again`, {
        hint: 'make the plan again with `replicate plan --out`',
      })
    }
    count(task, totals)
    const namespace = destinationNamespace(task)
    if (namespace !== undefined && isTransfer(task)) namespaces.add(namespace)
    sink.task(task)
  }
  return { repositories: 0, seen: tasks.length, unchanged: 0, ...totals, namespaces }
}

async function ensureNamespaces(
  policy: Policy,
  destination: Endpoint,
  totals: PlanTotals,
  ctx: Context,
): Promise<readonly string[]> {
  const { adapter, registry } = destination
  if (!policy.destination.create || !adapter.ensureNamespace) return []
  for (const namespace of totals.namespaces) {
    try {
      await adapter.ensureNamespace(namespace, { public: policy.destination.public }, ctx)
    } catch (error) {
      throw onSide(error, 'destination', registry.name)
    }
  }
  return [...totals.namespaces]
}

function prepareText(totals: PlanTotals, namespaces: readonly string[]): string {
  const { repositories, seen, unchanged, held = 0, copies, updates, deletes, kept, blocked } = totals
  const counts = [
    `${unchanged} unchanged`,
    `${copies} new`,
    ...(updates > 0 ? [`${updates} changed`] : []),
    ...(deletes > 0 ? [`${deletes} to delete`] : []),
    ...(kept > 0 ? [`${kept} kept`] : []),
    ...(held > 0 ? [`${held} held back by min_age`] : []),
    ...(blocked > 0 ? [`${blocked} blocked`] : []),
  ]
  return [
    '2 registries reachable',
    ...(repositories > 0
      ? [`${plural(repositories, 'repository', 'repositories')}, ${plural(seen, 'tag', 'tags')} listed`]
      : []),
    counts.join(', '),
    ...(namespaces.length > 0
      ? [`${namespaces.slice(0, 3).join(', ')} ${namespaces.length === 1 ? 'exists' : 'exist'}`]
      : []),
  ].join(' · ')
}

export function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}
