/** The daemon of a history: one process at a time, and the executions that it has begun and not ended. */

import { ACTIVE_EXECUTIONS } from '../core/states.ts'
import { type IsAlive, isGone, type ProcessIdentity } from '../process/identity.ts'
import type { Database } from './database/database.ts'
import { anyOf } from './database/sql.ts'
import { LEASE } from './locks.ts'

/** The process that is the daemon. */
export interface DaemonOwner {
  readonly host: string
  readonly pid: number
  /** It can be looked up, and runs. Otherwise it is on another machine or in another container, and counts as gone once it is silent. */
  readonly isHere: boolean
  /** Until when it has said that it lives; milliseconds since 1970. */
  readonly until: number
}

export interface DaemonRecords {
  /** Makes this process the daemon, unless another one is. Call `heartbeat` every few seconds from then on. */
  take(): { readonly owner: DaemonOwner } | undefined
  /** False where another process has become the daemon. */
  heartbeat(): boolean
  release(): void
  /** An execution has ended by itself: no later start resumes it. */
  ended(execution: number): void
  /** What an earlier daemon has left, oldest first: killed or drained in the middle of them. */
  left(): readonly number[]
}

type Row = Omit<ProcessIdentity, 'start'> & { readonly process_start: string | null; readonly expires_at: number }

/** The exit status of an execution that a user has stopped. */
const STOPPED_BY_USER = 4

export function createDaemonRecords(
  database: Database,
  now: () => number,
  me: ProcessIdentity,
  isAlive: IsAlive,
  markInterrupted: () => void,
): DaemonRecords {
  const mine = { machine: me.machine, pid: me.pid, process_start: me.start ?? null }

  return {
    take: () =>
      database.transaction(() => {
        const row = database.get<Row>('SELECT * FROM daemon')
        if (row && !isFree(row)) {
          const { host, pid, expires_at } = row
          return { owner: { host, pid, isHere: row.machine === me.machine, until: expires_at } }
        }
        database.run(TAKE, { host: me.host, ...mine, expires: now() + LEASE })
        return undefined
      }),
    heartbeat: () =>
      database.run(`UPDATE daemon SET expires_at = @expires WHERE ${MINE}`, { ...mine, expires: now() + LEASE }) > 0,
    release: () => void database.run(`DELETE FROM daemon WHERE ${MINE}`, mine),
    ended: (id) => void database.run('DELETE FROM daemon_executions WHERE execution_id = @id', { id }),
    left() {
      markInterrupted()
      return database.transaction(() => {
        database.run(FORGET, { user: STOPPED_BY_USER })
        return database.all<{ id: number }>(LEFT).map(({ id }) => id)
      })
    },
  }

  function isFree({ process_start, expires_at, ...owner }: Row): boolean {
    return isGone({ ...owner, start: process_start ?? undefined }, expires_at <= now(), me, isAlive)
  }
}

const MINE = 'machine = @machine AND pid = @pid AND process_start IS @process_start'

const TAKE = `
  INSERT OR REPLACE INTO daemon (one, host, machine, pid, process_start, expires_at)
  VALUES (1, @host, @machine, @pid, @process_start, @expires)`

/** Its process was killed after the end of the execution, and before it could say so; or a user has stopped it. */
const FORGET = `
  DELETE FROM daemon_executions WHERE execution_id IN (
    SELECT id FROM executions WHERE status = 'succeeded' OR exit_code = @user OR status = 'failed' AND stopped = 0)`

/** Not those that a user resumes right now. */
const LEFT = `
  SELECT execution_id AS id FROM daemon_executions JOIN executions ON executions.id = execution_id
  WHERE NOT ${anyOf('status', ACTIVE_EXECUTIONS)} ORDER BY execution_id`
