/** Tasks in the history: added in bulk, taken a page at a time, ended once. */

import type { Digest } from '../../core/descriptor.ts'
import type { Moved, RecordedError, Task } from '../../core/execution.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { type TaskStatus, taskStatesBefore } from '../../core/states.ts'
import type { Database } from '../database/database.ts'
import type { ErrorText } from '../database/recorded-error.ts'
import { anyOf } from '../database/sql.ts'
import { heldFor, type Locks, takenOver } from '../locks.ts'
import { readSpec, type TaskRow, toTask } from './listing.ts'

/** A task for this process to run now. */
export interface PendingTask {
  /** Names it to `finish` and `putBack`. */
  readonly id: number
  /** Within its execution: what people know it by. */
  readonly number: number
  readonly spec: TaskSpec
  /** Including the one that begins now. */
  readonly attempts: number
}

export interface TaskEnd {
  readonly moved?: Moved
  readonly error?: RecordedError
  /** What was written, where that is not the digest of the task. */
  readonly written?: Digest
  /** Of an index, what it was copied for. */
  readonly platforms?: readonly string[]
}

/** What this process writes of an execution whose lock it has lost changes nothing. */
export interface Tasks {
  /** Without `status` the action says it: what is kept is skipped, what is blocked has failed with its reason, all else is pending. Throws a
   *  `LockedError` where the lock was lost. */
  add(execution: number, specs: readonly TaskSpec[], status?: TaskStatus): void
  /** Moves up to `limit` tasks that are due at `time` (milliseconds since 1970) to in_progress, lowest number first; of one kind: deletes
   *  begin only when all else has ended. `destination`: only those that go to the registry of this name. */
  takePending(
    execution: number,
    limit: number,
    time: number,
    kind?: TaskKind,
    destination?: string,
  ): readonly PendingTask[]
  /** Moves this one to in_progress, where it is due at `time` and no more has to be found out before it is copied. */
  takeOne(execution: number, task: number, time: number): PendingTask | undefined
  /** When the first of the tasks that were put back is due, in milliseconds since 1970. */
  nextAttemptAt(execution: number, kind?: TaskKind, destination?: string): number | undefined
  /** The task as it has ended; undefined where it may not move there: it has ended already, or the lock was lost. What was moved adds to what
   *  earlier attempts moved. */
  finish(id: number, status: 'succeeded' | 'failed' | 'stopped', end?: TaskEnd): Task | undefined
  /** Adds to what a running task has moved. */
  addMoved(id: number, moved: Moved): void
  /** Puts a task back until `nextAttemptAt`; false where it is not being run. */
  putBack(id: number, nextAttemptAt: number, error: RecordedError, moved?: Moved): boolean
  /** Ends as stopped all tasks that have not begun; returns how many. */
  stopPending(execution: number): number
  /** Ends as stopped all tasks that have not ended. Call it only when none of them is running. */
  stopRest(execution: number): number
  /** Ends otherwise what had succeeded at a destination since `since`, as the destination could not keep it; returns how many. */
  takeBack(
    execution: number,
    registry: string,
    status: 'failed' | 'stopped',
    since: number,
    error: RecordedError,
  ): number
  /** Ends as skipped, with the reason, all deletes that have not begun; returns how many. */
  skipDeletes(execution: number, reason: RecordedError): number
}

interface PendingRow extends Omit<PendingTask, 'spec'> {
  readonly spec: string
}

/** Default `transfer`. */
export type TaskKind = 'transfer' | 'delete'

const BATCH = 1000
const NOTHING: Moved = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }

export function createTasks(
  database: Database,
  { mine }: Pick<Locks, 'mine'>,
  now: () => number,
  errorText: ErrorText,
): Tasks {
  function insert(execution: number, spec: TaskSpec, status: TaskStatus): void {
    const error = status === 'failed' ? errorText(reasonOf(spec)) : null
    const end = status === 'pending' ? null : now()
    const added = database.run(ADD, { execution, spec: JSON.stringify(spec), status, end, error, ...mine })
    if (added === 0) throw takenOver(execution)
  }
  return {
    add(execution, specs, status) {
      for (let at = 0; at < specs.length; at += BATCH) {
        database.transaction(() => {
          for (const spec of specs.slice(at, at + BATCH)) insert(execution, spec, status ?? firstStatus(spec))
        })
      }
    },
    takePending(execution, limit, time, kind = 'transfer', destination) {
      if (limit <= 0) return []
      const rows = database.all<PendingRow>(TAKE[kind], {
        execution,
        limit,
        time,
        destination: destination ?? null,
        ...mine,
      })
      return rows.map(({ spec, ...row }) => ({ ...row, spec: readSpec(spec) })).sort((a, b) => a.id - b.id)
    },
    takeOne(execution, task, time) {
      const row = database.get<PendingRow>(TAKE_ONE, { execution, task, time, ...mine })
      return row && { ...row, spec: readSpec(row.spec) }
    },
    nextAttemptAt: (execution, kind = 'transfer', destination) =>
      database.get<{ at: number | null }>(NEXT[kind], { execution, destination: destination ?? null })?.at ?? undefined,
    finish(id, status, { moved = NOTHING, error, written, platforms = [] } = {}) {
      const noted = { ...(written ? { written } : {}), ...(platforms.length > 0 ? { platforms } : {}) }
      const end = {
        end: now(),
        error: error ? errorText(error) : null,
        noted: Object.keys(noted).length > 0 ? JSON.stringify(noted) : null,
      }
      const row = database.get<TaskRow>(FINISH[status], { id, ...moved, ...end, ...mine })
      return row && toTask(row)
    },
    addMoved: (id, moved) => void database.run(ADD_MOVED, { id, ...moved, ...mine }),
    putBack: (id, nextAttemptAt, error, moved = NOTHING) =>
      database.run(RETRY, { id, ...moved, next: nextAttemptAt, error: errorText(error), ...mine }) > 0,
    stopPending: (execution) => database.run(`${STOP} AND status = 'pending'`, { execution, end: now(), ...mine }),
    stopRest: (execution) =>
      database.run(`${STOP} AND ${anyOf('status', taskStatesBefore('stopped'))}`, { execution, end: now(), ...mine }),
    takeBack: (execution, registry, status, since, error) =>
      database.run(TAKE_BACK, { execution, registry, status, since, error: errorText(error), ...mine }),
    skipDeletes: (execution, reason) =>
      database.run(SKIP, { execution, end: now(), error: errorText(reason), ...mine }),
  }
}

function firstStatus({ action }: TaskSpec): TaskStatus {
  if (action === 'keep') return 'skipped'
  return action === 'blocked' ? 'failed' : 'pending'
}

function reasonOf({ reason, reason_code, reason_kind: kind, hint }: TaskSpec): RecordedError {
  return {
    code: reason_code ?? 'blocked',
    ...(kind === undefined ? {} : { kind }),
    message: reason ?? 'blocked',
    ...(hint === undefined ? {} : { hint }),
  }
}

const HELD = heldFor('@execution')

const ADD = `
  INSERT INTO tasks (execution_id, number, spec, status, end_time, error)
  SELECT id, pending + running + succeed + failed + stopped + skipped + 1, @spec, @status, @end, @error
  FROM executions WHERE id = @execution AND ${HELD}`

const KIND = { transfer: `spec ->> '$.action' IS NOT 'delete'`, delete: `spec ->> '$.action' = 'delete'` } as const

const TO = `(@destination IS NULL OR spec ->> '$.destination.registry' = @destination)`

const BEGIN = `
  UPDATE tasks SET status = 'in_progress', attempts = attempts + 1, next_attempt_at = NULL, end_time = NULL,
    start_time = coalesce(start_time, @time)`

const take = (kind: TaskKind): string => `${BEGIN}
  WHERE id IN (
    SELECT id FROM tasks WHERE execution_id = @execution AND status = 'pending' AND ${HELD}
      AND (next_attempt_at IS NULL OR next_attempt_at <= @time) AND ${KIND[kind]} AND ${TO} ORDER BY number LIMIT @limit
  ) RETURNING id, number, spec, attempts`

const TAKE = { transfer: take('transfer'), delete: take('delete') }

const TAKE_ONE = `${BEGIN}
  WHERE execution_id = @execution AND number = @task AND status = 'pending' AND ${HELD}
    AND (next_attempt_at IS NULL OR next_attempt_at <= @time) AND ${KIND.transfer}
    AND spec ->> '$.digest' IS NOT NULL AND spec ->> '$.unresolved' IS NULL AND spec ->> '$.referrers_only' IS NULL
  RETURNING id, number, spec, attempts`

const next = (kind: TaskKind): string => `
  SELECT min(next_attempt_at) AS at FROM tasks
  WHERE execution_id = @execution AND status = 'pending' AND next_attempt_at IS NOT NULL AND ${KIND[kind]} AND ${TO}`

const NEXT = { transfer: next('transfer'), delete: next('delete') }

const HELD_TASK = heldFor('tasks.execution_id')

const MOVED = `bytes_copied = bytes_copied + @bytes_copied, bytes_mounted = bytes_mounted + @bytes_mounted,
    bytes_present = bytes_present + @bytes_present`

function ending(to: 'succeeded' | 'failed' | 'stopped'): string {
  return `UPDATE tasks SET status = '${to}', end_time = @end, error = @error, next_attempt_at = NULL, ${MOVED},
    spec = CASE WHEN @noted IS NULL THEN spec ELSE json_patch(spec, @noted) END
    WHERE id = @id AND ${anyOf('status', taskStatesBefore(to))} AND ${HELD_TASK} RETURNING *`
}

const FINISH = { succeeded: ending('succeeded'), failed: ending('failed'), stopped: ending('stopped') }

const ADD_MOVED = `UPDATE tasks SET ${MOVED} WHERE id = @id AND status = 'in_progress' AND ${HELD_TASK}`

const RETRY = `
  UPDATE tasks SET status = 'pending', next_attempt_at = @next, error = @error, ${MOVED}
  WHERE id = @id AND status = 'in_progress' AND ${HELD_TASK}`

const STOP = `
  UPDATE tasks SET status = 'stopped', end_time = @end, next_attempt_at = NULL
  WHERE execution_id = @execution AND ${HELD}`

/** The one move out of `succeeded`: it was not true yet. */
const TAKE_BACK = `
  UPDATE tasks SET status = @status, error = @error
  WHERE execution_id = @execution AND ${HELD} AND status = 'succeeded' AND end_time >= @since
    AND spec ->> '$.destination.registry' = @registry`

const SKIP = `
  UPDATE tasks SET status = 'skipped', end_time = @end, error = @error, next_attempt_at = NULL
  WHERE execution_id = @execution AND ${HELD} AND ${anyOf('status', taskStatesBefore('skipped'))} AND ${KIND.delete}`
