/** The end of a run at its destinations: what they have written is made to last; tasks whose content could not be kept have not succeeded. */

import type { Context } from '../../core/context.ts'
import { describeError } from '../../core/errors.ts'
import type { History } from '../../history/history.ts'
import type { Endpoint } from '../endpoint.ts'
import { recorded } from './transfer.ts'

export interface Committing {
  readonly history: History
  readonly execution: number
  readonly destinations: Iterable<Endpoint>
  /** When this attempt began, in milliseconds since 1970: what an earlier attempt committed has succeeded. */
  readonly began: number
}

/** Makes every destination keep what was written to it. Never throws for what a destination did: its tasks fail, or are stopped where the
 *  signal is aborted, so that `resume` and `retry` do them again. */
export async function commit(committing: Committing, ctx: Context): Promise<void> {
  const { history, execution } = committing
  const { total, succeed, skipped } = history.executions.get(execution)
  const isWhole = total === succeed + skipped
  for (const destination of committing.destinations) {
    try {
      await destination.adapter.commit?.(isWhole, ctx)
    } catch (error) {
      if (!destination.adapter.commitsLate) {
        // What was written lasts already; only what it left behind could not be removed.
        ctx.emit({ type: 'log', level: 'warning', text: describeError(error) })
        continue
      }
      const isStopped = ctx.signal.aborted
      const kept = `${destination.registry.name} is not complete: what was copied is kept for \`executions resume\` and the next run`
      ctx.emit({ type: 'log', level: isStopped ? 'warning' : 'error', text: isStopped ? kept : describeError(error) })
      takeBack(committing, destination, isStopped ? 'stopped' : 'failed', error)
    }
  }
}

/** For a run that ends without `commit`: late destinations have kept nothing of it. */
export function takeAllBack(committing: Committing, error: unknown): void {
  for (const destination of committing.destinations) {
    if (destination.adapter.commitsLate) takeBack(committing, destination, 'stopped', error)
  }
}

/** The registries that keep nothing of an interrupted run. */
export function lateRegistries(destinations: Iterable<Endpoint>): readonly string[] {
  return Array.from(destinations)
    .filter(({ adapter }) => adapter.commitsLate)
    .map(({ registry }) => registry.name)
}

function takeBack(
  { history, execution, began }: Committing,
  { registry }: Endpoint,
  status: 'failed' | 'stopped',
  error: unknown,
): void {
  history.tasks.takeBack(execution, registry.name, status, began, recorded(error))
}
