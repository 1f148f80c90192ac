/** Executions in the history: begun with the policy's lock, and moved only between states that follow each other. */

import type { Execution, RecordedError } from '../../core/execution.ts'
import {
  type ExecutionStatus,
  endOf,
  executionStatesBefore,
  FINAL_EXECUTIONS,
  isFinal,
  type TriggerKind,
} from '../../core/states.ts'
import type { Database } from '../database/database.ts'
import type { ErrorText } from '../database/recorded-error.ts'
import { anyOf } from '../database/sql.ts'
import { heldFor, type LockOwner, type Locks, takenOver } from '../locks.ts'
import type { ExecutionListing } from './listing.ts'

export interface BeginRequest {
  /** The policy's name. */
  readonly policy: string
  /** The policy as JSON, as it is run: later changes of the file do not rewrite the past. */
  readonly snapshot: string
  readonly trigger: TriggerKind
  /** What may run only once at a time. */
  readonly lock: string
  /** What the program needs to resume it in a later process, as JSON. */
  readonly origin?: string
}

/** What this process writes of an execution whose lock it has lost changes nothing. */
export interface Executions {
  /** Takes the lock and writes the execution as `preparing`, both or neither; else returns the lock's holder. */
  begin(request: BeginRequest): { readonly id: number } | { readonly owner: LockOwner }
  /** False where the execution is not in a state from which `to` may be reached. A move out of a final state begins another attempt. */
  move(id: number, to: ExecutionStatus): boolean
  /** Ends it as its tasks say: any failed, else any stopped, else `otherwise` (default succeeded). An execution that has ended already
   *  stays as it is. Throws a `LockedError` where the lock was lost. */
  finish(id: number, otherwise?: 'succeeded' | 'stopped'): Execution
  /** Ends it as failed for a reason of its own; false where it has ended already. */
  fail(id: number, error: RecordedError): boolean
  /** Adds to the tags that were the same on both sides. */
  addUnchanged(id: number, count: number): void
  /** What was seen and not copied, by what left it out. */
  setLeftBehind(id: number, counts: Readonly<Record<string, number>>): void
  /** Writes the exit status of the process that ran it: the last write of an execution. */
  recordExit(id: number, exitCode: number): void
  /** Undefined while it runs, and where its process could not say it. */
  exitCodeOf(id: number): number | undefined
}

export function createExecutions(
  database: Database,
  locks: Locks,
  { get }: Pick<ExecutionListing, 'get'>,
  now: () => number,
  errorText: ErrorText,
): Executions {
  function move(id: number, to: ExecutionStatus, error: string | null = null): boolean {
    const sql = `UPDATE executions SET status = @to, end_time = @end, error = @error,
      stop_requested = iif(${ENDED}, 0, stop_requested), pause_requested = iif(${ENDED}, 0, pause_requested),
      prepared = iif(status = 'preparing' AND @to = 'in_progress', 1, prepared)
      WHERE id = @id AND ${anyOf('status', executionStatesBefore(to))} AND ${HELD}`
    return database.run(sql, { id, to, end: isFinal(to) ? now() : null, error, ...locks.mine }) > 0
  }

  return {
    begin: ({ policy, snapshot, trigger, lock, origin = null }) =>
      database.transaction(() => {
        const owner = locks.owner(lock)
        if (owner) return { owner }
        database.run('INSERT INTO policies (name) VALUES (@policy) ON CONFLICT DO NOTHING', { policy })
        const begun = database.get<{ id: number }>(BEGIN, {
          policy,
          snapshot,
          trigger,
          lock,
          origin,
          start: now(),
        })
        if (!begun) throw new Error('SQLite returned no number for a new execution')
        locks.take(lock, begun.id)
        return { id: begun.id }
      }),
    move: (id, to) => move(id, to),
    finish: (id, otherwise = 'succeeded') =>
      database.transaction(() => {
        const { failed, stopped, in_progress, status } = get(id)
        if (isFinal(status)) return get(id)
        if (in_progress > 0) throw new Error(`execution ${id} cannot end: ${in_progress} of its tasks have not`)
        const end = endOf({ failed, stopped })
        const to = end === 'succeeded' ? otherwise : end
        if (!move(id, to)) throw takenOver(id)
        return get(id)
      }),
    fail: (id, error) => move(id, 'failed', errorText(error)),
    addUnchanged: (id, count) =>
      void database.run(`UPDATE executions SET unchanged = unchanged + @count WHERE id = @id AND ${HELD}`, {
        id,
        count,
        ...locks.mine,
      }),
    setLeftBehind: (id, counts) =>
      void database.run(`UPDATE executions SET left_behind = @counts WHERE id = @id AND ${HELD}`, {
        id,
        counts: JSON.stringify(counts),
        ...locks.mine,
      }),
    recordExit(id, exitCode) {
      database.transaction(() => {
        database.run(`DELETE FROM progress WHERE execution_id = @id AND ${HELD}`, { id, ...locks.mine })
        database.run(`UPDATE executions SET exit_code = @exitCode WHERE id = @id AND ${HELD}`, {
          id,
          exitCode,
          ...locks.mine,
        })
      })
    },
    exitCodeOf: (id) =>
      database.get<{ code: number | null }>('SELECT exit_code AS code FROM executions WHERE id = @id', { id })?.code ??
      undefined,
  }
}

const BEGIN = `
  INSERT INTO executions (policy_id, snapshot, trigger_kind, lock_key, origin, status, start_time)
  VALUES ((SELECT id FROM policies WHERE name = @policy), @snapshot, @trigger, @lock, @origin, 'preparing', @start)
  RETURNING id`

const ENDED = anyOf('status', FINAL_EXECUTIONS)

const HELD = heldFor('@id')
