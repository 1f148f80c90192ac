/** Locks: one execution of a policy at a time across all processes. A lock is taken over from a process that has ended. */

import { LockedError } from '../core/errors.ts'
import { ACTIVE_EXECUTIONS, ACTIVE_TASKS, executionStatesBefore } from '../core/states.ts'
import { type IsAlive, isGone, type ProcessIdentity } from '../process/identity.ts'
import type { Database } from './database/database.ts'
import { anyOf } from './database/sql.ts'

/** The holder of a lock, in words for people. */
export interface LockOwner {
  readonly execution: number
  readonly host: string
  readonly pid: number
}

/** Parameters of SQL. */
export type Holder = Readonly<Record<'machine' | 'pid' | 'process_start', string | number | null>>

export interface Locks {
  /** This process, as parameters of `heldFor`. */
  readonly mine: Holder
  /** The process that holds the lock. A lock whose process has ended is freed first, and its execution marked interrupted. Must run in a
   *  transaction. */
  owner(key: string): LockOwner | undefined
  /** Must run in the transaction that saw no owner. */
  take(key: string, execution: number): void
  /** Renews the lease. False where the lock was lost: another process may be running the policy. */
  heartbeat(execution: number): boolean
  release(execution: number): void
  /** Marks the executions whose process died as interrupted; the tasks that had not ended as stopped. */
  markInterrupted(): void
  /** The executions that `markInterrupted` would mark. */
  abandoned(): readonly number[]
}

interface LockRow {
  readonly key: string
  readonly execution_id: number
  readonly host: string
  readonly machine: string
  readonly pid: number
  readonly process_start: string | null
  readonly expires_at: number
}

type ActiveRow = { readonly execution: number } & (LockRow | { readonly [K in keyof LockRow]: null })

/** How long after its last heartbeat a process that cannot be looked up counts as gone, in milliseconds. */
export const LEASE = 30_000

export function createLocks(database: Database, now: () => number, me: ProcessIdentity, isAlive: IsAlive): Locks {
  const mine: Holder = { machine: me.machine, pid: me.pid, process_start: me.start ?? null }

  function isFree(row: LockRow): boolean {
    const { host, machine, pid, process_start } = row
    const owner: ProcessIdentity = { host, machine, pid, start: process_start ?? undefined }
    return isGone(owner, row.expires_at <= now(), me, isAlive)
  }

  function abandoned(): readonly ActiveRow[] {
    return database.all<ActiveRow>(ACTIVE).filter((row) => row.key === null || isFree(row))
  }

  function interrupt(execution: number, lastSeen: number): void {
    database.run(INTERRUPT, { id: execution, end: lastSeen })
    database.run(STOP, { id: execution, end: lastSeen })
    database.run('DELETE FROM locks WHERE execution_id = @id', { id: execution })
  }

  return {
    mine,
    owner(key) {
      const row = database.get<LockRow>('SELECT * FROM locks WHERE key = @key', { key })
      if (!row) return undefined
      if (!isFree(row)) return { execution: row.execution_id, host: row.host, pid: row.pid }
      interrupt(row.execution_id, row.expires_at - LEASE)
      return undefined
    },
    take(key, execution) {
      database.run(TAKE, { key, execution, host: me.host, ...mine, expires: now() + LEASE })
    },
    heartbeat(execution) {
      return (
        database.run(`UPDATE locks SET expires_at = @expires WHERE ${OURS}`, {
          execution,
          ...mine,
          expires: now() + LEASE,
        }) > 0
      )
    },
    release(execution) {
      database.run(`DELETE FROM locks WHERE ${OURS}`, { execution, ...mine })
    },
    markInterrupted() {
      // First without the write lock: there are many readers, and they rarely find anything to mark.
      if (abandoned().length === 0) return
      database.transaction(() => {
        for (const row of abandoned())
          interrupt(row.execution, row.expires_at === null ? now() : row.expires_at - LEASE)
      })
    },
    abandoned: () => abandoned().map((row) => row.execution),
  }
}

const ACTIVE = `
  SELECT executions.id AS execution, locks.* FROM executions LEFT JOIN locks ON locks.execution_id = executions.id
  WHERE ${anyOf('executions.status', ACTIVE_EXECUTIONS)}`

const STOP = `
  UPDATE tasks SET status = 'stopped', end_time = max(@end, coalesce(start_time, 0)), next_attempt_at = NULL
  WHERE execution_id = @id AND ${anyOf('status', ACTIVE_TASKS)}`

const INTERRUPT = `
  UPDATE executions SET status = 'interrupted', end_time = max(@end, start_time)
  WHERE id = @id AND ${anyOf('status', executionStatesBefore('interrupted'))}`

const TAKE = `
  INSERT INTO locks (key, execution_id, host, machine, pid, process_start, expires_at)
  VALUES (@key, @execution, @host, @machine, @pid, @process_start, @expires)`

/** `IS`, because the start of a process may be unknown. */
const MINE = 'machine = @machine AND pid = @pid AND process_start IS @process_start'

const OURS = `execution_id = @execution AND ${MINE}`

/** SQL: this process holds the lock of the execution whose number is `id`. Whatever writes of a running execution has this condition. */
export function heldFor(id: string): string {
  return `EXISTS (SELECT 1 FROM locks WHERE locks.execution_id = ${id} AND ${MINE})`
}

/** Thrown where a write finds that this process has lost the lock. */
export function takenOver(execution: number): LockedError {
  return new LockedError(`execution ${execution} was taken over by another process`)
}
