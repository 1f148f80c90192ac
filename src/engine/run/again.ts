/** An execution whose tasks are in the history already: both registries are checked, nothing is planned. */

import { throwIfAborted } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { plural } from '../../core/plural.ts'
import type { History } from '../../history/history.ts'
import type { PlanTotals } from '../plan/plan.ts'
import { type PrepareRequest, registriesText, stagePing } from '../plan/prepare.ts'

/** How an earlier execution is continued: resumed itself, or retried as a new execution of what failed in it. */
export interface Again {
  readonly how: 'resume' | 'retry'
  readonly execution: number
}

export async function prepareAgain(
  request: PrepareRequest,
  id: number,
  earlier: number,
  ctx: Context,
): Promise<PlanTotals> {
  const { source, routes, history } = request
  await stagePing(source, routes, ctx, history)
  throwIfAborted(ctx.signal)
  const { pending } = history.executions.beginning(id).left
  const unplanned = history.executions.get(earlier).failed - history.executions.beginning(earlier).left.failed
  if (unplanned > 0) {
    const text = `${plural(unplanned, 'task')} could not be planned then, which only a new run does again`
    ctx.emit({ type: 'log', level: 'warning', text })
  }
  ctx.emit({ type: 'planned', tasks: pending, bytes: 0 })
  const text = `${registriesText(routes)} · ${plural(pending, 'task')} left`
  ctx.emit({ type: 'stage', stage: 'prepare', state: 'ended', text })
  return {
    repositories: 0,
    seen: 0,
    unchanged: 0,
    copies: pending,
    updates: 0,
    deletes: 0,
    kept: 0,
    blocked: 0,
    namespaces: new Map(),
    left: new Map(),
  }
}

/** The execution that made the plan which this one resumes. */
export function plannedBefore({
  history,
  again,
}: {
  readonly history: History
  readonly again?: Again | undefined
}): number | undefined {
  if (!again) return undefined
  return again.how === 'retry' || history.executions.beginning(again.execution).prepared ? again.execution : undefined
}
