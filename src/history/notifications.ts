/** Which ends of executions somebody is to be told of, so that each is told, and by one process only. */

import { FINAL_EXECUTIONS } from '../core/states.ts'
import type { Database } from './database/database.ts'
import { anyOf } from './database/sql.ts'

export interface OwedEnd {
  readonly execution: number
  /** From 1 on: an execution that went on has ended before. */
  readonly attempt: number
}

export interface Notifications {
  /** The execution's end is to be told; also anew, where it goes on. */
  owe(execution: number): void
  /** What has ended untold of all that shares the lock of this execution, itself included; oldest first. Only for the one that holds the
   *  lock: what others still run has not ended, and who died has told nobody. */
  owed(execution: number): readonly OwedEnd[]
  /** Told, or given up. */
  settle(execution: number): void
}

export function createNotifications(database: Database, now: () => number): Notifications {
  return {
    owe: (execution) => void database.run(OWE, { execution }),
    owed: (execution) => database.all<OwedEnd>(OWED, { execution }),
    settle: (execution) =>
      void database.run('UPDATE notifications SET settled_at = @now WHERE execution_id = @execution', {
        execution,
        now: now(),
      }),
  }
}

const OWE = `
  INSERT INTO notifications (execution_id) VALUES (@execution)
  ON CONFLICT DO UPDATE SET settled_at = NULL`

const OWED = `
  SELECT executions.id AS execution, executions.attempts AS attempt
  FROM notifications JOIN executions ON executions.id = execution_id
  WHERE settled_at IS NULL AND ${anyOf(
    'status',
    FINAL_EXECUTIONS.filter((state) => state !== 'interrupted'),
  )}
    AND lock_key = (SELECT lock_key FROM executions WHERE id = @execution)
  ORDER BY executions.id`
