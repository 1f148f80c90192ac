/** Deletes old executions from the history, as `serve.history` says: once at the start, and every hour. */

import { HistoryError } from '../core/errors.ts'
import { plural } from '../core/plural.ts'
import type { Daemon } from './parts.ts'

const HOUR = 60 * 60 * 1000
/** Executions that are deleted in one transaction: each holds up everything else for a moment. */
const AT_ONCE = 5

/** Resolves once the signal is aborted. */
export async function pruneHourly(daemon: Daemon): Promise<void> {
  const { program, signal, tell } = daemon
  while (!signal.aborted) {
    try {
      await prune(daemon)
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error
      tell({ type: 'log', level: 'warning', text: `the history was not pruned: ${error.message}` })
    }
    await program.clock.sleep(HOUR, signal).catch(() => {})
  }
}

async function prune({ program, current, signal, tell }: Daemon): Promise<void> {
  const { history, clock } = program
  const { keep, older_than } = current().settings.history ?? {}
  if (keep === undefined && older_than === undefined) return
  const ids = history.prune
    .candidates({
      ...(keep === undefined ? {} : { keep }),
      ...(older_than === undefined ? {} : { before: clock.now() - older_than }),
    })
    .map(({ id }) => id)
  let deleted = 0
  while (ids.length > 0 && !signal.aborted) {
    deleted += history.prune.delete(ids.splice(0, AT_ONCE))
    // Requests are answered in between.
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (deleted > 0) tell({ type: 'log', level: 'info', text: `pruned the history: ${plural(deleted, 'execution')}` })
}
