/** Which times of schedules have been seen to, and what became of them: what lets no time be lost or counted twice, however a process ends. */

import type { Database } from './database/database.ts'
import { formatTime } from './database/sql.ts'
import type { Page } from './executions/listing.ts'

/** What tells a schedule from the others of its policy. */
export interface ScheduleKey {
  readonly schedule: string
  /** Absent: the machine's. */
  readonly timezone?: string | undefined
}

/** `waiting`: its execution has not begun yet. `skipped`: the policy still ran. `missed`: nothing could start it when it was due. */
export type ScheduleOutcome = 'waiting' | 'started' | 'skipped' | 'missed'

export interface NewScheduleRun {
  /** Milliseconds since 1970, as all times here. */
  readonly due: number
  /** The last of several times; default `due`. */
  readonly last?: number
  /** Default 1. */
  readonly times?: number
  readonly outcome: ScheduleOutcome
  /** Begun later than it was due. */
  readonly late?: boolean
  readonly reason?: string
}

/** What people see of it, and its JSON. Times are RFC 3339, in UTC. */
export interface ScheduleRun {
  readonly policy: string
  readonly due: string
  /** The last of several times that became the same. */
  readonly last: string
  readonly times: number
  readonly outcome: ScheduleOutcome | 'caught_up'
  readonly execution: number | null
  readonly reason: string | null
}

export interface WaitingRun {
  readonly id: number
  readonly due: number
  /** When it was written down. */
  readonly noted: number
}

export interface ScheduleRuns {
  /** Up to when each schedule has been seen to, in the order given. One that is not known yet begins now; others of the policy are forgotten. */
  follow(policy: string, schedules: readonly ScheduleKey[]): readonly number[]
  /** Forgets the schedules of all other policies, and what waits of them. What became of their times stays for 90 days. */
  followOnly(policies: readonly string[]): void
  /** Sees to all schedules of a policy up to a time each, and notes what becomes of those times: both or neither. The result is the number
   *  of the run that waits, if one does. */
  see(
    policy: string,
    upTo: readonly (ScheduleKey & { readonly handled: number })[],
    runs: readonly NewScheduleRun[],
  ): number | undefined
  /** Whether that time of the policy was noted before. */
  isNoted(policy: string, due: number): boolean
  /** Runs of a policy whose executions have not begun: those of a process that ended, at its start. */
  waiting(policy: string): readonly WaitingRun[]
  began(run: number, execution: number): void
  /** It will not begin. */
  left(run: number, outcome: 'skipped' | 'missed', reason: string): void
  /** The newest last. Of all policies, or of those named. */
  past(policies: readonly string[] | undefined, count: number): readonly ScheduleRun[]
  /** The newest first. */
  page(request: {
    readonly policy?: string | undefined
    readonly offset: number
    readonly limit: number
  }): Page<ScheduleRun>
}

/** How many runs of each policy are kept. */
const KEPT = 500
/** For how long those of policies that have no schedule any more are kept, in milliseconds. */
const KEPT_OF_OTHERS = 90 * 24 * 60 * 60 * 1000

export function createScheduleRuns(database: Database, now: () => number): ScheduleRuns {
  return {
    follow: (policy, schedules) =>
      database.transaction(() => {
        const known = new Map(
          database
            .all<Mark>('SELECT schedule, timezone, handled FROM schedules WHERE policy = @policy', { policy })
            .map((mark) => [keyOf(mark), mark.handled]),
        )
        const wanted = new Map(schedules.map((each) => [keyOf(each), each]))
        for (const [key, each] of wanted) {
          if (!known.has(key)) database.run(MARK, { policy, ...columns(each), handled: now() })
        }
        for (const key of known.keys()) {
          if (!wanted.has(key)) database.run(UNMARK, { policy, ...keyColumns(key) })
        }
        return schedules.map((each) => known.get(keyOf(each)) ?? now())
      }),
    followOnly: (names) =>
      database.transaction(() => {
        const policies = JSON.stringify(names)
        database.run(`DELETE FROM schedules WHERE ${OF_OTHERS}`, { policies })
        database.run(GIVE_UP, { policies, reason: 'the policy has no schedule any more' })
        database.run(`DELETE FROM schedule_runs WHERE ${OF_OTHERS} AND time < @before`, {
          policies,
          before: now() - KEPT_OF_OTHERS,
        })
      }),
    see: (policy, upTo, runs) =>
      database.transaction(() => {
        for (const { handled, ...key } of upTo) database.run(MARK, { policy, ...columns(key), handled })
        let waits: number | undefined
        for (const { due, last = due, times = 1, outcome, late = false, reason = null } of runs) {
          const row = { policy, due, last, times, outcome, late: Number(late), reason, time: now() }
          const added = database.get<{ id: number }>(ADD, row)
          if (outcome === 'waiting') waits = added?.id
        }
        if (runs.length > 0) database.run(FORGET, { policy, kept: KEPT })
        return waits
      }),
    isNoted: (policy, due) => database.get(NOTED, { policy, due }) !== undefined,
    waiting: (policy) =>
      database.all<WaitingRun>(
        `SELECT id, due, time AS noted FROM schedule_runs WHERE outcome = 'waiting' AND policy = @policy ORDER BY id`,
        { policy },
      ),
    began: (run, execution) =>
      void database.run(`UPDATE schedule_runs SET outcome = 'started', execution_id = @execution WHERE id = @run`, {
        run,
        execution,
      }),
    left: (run, outcome, reason) =>
      void database.run(`UPDATE schedule_runs SET outcome = @outcome, reason = @reason WHERE id = @run`, {
        run,
        outcome,
        reason,
      }),
    past: (policies, count) =>
      database
        .all<Row>(PAST, { policies: policies === undefined ? null : JSON.stringify(policies), count, offset: 0 })
        .toReversed()
        .map(toRun),
    page({ policy, offset, limit }) {
      const policies = policy === undefined ? null : JSON.stringify([policy])
      const rows = database.all<Row>(PAST, { policies, count: limit, offset })
      const { total = 0 } = database.get<{ total: number }>(COUNT, { policies }) ?? {}
      return { rows: rows.map(toRun), total }
    },
  }
}

interface Mark {
  readonly schedule: string
  readonly timezone: string
  readonly handled: number
}

interface Row {
  readonly policy: string
  readonly due: number
  readonly last: number
  readonly times: number
  readonly outcome: ScheduleOutcome
  readonly late: number
  readonly execution: number | null
  readonly reason: string | null
}

function toRun({ due, last, outcome, late, ...rest }: Row): ScheduleRun {
  return {
    policy: rest.policy,
    due: formatTime(due),
    last: formatTime(last),
    times: rest.times,
    outcome: outcome === 'started' && late === 1 ? 'caught_up' : outcome,
    execution: rest.execution,
    reason: rest.reason,
  }
}

function columns({ schedule, timezone = '' }: ScheduleKey): { readonly schedule: string; readonly timezone: string } {
  return { schedule, timezone }
}

function keyOf({ schedule, timezone = '' }: ScheduleKey): string {
  return `${timezone}\n${schedule}`
}

function keyColumns(key: string): { readonly schedule: string; readonly timezone: string } {
  const at = key.indexOf('\n')
  return { schedule: key.slice(at + 1), timezone: key.slice(0, at) }
}

const OF_OTHERS = 'policy NOT IN (SELECT value FROM json_each(@policies))'

const GIVE_UP = `
  UPDATE schedule_runs SET outcome = 'missed', reason = @reason WHERE outcome = 'waiting' AND ${OF_OTHERS}`

const MARK = `
  INSERT INTO schedules (policy, schedule, timezone, handled) VALUES (@policy, @schedule, @timezone, @handled)
  ON CONFLICT DO UPDATE SET handled = excluded.handled`

const UNMARK = 'DELETE FROM schedules WHERE policy = @policy AND schedule = @schedule AND timezone = @timezone'

const ADD = `
  INSERT INTO schedule_runs (policy, due, last, times, outcome, late, reason, time)
  VALUES (@policy, @due, @last, @times, @outcome, @late, @reason, @time) RETURNING id`

const FORGET = `
  DELETE FROM schedule_runs WHERE policy = @policy AND outcome <> 'waiting'
    AND id <= (SELECT id FROM schedule_runs WHERE policy = @policy ORDER BY id DESC LIMIT 1 OFFSET @kept)`

const NOTED = 'SELECT 1 FROM schedule_runs WHERE policy = @policy AND due <= @due AND last >= @due'

const OF = 'WHERE @policies IS NULL OR policy IN (SELECT value FROM json_each(@policies))'

const PAST = `
  SELECT policy, due, last, times, outcome, late, execution_id AS execution, reason FROM schedule_runs
  ${OF} ORDER BY id DESC LIMIT @count OFFSET @offset`

const COUNT = `SELECT count(*) AS total FROM schedule_runs ${OF}`
