/** Executions begun again: an ended one is resumed, or its failed tasks become a new one. */

import type { ActionKind } from '../../core/plan.ts'
import { executionStatesBefore, FINAL_EXECUTIONS, type TriggerKind } from '../../core/states.ts'
import type { Database } from '../database/database.ts'
import { anyOf } from '../database/sql.ts'
import type { LockOwner, Locks } from '../locks.ts'

/** What an execution began with. */
export interface Beginning {
  /** The policy as JSON. */
  readonly snapshot: string
  /** Undefined where an older version began it. */
  readonly lock: string | undefined
  readonly origin: string | undefined
  /** Its plan is complete: every task is in the history. */
  readonly prepared: boolean
  /** Tasks that can run again, by status. */
  readonly left: { readonly pending: number; readonly stopped: number; readonly failed: number }
}

export interface Attempts {
  /** Throws for an unknown execution. */
  beginning(id: number): Beginning
  /**
   * Takes the lock and resumes an ended execution: its remaining tasks are pending again. Where the plan is incomplete, its tasks, none of
   * which has run, are deleted, and it prepares again. `undefined` where it cannot be resumed: it has succeeded, or a process runs it.
   * `late`: registries that keep nothing of an interrupted run, whose tasks are therefore done again although they had succeeded.
   */
  resume(
    id: number,
    late?: readonly string[],
  ): { readonly id: number; readonly attempt: number } | { readonly owner: LockOwner } | undefined
  /** Takes the lock and begins an execution of what failed or was stopped in another; its tasks are written. `late`: as of `resume`. */
  retry(
    id: number,
    trigger: TriggerKind,
    late?: readonly string[],
  ): { readonly id: number } | { readonly owner: LockOwner }
}

export function createAttempts(database: Database, locks: Locks, now: () => number): Attempts {
  function lockOf(id: number): string {
    const row = database.get<{ lock_key: string | null }>('SELECT lock_key FROM executions WHERE id = @id', { id })
    return row?.lock_key ?? `execution ${id}`
  }

  return {
    beginning(id) {
      const row = database.get<BeginningRow>(BEGINNING, { id })
      if (!row) throw new Error(`there is no execution ${id}`)
      const { snapshot, lock_key, origin, prepared } = row
      const left = { pending: 0, stopped: 0, failed: 0 }
      for (const { status, count } of database.all<LeftRow>(LEFT, { id })) left[status] = count
      return { snapshot, lock: lock_key ?? undefined, origin: origin ?? undefined, prepared: prepared === 1, left }
    },
    resume: (id, late = []) =>
      database.transaction(() => {
        const lock = lockOf(id)
        const owner = locks.owner(lock)
        if (owner) return { owner }
        database.run(NOT_KEPT, { id, late: JSON.stringify(late) })
        const row = database.get<{ attempts: number; prepared: number }>(RESUME, { id })
        if (!row) return undefined
        database.run(row.prepared === 1 ? PUT_BACK : 'DELETE FROM tasks WHERE execution_id = @id', { id })
        if (row.prepared === 0) database.run('UPDATE executions SET unchanged = 0 WHERE id = @id', { id })
        database.run('DELETE FROM progress WHERE execution_id = @id', { id })
        locks.take(lock, id)
        return { id, attempt: row.attempts }
      }),
    retry: (from, trigger, late = []) =>
      database.transaction(() => {
        const lock = lockOf(from)
        const owner = locks.owner(lock)
        if (owner) return { owner }
        database.run(NOT_KEPT, { id: from, late: JSON.stringify(late) })
        const begun = database.get<{ id: number }>(RETRY, { from, trigger, lock, start: now() })
        if (!begun) throw new Error('SQLite returned no number for a new execution')
        database.run(COPY, { from, id: begun.id })
        locks.take(lock, begun.id)
        return { id: begun.id }
      }),
  }
}

interface BeginningRow {
  readonly snapshot: string
  readonly lock_key: string | null
  readonly origin: string | null
  readonly prepared: number
}

interface LeftRow {
  readonly status: 'pending' | 'stopped' | 'failed'
  readonly count: number
}

const BEGINNING = 'SELECT snapshot, lock_key, origin, prepared FROM executions WHERE id = @id'

/** `keep` has nothing to do, and `blocked` must be planned again. */
const RUNNABLE: readonly ActionKind[] = ['copy', 'update', 'delete']
const IS_LEFT = `status IN ('pending', 'stopped', 'failed') AND ${anyOf(`json_extract(spec, '$.action')`, RUNNABLE)}`

const LEFT = `SELECT status, count(*) AS count FROM tasks WHERE execution_id = @id AND ${IS_LEFT} GROUP BY status`

/** Before the move to another state, which forgets that the execution was interrupted. */
const NOT_KEPT = `
  UPDATE tasks SET status = 'stopped'
  WHERE execution_id = @id AND status = 'succeeded'
    AND spec ->> '$.destination.registry' IN (SELECT value FROM json_each(@late))
    AND (SELECT status FROM executions WHERE id = @id) = 'interrupted'`

const RESUME = `
  UPDATE executions SET status = iif(prepared, 'in_progress', 'preparing'), attempts = attempts + 1, end_time = NULL,
    error = NULL, exit_code = NULL, stop_requested = 0, pause_requested = 0
  WHERE id = @id AND ${anyOf(
    'status',
    FINAL_EXECUTIONS.filter((state) => executionStatesBefore('in_progress').includes(state)),
  )}
  RETURNING attempts, prepared`

/** The repository may exist at the destination by now, so its blobs must be looked up. */
const SPEC = `json_remove(spec, '$.new_repository')`

const PUT_BACK = `
  UPDATE tasks SET status = 'pending', next_attempt_at = NULL, end_time = NULL, spec = ${SPEC}
  WHERE execution_id = @id AND ${IS_LEFT}`

const RETRY = `
  INSERT INTO executions (policy_id, snapshot, trigger_kind, lock_key, origin, status, start_time)
  SELECT policy_id, snapshot, @trigger, @lock, origin, 'preparing', @start FROM executions WHERE id = @from
  RETURNING id`

const COPY = `
  INSERT INTO tasks (execution_id, number, spec, status)
  SELECT @id, row_number() OVER (ORDER BY id), ${SPEC}, 'pending' FROM tasks WHERE execution_id = @from AND status IN ('stopped', 'failed') AND ${IS_LEFT}
  ORDER BY id`
