/** One plan for several destinations: the source is asked once, and tasks for the same artifact stand beside each other. */

import type { Adapter, ListedTag } from '../../core/adapter.ts'
import { gathered } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor } from '../../core/descriptor.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { createLongLists } from '../../history/scratch.ts'
import type { Endpoint, Route } from '../endpoint.ts'
import { makePlan, type PlanRequest, type PlanSink, type PlanTotals } from './plan.ts'

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
  const catalogue = new Map<string, Promise<readonly string[]>>()
  const lists = new Map<string, Promise<readonly string[]>>()
  const infos = new Map<string, Promise<readonly ListedTag[]>>()
  const resolved = new Map<string, Promise<Descriptor | undefined>>()
  const { repositories, listTags } = adapter
  const remembered: Adapter = {
    ...adapter,
    repository(name) {
      const asked = adapter.repository(name)
      return {
        ...asked,
        async *tags(ctx) {
          yield* await once(lists, name, () => gathered(asked.tags(ctx)))
        },
        resolve: (reference, ctx) => once(resolved, `${name}@${reference}`, () => asked.resolve(reference, ctx)),
      }
    },
    ...(repositories && {
      async *repositories(wanted, ctx) {
        yield* await once(catalogue, JSON.stringify(wanted), () => gathered(repositories(wanted, ctx)))
      },
    }),
    ...(listTags && {
      async *listTags(name, ctx, wanted) {
        yield* await once(infos, name, () => gathered(listTags(name, ctx, wanted)))
      },
    }),
  }
  return { ...source, adapter: remembered }
}

/** A failed answer is not remembered: the next caller asks again. */
function once<T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const before = known.get(key)
  if (before) return before
  const result = ask()
  if (known.size < REMEMBERED) known.set(key, result)
  result.catch(() => known.delete(key))
  return result
}
