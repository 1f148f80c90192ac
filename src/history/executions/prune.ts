/** Deletes ended executions with their tasks and logs, and gives the space back. */

import { statSync } from 'node:fs'
import { FINAL_EXECUTIONS } from '../../core/states.ts'
import type { Database } from '../database/database.ts'
import { anyOf, formatTime } from '../database/sql.ts'
import type { Locks } from '../locks.ts'

/** At least one of them; with both, an execution must meet both. */
export interface PruneFilter {
  /** All but this many of the newest. */
  readonly keep?: number
  /** Begun before this; milliseconds since 1970. */
  readonly before?: number
}

/** An execution that may be deleted. */
export interface Pruned {
  readonly id: number
  readonly policy: string
  /** RFC 3339, UTC. */
  readonly start_time: string
  readonly tasks: number
}

export interface Prune {
  /** Oldest first; never a running one. */
  candidates(filter: PruneFilter): readonly Pruned[]
  /** Deletes all of them in one transaction, except those that run again by now; returns how many. Takes up to a second for 100,000 tasks. */
  delete(ids: readonly number[]): number
  /** Returns unused space to the file system; the result is in bytes. Undefined while an execution runs, which this would block: the space
   *  stays in the file and is used again. */
  giveSpaceBack(): number | undefined
}

export function createPrune(database: Database, { markInterrupted }: Pick<Locks, 'markInterrupted'>): Prune {
  return {
    candidates({ keep = 0, before = Number.MAX_SAFE_INTEGER }) {
      markInterrupted()
      return database
        .all<Omit<Pruned, 'start_time'> & { readonly start_time: number }>(PRUNABLE, { keep, before })
        .map((row) => ({ ...row, start_time: formatTime(row.start_time) }))
    },
    delete: (ids) =>
      database.run(`DELETE FROM executions WHERE id IN (SELECT value FROM json_each(@ids)) AND ${ENDED}`, {
        ids: JSON.stringify(ids),
      }),
    giveSpaceBack() {
      if (database.get(`SELECT 1 FROM executions WHERE NOT (${ENDED}) LIMIT 1`)) return undefined
      const before = sizeOf(database.file)
      database.exec('VACUUM')
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      return Math.max(0, before - sizeOf(database.file))
    },
  }
}

/** With the log of recent writes beside it. */
function sizeOf(file: string): number {
  return [file, `${file}-wal`].reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0)
}

/** An ended execution may still be locked by the process that writes its last lines. */
const ENDED = `${anyOf('executions.status', FINAL_EXECUTIONS)}
    AND executions.id NOT IN (SELECT execution_id FROM locks)`

const PRUNABLE = `
  SELECT executions.id AS id, policies.name AS policy, start_time,
    pending + running + succeed + failed + stopped + skipped AS tasks
  FROM executions JOIN policies ON policies.id = policy_id
  WHERE ${ENDED} AND start_time < @before AND executions.id NOT IN (SELECT id FROM executions ORDER BY id DESC LIMIT @keep)
  ORDER BY executions.id`
