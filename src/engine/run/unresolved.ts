/** Tasks that could not be compared while the plan was made: compared when their turn comes, then run as what they turn out to be. */

import type { Context } from '../../core/context.ts'
import { PrepareError } from '../../core/errors.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { formatResource } from '../../core/reference.ts'
import type { ManifestMemory } from '../endpoint.ts'
import { comparisonOfImages, createBringing } from '../images/compare.ts'
import { sourceOf } from '../images/tools.ts'
import { compareRepository } from '../plan/compare.ts'
import { comparisonFor, type PlanRequest } from '../plan/comparison.ts'
import type { Comparison, Outcome } from '../plan/outcome.ts'
import { compareAgain } from '../plan/pair.ts'
import type { PrepareRequest } from '../plan/prepare.ts'
import type { RunTask } from './runner.ts'

/** As `run`, for tasks that are unresolved too. What a whole repository turns out to hold becomes tasks of the execution, and so do the images
 *  that a chart turns out to name. */
export function resolving(run: RunTask, request: PrepareRequest, execution: number, memory: ManifestMemory): RunTask {
  const { history, source, routes, images } = request
  const comparisons = new Map<string, Comparison>()

  function requestOf(registry: string): PlanRequest {
    const route = routes.find(({ destination }) => destination.registry.name === registry)
    if (!route) throw new TypeError(`no destination ${registry}`)
    return { ...request, ...route, source, memory, records: history, now: request.clock?.now() }
  }

  async function comparisonOf(task: TaskSpec): Promise<Comparison> {
    const { source: from, destination: to, named_by } = task
    const key = JSON.stringify([to.registry, named_by === undefined ? null : from.registry])
    const known = comparisons.get(key)
    if (known) return known
    const made = requestOf(to.registry)
    const comparison =
      named_by === undefined
        ? comparisonFor(made, new Map(), new Map(), 'again')
        : comparisonOfImages(made, await sourceOf(task, source, images), 'again')
    comparisons.set(key, comparison)
    return comparison
  }

  /** Adds what outcomes say to the execution, with the images of the charts among them. */
  async function add(outcomes: AsyncIterable<Outcome>, bring: ReturnType<typeof createBringing>, ctx: Context) {
    const tasks: TaskSpec[] = []
    let unchanged = 0
    const note = (outcome: Outcome): void => {
      if (outcome.kind === 'task') tasks.push(outcome.task)
      else if (outcome.kind === 'unchanged') unchanged += 1
    }
    for await (const outcome of bring?.noted(outcomes, ctx) ?? outcomes) note(outcome)
    for await (const outcome of bring?.outcomes(ctx) ?? []) note(outcome)
    history.tasks.add(execution, tasks)
    history.executions.addUnchanged(execution, unchanged)
  }

  async function compareWhole(task: TaskSpec, ctx: Context): Promise<void> {
    const { source: from, destination: to } = task
    const comparison = await comparisonOf(task)
    const counts = { seen: 0, selected: 0 }
    const outcomes = compareRepository(from.repository, to.repository, comparison, counts, ctx)
    await add(outcomes, createBringing(requestOf(to.registry), comparison), ctx)
  }

  /** The images of one chart, which is in the execution itself. */
  async function bringImages(outcome: Outcome, comparison: Comparison, ctx: Context): Promise<void> {
    const bringing = createBringing(requestOf(comparison.destination.registry.name), comparison)
    if (!bringing) return
    for await (const _ of bringing.noted(only(outcome), ctx));
    await add(bringing.outcomes(ctx), undefined, ctx)
  }

  return async (task, moved, ctx, again) => {
    if (!task.unresolved) return run(task, moved, ctx, again)
    if (task.source.tag === undefined && task.digest === undefined) return compareWhole(task, ctx)
    const comparison = await comparisonOf(task)
    const outcome = await compareAgain(task, comparison, ctx)
    const name = formatResource({ ...task.source, digest: task.digest })
    if (outcome.kind === 'absent') throw new PrepareError(`${name} is not there`)
    if (outcome.kind !== 'task' || outcome.task.action === 'keep') {
      const why = outcome.kind === 'task' ? outcome.task.reason : outcome.kind
      ctx.emit({ type: 'log', level: 'info', text: `${name} was compared again, nothing is copied: ${why}` })
    } else {
      const { action, reason, hint } = outcome.task
      if (action === 'blocked') throw new PrepareError(reason ?? 'blocked', { hint })
      await run(outcome.task, moved, ctx, again)
    }
    // Last: a task that fails is run again, and must not bring them twice.
    if (task.named_by === undefined) await bringImages(outcome, comparison, ctx)
  }
}

async function* only(outcome: Outcome): AsyncIterable<Outcome> {
  yield outcome
}
