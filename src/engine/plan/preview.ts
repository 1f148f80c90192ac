/** A plan for people: every action with its sizes, and why each tag was kept or dropped; touches nothing. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import { describeError, onSide } from '../../core/errors.ts'
import type { Explanation, PlannedAction, PolicyPlan, TaskSpec } from '../../core/plan.ts'
import { formatResource } from '../../core/reference.ts'
import { remembered } from '../../core/remembered.ts'
import type { LongList, LongLists } from '../../history/scratch.ts'
import { ManifestMemory } from '../endpoint.ts'
import { placing } from '../images/placing.ts'
import { sourceOf } from '../images/tools.ts'
import type { PlanRequest } from './comparison.ts'
import { createMeasure, type Measure, type MeasuredSide } from './measure.ts'
import { isTransfer, makePlan } from './plan.ts'
import { createPulls } from './pulls.ts'
import { createQuotaWatch } from './quota.ts'

const SPARED = (registry: string): string =>
  `${registry} counts pulls, so no manifests were read: sizes, platforms and types of new tags are not checked (--sizes reads them)`

/** Actions measured at once. */
const MEASURED_AT_ONCE = 16

export interface PreviewRequest extends Omit<PlanRequest, 'memory' | 'explain'> {
  /** Where the plan's long lists are kept until they are closed. */
  readonly lists: LongLists
  readonly explain?: boolean | undefined
  /** Read manifests for their sizes even if that spends pulls. */
  readonly sizes?: boolean | undefined
}

/** Throws where a registry cannot be reached, as `execute` would end. */
export async function preview(request: PreviewRequest, ctx: Context): Promise<PolicyPlan> {
  const { policy, source, destination } = request
  await Promise.all([source.adapter.ping(ctx), destination.adapter.ping(ctx)])
  const memory = new ManifestMemory()
  const planned = request.lists.create<TaskSpec>()
  const explained = request.lists.create<Explanation>()
  const pulls = request.sizes ? undefined : createPulls(source)
  const placeOfTask = placing(policy)
  let unchanged = 0
  const totals = await makePlan(
    {
      ...request,
      memory,
      onlyShown: true,
      pulls,
      explain: (resource, verdict) => {
        if (!request.explain) return
        const name = formatResource({ registry: source.registry.name, ...resource })
        explained.add(resource.repository, { resource: name, ...verdict })
      },
    },
    {
      task: (task) => planned.add(placeOfTask(task), task),
      unchanged: () => {
        unchanged += 1
      },
    },
    ctx,
  )
  const tasks = planned.items()
  const quotas = createQuotaWatch(destination)
  const sparing = new Map(pulls ? [[source.registry.name, pulls]] : [])
  const sides = remembered(async (registry: string): Promise<MeasuredSide> => {
    if (registry === source.registry.name) return { source, pulls }
    const named = await sourceOf({ source: { registry, repository: '' } }, source, request.images)
    const own = request.sizes ? undefined : createPulls(named)
    if (own) sparing.set(registry, own)
    return { source: named, pulls: own }
  })
  const measure = createMeasure(policy, (task) => sides(task.source.registry, ctx), destination, memory)
  const actions = request.lists.create<PlannedAction>()
  for await (const action of mapConcurrent(tasks, MEASURED_AT_ONCE, async (task) => {
    if (request.shallow || !isTransfer(task) || task.referrers_only) return actionOf(task, undefined)
    try {
      const { repository, registry } = task.source
      // Its manifest is made of all of its content.
      const { adapter } = (await sides(registry, ctx)).source
      if (adapter.repository(repository).nameOf && !request.sizes) return actionOf(task, undefined)
      const measured = await measure(task, ctx)
      if (measured) quotas.note(task.destination.repository, measured.bytes_to_copy)
      return actionOf(task, measured)
    } catch (error) {
      return actionOf(
        { ...task, action: 'blocked', reason: describeError(onSide(error, 'source', task.source.registry)) },
        undefined,
      )
    }
  })) {
    actions.add('', action)
  }
  return {
    policy: policy.name,
    source: placeOf(source.registry.name, undefined),
    destination: placeOf(destination.registry.name, policy.destination.namespace ?? policy.destination.repository),
    actions: actions.items(),
    unchanged,
    seen: totals.seen,
    left_behind: Object.fromEntries(totals.left),
    ...(totals.refused ? { refused: { message: totals.refused.message, hint: totals.refused.hint ?? null } } : {}),
    explanations: lastWords(explained),
    warnings: [
      ...(await quotas.warnings(ctx)),
      ...leftBehind(request, tasks),
      ...[...sparing].flatMap(([registry, { spared }]) => (spared ? [SPARED(registry)] : [])),
    ],
    tasks,
  }
}

/** What a destination that makes its own manifests cannot take. */
function leftBehind({ policy, source, destination }: PreviewRequest, tasks: Iterable<TaskSpec>): readonly string[] {
  const [task] = tasks
  if (!task || policy.referrers === false || !destination.adapter.repository(task.destination.repository).nameOf)
    return []
  if (source.adapter.repository(task.source.repository).nameOf) return []
  const { registry, type } = destination
  return [
    `${registry.name} (${type.name}) keeps no manifests: signatures and what else refers to those of ${source.registry.name} stay behind`,
  ]
}

/** The last explanation of each resource: a later rule may drop what an earlier one kept. */
function lastWords(explained: LongList<Explanation>): Iterable<Explanation> {
  return {
    *[Symbol.iterator]() {
      for (const words of explained.byKey()) yield* new Map(words.map((word) => [word.resource, word])).values()
    },
  }
}

/** The plans of one policy for its destinations, as one. */
export function mergePlans(plans: readonly PolicyPlan[]): PolicyPlan {
  const [first] = plans
  if (!first) throw new TypeError('no plan')
  const refused = plans.find((plan) => plan.refused)?.refused
  return {
    ...first,
    ...(refused ? { refused } : {}),
    destination: plans.map((plan) => plan.destination).join(', '),
    actions: joined(plans.map((plan) => plan.actions)),
    unchanged: plans.reduce((sum, plan) => sum + plan.unchanged, 0),
    warnings: plans.flatMap((plan) => plan.warnings),
    tasks: joined(plans.map((plan) => plan.tasks)),
  }
}

/** `harbor/mirror`, as the head line of a run and of a plan names a side. */
export function placeOf(registry: string, path: string | undefined): string {
  return path ? `${registry}/${path}` : registry
}

/** One after the other, each time it is read. */
function joined<T>(lists: readonly Iterable<T>[]): Iterable<T> {
  return {
    *[Symbol.iterator]() {
      for (const list of lists) yield* list
    },
  }
}

function actionOf(task: TaskSpec, measure: Measure | undefined): PlannedAction {
  return {
    action: task.action,
    resource_type: task.resource_type,
    source: formatResource({ ...task.source, digest: task.digest }),
    destination: formatResource({ ...task.destination, digest: task.digest }),
    digest: task.digest ?? null,
    previous_digest: task.previous_digest ?? null,
    bytes: measure?.bytes ?? null,
    bytes_to_copy: measure?.bytes_to_copy ?? null,
    layers: measure?.layers ?? null,
    layers_to_copy: measure?.layers_to_copy ?? null,
    platforms: measure?.platforms ?? [],
    referrers: measure?.referrers ?? null,
    reason: task.reason ?? null,
    hint: task.hint ?? null,
    named_by: task.named_by ?? null,
  }
}
