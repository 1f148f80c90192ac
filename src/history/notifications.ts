/** Which ends of executions still have to be notified, so that each is notified once, by one process. */

import { FINAL_EXECUTIONS } from '../core/states.ts'
import type { Database } from './database/database.ts'
import { anyOf } from './database/sql.ts'

export interface OwedEnd {
  readonly execution: number
  /** From 1 on: a resumed execution has ended before. */
  readonly attempt: number
}

export interface Notifications {
  /** Notes that the execution's end must be notified; again for each attempt. */
  owe(execution: number): void
  /** The ended executions under this execution's lock that were not notified yet, itself included; oldest first. Only for the holder of the
   *  lock: it knows that no other process is about to notify them. */
  owed(execution: number): readonly OwedEnd[]
  /** Notified, or given up. */
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
