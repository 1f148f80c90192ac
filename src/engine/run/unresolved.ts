/** Tasks that could not be compared while the plan was made: compared when their turn comes, then run as what they turn out to be. */

import type { Context } from '../../core/context.ts'
import { PrepareError } from '../../core/errors.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { formatResource } from '../../core/reference.ts'
import type { ManifestMemory } from '../endpoint.ts'
import { compareRepository } from '../plan/compare.ts'
import type { Comparison } from '../plan/outcome.ts'
import { compareAgain } from '../plan/pair.ts'
import { comparisonFor } from '../plan/plan.ts'
import type { PrepareRequest } from '../plan/prepare.ts'
import type { RunTask } from './runner.ts'

/** As `run`, for tasks that are unresolved too. What a whole repository turns out to hold becomes tasks of the execution. */
export function resolving(run: RunTask, request: PrepareRequest, execution: number, memory: ManifestMemory): RunTask {
  const { history, source, routes } = request
  const comparisons = new Map<string, Comparison>()

  function comparisonOf(registry: string): Comparison {
    const route = routes.find(({ destination }) => destination.registry.name === registry)
    if (!route) throw new TypeError(`no destination ${registry}`)
    const made = { ...request, ...route, source, memory, records: history, now: request.clock?.now() }
    const comparison = comparisons.get(registry) ?? comparisonFor(made, new Map(), new Map(), 'again')
    comparisons.set(registry, comparison)
    return comparison
  }

  async function compareWhole({ source: from, destination: to }: TaskSpec, ctx: Context): Promise<void> {
    const tasks: TaskSpec[] = []
    let unchanged = 0
    const counts = { seen: 0, selected: 0 }
    const outcomes = compareRepository(from.repository, to.repository, comparisonOf(to.registry), counts, ctx)
    for await (const outcome of outcomes) {
      if (outcome.kind === 'task') tasks.push(outcome.task)
      else if (outcome.kind === 'unchanged') unchanged += 1
    }
    history.tasks.add(execution, tasks)
    history.executions.addUnchanged(execution, unchanged)
  }

  return async (task, moved, ctx, again) => {
    if (!task.unresolved) return run(task, moved, ctx, again)
    if (task.source.tag === undefined && task.digest === undefined) return compareWhole(task, ctx)
    const outcome = await compareAgain(task, comparisonOf(task.destination.registry), ctx)
    const name = formatResource({ ...task.source, digest: task.digest })
    if (outcome.kind === 'absent') throw new PrepareError(`${name} is not there`)
    if (outcome.kind !== 'task' || outcome.task.action === 'keep') {
      const why = outcome.kind === 'task' ? outcome.task.reason : outcome.kind
      ctx.emit({ type: 'log', level: 'info', text: `${name} was compared again, nothing is copied: ${why}` })
      return undefined
    }
    const { action, reason, hint } = outcome.task
    if (action === 'blocked') throw new PrepareError(reason ?? 'blocked', { hint })
    return run(outcome.task, moved, ctx, again)
  }
}
