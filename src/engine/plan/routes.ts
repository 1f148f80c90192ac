/** One plan for several destinations: the source is asked once, and tasks for the same artifact stand beside each other. */

import type { Adapter } from '../../core/adapter.ts'
import { gathered } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { remembered } from '../../core/remembered.ts'
import { createLongLists } from '../../history/scratch.ts'
import type { Endpoint, Route } from '../endpoint.ts'
import type { PlanRequest } from './comparison.ts'
import { makePlan, type PlanSink, type PlanTotals } from './plan.ts'

/** How many answers of the source are remembered at most. */
const REMEMBERED = 100_000

/** As `makePlan`, for each route. With several, all tasks are gathered until the last is planned. */
export async function planRoutes(
  request: Omit<PlanRequest, 'policy' | 'destination'>,
  routes: readonly Route[],
  sink: PlanSink,
  ctx: Context,
): Promise<PlanTotals> {
  const [only, ...others] = routes
  if (!only) throw new TypeError('a plan without a destination')
  if (others.length === 0) return makePlan({ ...request, ...only }, sink, ctx)
  const source = remembering(request.source)
  const lists = createLongLists()
  try {
    const planned = lists.create<TaskSpec>()
    const gather: PlanSink = {
      unchanged: sink.unchanged,
      task: (task) => planned.add(task.source.repository, task),
    }
    let totals = await makePlan({ ...request, ...only, source }, gather, ctx)
    for (const route of others) totals = sum(totals, await makePlan({ ...request, ...route, source }, gather, ctx))
    // Tasks for one artifact follow each other, so that they run together and read shared blobs once.
    for (const tasks of planned.byKey()) for (const task of byArtifact(tasks)) sink.task(task)
    return totals
  } finally {
    lists.close()
  }
}

/** Of one repository. */
function byArtifact(tasks: readonly TaskSpec[]): readonly TaskSpec[] {
  return [...Map.groupBy(tasks, ({ source, digest }) => source.tag ?? digest ?? '').values()].flat()
}

/** What was seen at the source is the same for all, so it counts once. */
function sum(a: PlanTotals, b: PlanTotals): PlanTotals {
  return {
    repositories: a.repositories,
    seen: a.seen,
    left: a.left,
    unchanged: a.unchanged + b.unchanged,
    copies: a.copies + b.copies,
    updates: a.updates + b.updates,
    deletes: a.deletes + b.deletes,
    kept: a.kept + b.kept,
    blocked: a.blocked + b.blocked,
    namespaces: new Map([...a.namespaces, ...b.namespaces]),
  }
}

/** The same source, which is asked for its repositories, tags and digests once while a plan is made. */
function remembering(source: Endpoint): Endpoint {
  const { adapter } = source
  const { repositories, listTags } = adapter
  const tags = remembered((name: string, ctx) => gathered(adapter.repository(name).tags(ctx)), REMEMBERED)
  const places = remembered((place: string, ctx) => {
    const [name = '', reference = ''] = place.split('@')
    return adapter.repository(name).resolve(reference, ctx)
  }, REMEMBERED)
  const once: Adapter = {
    ...adapter,
    repository: (name) => ({
      ...adapter.repository(name),
      async *tags(ctx) {
        yield* await tags(name, ctx)
      },
      // Neither a name nor a reference has an `@`.
      resolve: (reference, ctx) => places(`${name}@${reference}`, ctx),
    }),
    ...(repositories && { repositories: catalogueOf(repositories) }),
    ...(listTags && { listTags: listingOf(listTags) }),
  }
  return { ...source, adapter: once }
}

function catalogueOf(repositories: NonNullable<Adapter['repositories']>): NonNullable<Adapter['repositories']> {
  const catalogue = remembered((wanted: string, ctx) => gathered(repositories(JSON.parse(wanted), ctx)), REMEMBERED)
  return async function* (wanted, ctx) {
    yield* await catalogue(JSON.stringify(wanted), ctx)
  }
}

function listingOf(listTags: NonNullable<Adapter['listTags']>): NonNullable<Adapter['listTags']> {
  const ask = (untagged: boolean | undefined) =>
    remembered(
      (name: string, ctx) => gathered(listTags(name, ctx, untagged === undefined ? undefined : { untagged })),
      REMEMBERED,
    )
  const lists = new Map([true, false, undefined].map((untagged) => [untagged, ask(untagged)]))
  return async function* (name, ctx, wanted) {
    yield* (await lists.get(wanted?.untagged)?.(name, ctx)) ?? []
  }
}
