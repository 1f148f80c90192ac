/** The prepare stage: both registries checked, the plan made and recorded, its handler called, missing namespaces created; no content is written. */

import { throwIfAborted } from '../../core/cancel.ts'
import { mapConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import { PrepareError } from '../../core/errors.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { plural } from '../../core/plural.ts'
import { formatResource, type Resource } from '../../core/reference.ts'
import { placeOf } from '../../core/registry.ts'
import type { ArtifactEvent } from '../../core/requests.ts'
import type { History } from '../../history/history.ts'
import type { Endpoint, ManifestMemory, Route } from '../endpoint.ts'
import { type ImageTools, sourceOf } from '../images/tools.ts'
import { callHandler, type HandlerRequest, namespacePairs } from '../notify/handler.ts'
import { reasonOf } from '../reason.ts'
import { isAtSource } from '../run/remove.ts'
import type { Holding } from './age.ts'
import { count, type Namespaces, noteNamespace, type PlanTotals } from './plan.ts'
import { planRoutes } from './routes.ts'
import { toldLines } from './told/told.ts'

export interface PrepareRequest extends HandlerRequest {
  readonly source: Endpoint
  readonly history: History
  readonly narrow?: Readonly<Record<string, readonly string[]>> | undefined
  readonly shard?: { readonly index: number; readonly count: number } | undefined
  /** `all`: referrers of unchanged artifacts are looked at too. */
  readonly referrers?: 'all' | 'changed' | undefined
  /** Only what these are about. */
  readonly events?: readonly ArtifactEvent[] | undefined
  /** Tasks of a saved plan, to be applied instead of making a plan. */
  readonly plan?: Iterable<TaskSpec> | undefined
  /** Whether that plan was made just now: then it is not checked. */
  readonly isCurrent?: (() => boolean) | undefined
  /** Finds the images that charts name; absent: the policy does not bring them. */
  readonly images?: ImageTools | undefined
  /** Told of what the destination has already. */
  readonly same?: ((resource: Resource) => void) | undefined
  /** Told what `min_age` holds back. */
  readonly holding?: Holding | undefined
}

const TASK_BATCH = 500
/** Tags of a saved plan that are looked at together; the host's own limits decide how many requests that is. */
const CHECKED_AT_ONCE = 64

/** Leaves pending tasks in the history. The first failure ends the execution before anything is copied. */
export async function prepare(
  request: PrepareRequest,
  id: number,
  memory: ManifestMemory,
  ctx: Context,
): Promise<PlanTotals> {
  const { source, routes, history, events = [] } = request
  for (const text of toldLines(events, source.registry.name)) ctx.emit({ type: 'log', level: 'info', text })
  const isCurrent = request.plan !== undefined && request.isCurrent?.() === true
  if (isCurrent) ctx.emit({ type: 'stage', stage: 'prepare', state: 'started', text: 'applying a plan made just now' })
  const down = isCurrent ? NONE_DOWN : await stagePing(source, routes, ctx, history)
  const batch: TaskSpec[] = []
  const write = (): void => history.tasks.add(id, batch.splice(0))
  const pairs = namespacePairs()
  let unchanged = 0
  const sink = {
    task: (task: TaskSpec) => {
      batch.push(task)
      pairs.add(task)
      if (batch.length >= TASK_BATCH) write()
    },
    unchanged: (resource: Resource) => {
      unchanged += 1
      request.same?.(resource)
    },
  }
  const totals = request.plan
    ? await applyPlan(request.plan, isCurrent ? 'current' : request, sink, ctx)
    : await planRoutes(
        { ...request, memory, records: history, now: request.clock?.now() },
        routes.filter((route) => !down.has(route.destination)),
        sink,
        ctx,
      )
  const unreachable = [...down].map(([endpoint, error]) => unreachableTask(source, endpoint, error))
  for (const task of unreachable) sink.task(task)
  write()
  history.executions.addUnchanged(id, unchanged)
  history.executions.setLeftBehind(id, Object.fromEntries(totals.left))
  await callHandler(request, id, pairs, ctx)
  const namespaces = await ensureNamespaces(routes, totals, ctx)
  throwIfAborted(ctx.signal)
  const { copies, updates, deletes } = totals
  ctx.emit({ type: 'planned', tasks: copies + updates + deletes, bytes: 0, bare: deletes })
  const planned = { ...totals, blocked: totals.blocked + unreachable.length }
  const reachable = isCurrent ? 'planned just now' : registriesText(routes, down.size)
  const text = prepareText(planned, reachable, namespaces)
  ctx.emit({ type: 'stage', stage: 'prepare', state: 'ended', text })
  return planned
}

const NONE_DOWN: ReadonlyMap<Endpoint, unknown> = new Map()

/** Begins the stage: all registries are checked at the same time. Of several destinations one may be down, which is told with its
 *  reason; a source that is down, or nowhere to go, is thrown. `history` keeps how they were. */
export async function stagePing(
  source: Endpoint,
  routes: readonly Route[],
  ctx: Context,
  history?: Pick<History, 'registries'>,
): Promise<ReadonlyMap<Endpoint, unknown>> {
  const destinations = [...new Set(routes.map((route) => route.destination))]
  const names = [source, ...destinations].map((endpoint) => endpoint.registry.name)
  const text = `checking ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  ctx.emit({ type: 'stage', stage: 'prepare', state: 'started', text })
  const down = new Map<Endpoint, unknown>()
  const noting = async (endpoint: Endpoint): Promise<void> => {
    const { name } = endpoint.registry
    const place = placeOf(endpoint.registry)
    try {
      await endpoint.adapter.ping(ctx)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!ctx.signal.aborted) history?.registries.keepStatus(name, place, reason)
      throw error
    }
    history?.registries.keepStatus(name, place)
  }
  const pings = destinations.map(async (endpoint) => {
    try {
      await noting(endpoint)
    } catch (error) {
      if (destinations.length === 1 || ctx.signal.aborted) throw error
      down.set(endpoint, error)
    }
  })
  await Promise.all([noting(source), ...pings])
  const [first] = down.values()
  if (down.size > 0 && down.size === destinations.length) throw first
  return down
}

/** What stands in the history for a destination that could not be reached. */
function unreachableTask(source: Endpoint, destination: Endpoint, error: unknown): TaskSpec {
  return {
    action: 'blocked',
    resource_type: 'image',
    source: { registry: source.registry.name, repository: '' },
    destination: { registry: destination.registry.name, repository: '' },
    ...reasonOf(error),
  }
}

/** `3 registries reachable`, or `2 of 3 registries reachable`. */
export function registriesText(routes: readonly Route[], down = 0): string {
  const count = new Set(routes.map((route) => route.destination)).size + 1
  return down === 0 ? `${count} registries reachable` : `${count - down} of ${count} registries reachable`
}

/** Applies a saved plan unchanged. Throws if a source tag has moved since the plan was made, which is not asked of a current one. */
async function applyPlan(
  tasks: Iterable<TaskSpec>,
  request: Pick<PrepareRequest, 'source' | 'images'> | 'current',
  sink: { task: (task: TaskSpec) => void },
  ctx: Context,
): Promise<PlanTotals> {
  const totals = { copies: 0, updates: 0, deletes: 0, kept: 0, blocked: 0 }
  const namespaces: Namespaces = new Map()
  let seen = 0
  for await (const task of mapConcurrent(tasks, CHECKED_AT_ONCE, async (task) =>
    request === 'current' ? task : unmoved(task, request, ctx),
  )) {
    seen += 1
    count(task, totals)
    noteNamespace(task, namespaces)
    sink.task(task)
  }
  return { repositories: 0, seen, unchanged: 0, ...totals, namespaces, left: new Map() }
}

/** Returns the task. Throws a `PrepareError` if the source has changed since the plan was made. */
async function unmoved(
  task: TaskSpec,
  { source: own, images }: Pick<PrepareRequest, 'source' | 'images'>,
  ctx: Context,
): Promise<TaskSpec> {
  const { repository, tag } = task.source
  if (tag === undefined) return task
  // What could not be planned fails, whatever has become of its source.
  if (task.action === 'blocked' && task.digest === undefined) return task
  const source = await sourceOf(task, own, images)
  const name = formatResource(task.source)
  const hint = 'make the plan again with `replicate plan --out`'
  if (task.digest !== undefined) {
    const now = (await source.adapter.repository(repository).resolve(tag, ctx))?.digest ?? 'gone'
    if (now !== task.digest) {
      const text = `${name} has moved since the plan was made: was ${task.digest}, is ${now}`
      throw new PrepareError(text, { hint })
    }
  }
  if (task.action === 'delete' && (await isAtSource(repository, tag, source, ctx))) {
    throw new PrepareError(`${name} is to be deleted, and the source has it again`, { hint })
  }
  return task
}

async function ensureNamespaces(
  routes: readonly Route[],
  totals: PlanTotals,
  ctx: Context,
): Promise<readonly string[]> {
  const ensured = new Set<string>()
  for (const { policy, destination } of routes) {
    const { adapter, registry } = destination
    if (!policy.destination.create || !adapter.ensureNamespace) continue
    for (const namespace of totals.namespaces.get(registry.name) ?? []) {
      const options = { public: policy.destination.public }
      await adapter.ensureNamespace(namespace, options, ctx)
      ensured.add(namespace)
    }
  }
  return [...ensured]
}

function prepareText(totals: PlanTotals, reachable: string, namespaces: readonly string[]): string {
  const { repositories, seen, unchanged, left, copies, updates, deletes, kept, blocked } = totals
  const counts = [
    `${unchanged} unchanged`,
    `${copies} new`,
    ...(updates > 0 ? [`${updates} changed`] : []),
    ...(deletes > 0 ? [`${deletes} to delete`] : []),
    ...(kept > 0 ? [`${kept} kept`] : []),
    ...(left.has('min_age') ? [`${left.get('min_age')} held back by min_age`] : []),
    ...(blocked > 0 ? [`${blocked} blocked`] : []),
  ]
  return [
    reachable,
    ...(repositories > 0
      ? [`${plural(repositories, 'repository', 'repositories')}, ${plural(seen, 'tag')} listed`]
      : []),
    counts.join(', '),
    ...(namespaces.length > 0
      ? [`${namespaces.slice(0, 3).join(', ')} ${namespaces.length === 1 ? 'exists' : 'exist'}`]
      : []),
  ].join(' · ')
}
