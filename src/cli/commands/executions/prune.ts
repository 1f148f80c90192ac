/** `replicate executions prune`: old executions leave the history, and their space is given back. */

import { throwIfAborted } from '../../../core/cancel.ts'
import { ConfigurationError, HistoryError } from '../../../core/errors.ts'
import { formatBytes } from '../../../core/size.ts'
import type { History, Pruned } from '../../../history/history.ts'
import { mayDelete, type YesFlag } from '../../prompt/prompt.ts'
import { plural } from '../../render/format.ts'
import { print, type Session } from '../../session.ts'

export interface PruneFlags extends YesFlag {
  readonly keep?: number
  /** Milliseconds. */
  readonly olderThan?: number
  readonly dryRun?: boolean
}

/** With both, only what both say. */
export async function prune(session: Session, flags: PruneFlags): Promise<number> {
  const { keep, olderThan, dryRun = false } = flags
  if (keep === undefined && olderThan === undefined) {
    throw new ConfigurationError('which executions may go?', {
      hint: 'give --keep 100, --older-than 90d, or both; with --dry-run nothing is deleted',
    })
  }
  const app = await session.app()
  const history = await app.history()
  const old = history.prune.candidates({
    ...(keep === undefined ? {} : { keep }),
    ...(olderThan === undefined ? {} : { before: session.timer.now() - olderThan }),
  })
  const tasks = old.reduce((sum, one) => sum + one.tasks, 0)
  const isAsked = !dryRun && old.length > 0
  if (isAsked && !(await mayDelete(session, `Delete ${whatOf(old, tasks)}?`, flags))) return 0
  const deleted = dryRun ? old.length : await deleteAll(history, old, session.signal)
  if (!dryRun && deleted > 0) {
    await app.record({ verb: 'pruned', noun: 'execution', name: plural(deleted, 'execution'), detail: null })
  }
  const given = dryRun || deleted === 0 ? 0 : spaceOf(history, session)
  const document = { dry_run: dryRun, deleted, tasks, bytes: given ?? 0, executions: old.map(({ id }) => id) }
  print(session, document, () => (session.quiet ? '' : textOf(old, tasks, given, dryRun)))
  return 0
}

/** Tasks deleted at once: what other processes want to write waits for that long. */
const BATCH = 20_000

/** Between batches it can be ended, and others can write. */
async function deleteAll(history: History, old: readonly Pruned[], signal: AbortSignal): Promise<number> {
  let deleted = 0
  let batch: number[] = []
  let tasks = 0
  for (const [index, one] of old.entries()) {
    batch.push(one.id)
    tasks += one.tasks + 1
    if (tasks < BATCH && index < old.length - 1) continue
    deleted += history.prune.delete(batch)
    batch = []
    tasks = 0
    await new Promise((resolve) => setImmediate(resolve))
    throwIfAborted(signal)
  }
  return deleted
}

/** If there is no room to rewrite the file, the executions stay deleted and the file keeps its size. */
function spaceOf(history: History, session: Session): number | undefined {
  try {
    return history.prune.giveSpaceBack()
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error
    session.stderr.write(`warning: the space was not given back: ${error.message}\n`)
    return 0
  }
}

function textOf(old: readonly Pruned[], tasks: number, given: number | undefined, dryRun: boolean): string {
  if (old.length === 0) return 'nothing to delete\n'
  const what = whatOf(old, tasks)
  if (dryRun) return `would delete ${what}\n`
  const space =
    given === undefined
      ? 'the space stays in the file while an execution runs, and is used again'
      : `${formatBytes(given)} given back`
  return `deleted ${what}; ${space}\n`
}

function whatOf(old: readonly Pruned[], tasks: number): string {
  const begun = [old[0], old.at(-1)].map((one) => one?.start_time.slice(0, 10))
  return `${plural(old.length, 'execution')} with ${plural(tasks, 'task')}, begun ${[...new Set(begun)].join(' to ')}`
}
