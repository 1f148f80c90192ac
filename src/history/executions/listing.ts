/** Executions as they are shown: one, many with the newest first, or by what people call them. */

import type { Day } from '../../core/days.ts'
import { HistoryError } from '../../core/errors.ts'
import { type Execution, logPath } from '../../core/execution.ts'
import { ACTIVE_EXECUTIONS, type ExecutionStatus, FINAL_EXECUTIONS, type TriggerKind } from '../../core/states.ts'
import type { Database } from '../database/database.ts'
import { readError } from '../database/recorded-error.ts'
import { anyOf, formatTime } from '../database/sql.ts'
import type { Locks } from '../locks.ts'

export interface ExecutionFilter {
  readonly policy?: string
  readonly status?: ExecutionStatus
  /** Begun at or after this; milliseconds since 1970. */
  readonly since?: number
  /** Default 100. */
  readonly limit?: number
}

/** A part of a list, and how long the whole is. */
export interface Page<T> {
  readonly rows: readonly T[]
  readonly total: number
}

export interface PageRequest<F extends string> {
  readonly order: F
  readonly descending: boolean
  readonly offset: number
  readonly limit: number
}

export interface ExecutionPageRequest extends PageRequest<'id' | 'start_time' | 'end_time' | 'bytes_copied'> {
  readonly policy?: string | undefined
  /** `active`: a process works on it. */
  readonly status?: ExecutionStatus | 'active' | undefined
  readonly trigger?: TriggerKind | undefined
}

/** Of the executions that began on a day. */
export interface DayStatistics {
  readonly day: string
  readonly executions: number
  readonly succeeded: number
  readonly failed: number
  /** Interrupted ones too. */
  readonly stopped: number
  readonly active: number
  /** Bytes that were copied. */
  readonly bytes: number
}

export interface ExecutionListing {
  /** Throws a `HistoryError` for an unknown execution. */
  get(id: number): Execution
  find(id: number): Execution | undefined
  /** Newest first. */
  list(filter?: ExecutionFilter): readonly Execution[]
  page(request: ExecutionPageRequest): Page<Execution>
  /** What each day was like, in the order given. */
  days(days: readonly Day[]): readonly DayStatistics[]
  /** The newest of a policy. */
  lastOf(policy: string): Execution | undefined
  /** The newest of a policy that has ended, with this status where one is given. */
  lastEnded(policy: string, status?: ExecutionStatus): Execution | undefined
  /** The name of the policy that executions show as this `policy_id`. */
  policyNumbered(id: number): string | undefined
  /** The number that `12`, `last` or `last:POLICY` means. Throws a `HistoryError` for an unknown execution. */
  resolveId(text: string): number
}

interface ExecutionRow
  extends Omit<
    Execution,
    'total' | 'in_progress' | 'left_behind' | 'start_time' | 'end_time' | 'duration_ms' | 'logs' | 'error'
  > {
  /** JSON. */
  readonly left_behind: string
  readonly pending: number
  readonly running: number
  readonly start_time: number
  readonly end_time: number | null
  readonly error: string | null
}

export function createExecutionListing(database: Database, locks: Locks): ExecutionListing {
  /** Executions whose process has died: marked so in a history that can be written, else returned, so that no reader sees them as running. */
  function abandoned(): string {
    if (database.readonly) return JSON.stringify(locks.abandoned())
    locks.markInterrupted()
    return '[]'
  }

  function list({ policy, status, since, limit = 100 }: ExecutionFilter = {}): readonly Execution[] {
    const parameters = {
      abandoned: abandoned(),
      policy: policy ?? null,
      status: status ?? null,
      since: since ?? null,
      limit,
    }
    return database.all<ExecutionRow>(LIST, parameters).map(toExecution)
  }

  function find(id: number): Execution | undefined {
    const row = database.get<ExecutionRow>(ONE, { abandoned: abandoned(), id })
    return row && toExecution(row)
  }

  function get(id: number): Execution {
    const found = find(id)
    if (found) return found
    throw missing(`there is no execution ${id} in the history`)
  }

  return {
    find,
    get,
    list,
    page({ policy, status, trigger, order, descending, offset, limit }) {
      const statuses = status === 'active' ? ACTIVE_EXECUTIONS : status === undefined ? undefined : [status]
      const given = {
        abandoned: abandoned(),
        policy: policy ?? null,
        statuses: statuses ? JSON.stringify(statuses) : null,
        trigger: trigger ?? null,
      }
      const way = descending ? 'DESC' : 'ASC'
      const rows = database.all<ExecutionRow>(
        `SELECT * FROM (${SHOWN}) ${MATCHING} ORDER BY ${order} ${way}, id ${way} LIMIT @limit OFFSET @offset`,
        { ...given, limit, offset },
      )
      const { total = 0 } =
        database.get<{ total: number }>(`SELECT count(*) AS total FROM (${SHOWN}) ${MATCHING}`, given) ?? {}
      return { rows: rows.map(toExecution), total }
    },
    days: (days) => database.all<DayStatistics>(DAYS, { abandoned: abandoned(), days: JSON.stringify(days) }),
    lastOf: (policy) => list({ policy, limit: 1 })[0],
    lastEnded(policy, status) {
      const row = database.get<ExecutionRow>(LAST_ENDED, { abandoned: '[]', policy, status: status ?? null })
      return row && toExecution(row)
    },
    policyNumbered: (id) => database.get<{ name: string }>('SELECT name FROM policies WHERE id = @id', { id })?.name,
    resolveId(text) {
      const [, policy] = /^last(?::(.+))?$/.exec(text) ?? []
      if (text === 'last' || policy !== undefined) {
        const last = list({ ...(policy === undefined ? {} : { policy }), limit: 1 })[0]
        if (last) return last.id
        if (policy !== undefined) throw missing(`the history has no execution of policy ${policy}`)
        throw new HistoryError('the history is empty', { hint: 'run something: replicate run policy.yaml' })
      }
      if (!/^[1-9]\d{0,14}$/.test(text)) {
        throw missing(`${text} is not an execution: give its number, \`last\` or \`last:POLICY\``)
      }
      return get(Number(text)).id
    },
  }
}

function toExecution(row: ExecutionRow): Execution {
  const { id, policy_id, policy, status, trigger, succeed, failed, skipped, unchanged } = row
  const { bytes_copied, bytes_mounted, bytes_present, start_time, end_time } = row
  const left = row.pending + row.running
  // In a history that cannot be written its tasks are still as its process left them.
  const isDead = status === 'interrupted'
  const stopped = isDead ? row.stopped + left : row.stopped
  const in_progress = isDead ? 0 : left
  return {
    id,
    policy_id,
    policy,
    status,
    trigger,
    total: succeed + failed + in_progress + stopped + skipped,
    succeed,
    failed,
    in_progress,
    stopped,
    skipped,
    unchanged,
    left_behind: JSON.parse(row.left_behind),
    bytes_copied,
    bytes_mounted,
    bytes_present,
    start_time: formatTime(start_time),
    end_time: end_time === null ? null : formatTime(end_time),
    duration_ms: end_time === null ? null : end_time - start_time,
    logs: logPath(id),
    error: readError(row.error),
  }
}

function missing(message: string): HistoryError {
  return new HistoryError(message, { missing: true, hint: '`replicate executions list` shows them' })
}

const SHOWN = `
  SELECT executions.id AS id, policy_id, policies.name AS policy, trigger_kind AS "trigger",
    iif(executions.id IN (SELECT value FROM json_each(@abandoned)), 'interrupted', status) AS status,
    pending, running, succeed, failed, stopped, skipped, unchanged, left_behind, bytes_copied, bytes_mounted,
    bytes_present, start_time, end_time, error
  FROM executions JOIN policies ON policies.id = policy_id`

const MATCHING = `WHERE (@policy IS NULL OR policy = @policy)
  AND (@statuses IS NULL OR status IN (SELECT value FROM json_each(@statuses)))
  AND (@trigger IS NULL OR "trigger" = @trigger)`

const ONE = `${SHOWN} WHERE executions.id = @id`

const LAST_ENDED = `${SHOWN}
  WHERE policy_id = (SELECT id FROM policies WHERE name = @policy) AND ${anyOf('executions.status', FINAL_EXECUTIONS)}
    AND (@status IS NULL OR executions.status = @status) ORDER BY executions.id DESC LIMIT 1`

const LIST = `
  SELECT * FROM (${SHOWN}) WHERE (@policy IS NULL OR policy = @policy) AND (@status IS NULL OR status = @status)
    AND (@since IS NULL OR start_time >= @since) ORDER BY id DESC LIMIT @limit`

const DAYS = `
  SELECT days.value ->> '$.day' AS day, count(executions.id) AS executions,
    count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE state = 'failed') AS failed,
    count(*) FILTER (WHERE state IN ('stopped', 'interrupted')) AS stopped,
    count(*) FILTER (WHERE ${anyOf('state', ACTIVE_EXECUTIONS)}) AS active,
    coalesce(sum(bytes_copied), 0) AS bytes
  FROM json_each(@days) AS days LEFT JOIN (
    SELECT id, start_time, bytes_copied,
      iif(id IN (SELECT value FROM json_each(@abandoned)), 'interrupted', status) AS state
    FROM executions
  ) AS executions ON start_time >= days.value ->> '$.from' AND start_time < days.value ->> '$.to'
  GROUP BY days.key ORDER BY days.key`
