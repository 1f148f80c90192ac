/** Starts policies at the times of their schedules: each time once, whatever the clock does and however the process before this one ended. */

import { describeError } from '../../core/errors.ts'
import { plural } from '../../core/plural.ts'
import { type Policy, schedulesIn } from '../../core/policy.ts'
import { type Schedule, schedulesOf } from '../../core/schedule.ts'
import type { NewScheduleRun, WaitingRun } from '../../history/history.ts'
import type { Daemon, Part, WishEnd } from '../parts.ts'
import { dueBetween } from './due.ts'

/** `catch_up` of a trigger that does not say it, in milliseconds. */
const CATCH_UP = 60 * 60 * 1000
/** What begins later than this after it was due is told as late, in milliseconds. */
const LATE = 60 * 1000
/** The clock is looked at this often at least, as it may be set, or sleep with its machine; in milliseconds. */
const LONGEST_SLEEP = 60 * 1000

/** Until the next try where the history cannot be written, in milliseconds. */
const TROUBLED = 10 * 1000
/** Executions of a policy among which that of a run is looked for whose process ended as it began. */
const LOOKED_AT = 1000

const NOT_RUNNING = '`replicate serve` did not run'
const ASLEEP = 'the machine slept, or its clock was set forward'

interface Timetable {
  readonly policy: string
  readonly entries: readonly Entry[]
  /** The first time that has not been seen to. */
  next: number | undefined
}

interface Entry {
  readonly schedule: Schedule
  readonly catchUp: number
  /** Up to when it has been seen to. */
  handled: number
}

/** All times up to now are seen to. */
interface Coming {
  /** The one that starts an execution. */
  readonly chosen: number | undefined
  /** Runs of an earlier process that have not begun. */
  readonly left: readonly WaitingRun[]
  /** Why the other times start nothing. */
  readonly why: string
}

export function startSchedules(daemon: Daemon): Part {
  const { clock, history } = daemon.program
  const records = history.schedules
  /** By policy: its run that has not begun yet. */
  const waiting = new Map<string, number>()
  let timetables: readonly Timetable[] = []
  let changed = new AbortController()
  /** False until what passed before this process began has been seen to. */
  let isAwake = false
  let isRead = false

  function read(): void {
    const policies = daemon
      .current()
      .configuration.policies.filter(({ enabled, triggers }) => enabled && schedulesIn(triggers).length > 0)
    records.followOnly(policies.map(({ name }) => name))
    timetables = policies.map(timetableOf)
    if (!isAwake) for (const timetable of timetables) makeUp(timetable, clock.now())
    isAwake = true
    isRead = true
  }

  function timetableOf(policy: Policy): Timetable {
    const triggers = schedulesIn(policy.triggers)
    const handled = records.follow(policy.name, triggers)
    const entries = schedulesOf(policy).map((schedule, index) => ({
      schedule,
      catchUp: triggers[index]?.catch_up ?? CATCH_UP,
      handled: handled[index] ?? clock.now(),
    }))
    return { policy: policy.name, entries, next: nextOf(entries) }
  }

  /** What passed before this process began: the last time that is young enough starts an execution. */
  function makeUp(timetable: Timetable, now: number): void {
    const { policy, entries } = timetable
    const left = records.waiting(policy).filter(({ id, noted }) => {
      if (waiting.get(policy) === id) return false
      const begun = history.executions
        .list({ policy, since: noted, limit: LOOKED_AT })
        .findLast(({ trigger }) => trigger === 'schedule')
      if (begun) records.began(id, begun.id)
      return !begun
    })
    const longest = Math.max(...entries.map(({ catchUp }) => catchUp))
    const young = [
      ...left.filter(({ due }) => now - due < longest).map(({ due }) => due),
      ...entries.flatMap(
        ({ schedule, handled, catchUp }) => dueBetween(schedule, Math.max(handled, now - catchUp), now).at(-1) ?? [],
      ),
    ]
    come(timetable, now, { chosen: young.length === 0 ? undefined : Math.max(...young), left, why: NOT_RUNNING })
  }

  /** What came while this process ran, or slept with its machine: the last time starts an execution, however late that is. */
  function look(timetable: Timetable, now: number): void {
    // The clock was set back. Times that come again are known, as they were noted.
    if (timetable.entries.some(({ handled }) => handled > now)) {
      for (const entry of timetable.entries) entry.handled = Math.min(entry.handled, now)
      timetable.next = nextOf(timetable.entries)
    }
    if (timetable.next === undefined || timetable.next > now) return
    const last = timetable.entries.flatMap(({ schedule, handled }) => dueBetween(schedule, handled, now).at(-1) ?? [])
    come(timetable, now, { chosen: Math.max(...last), left: [], why: ASLEEP })
  }

  function come(timetable: Timetable, now: number, { chosen, left, why }: Coming): void {
    const { policy, entries } = timetable
    const found = entries.flatMap(({ schedule, handled }) => dueBetween(schedule, handled, now))
    const times = [...new Set(found)].filter((time) => !records.isNoted(policy, time)).sort((a, b) => a - b)
    const again = left.find(({ due }) => due === chosen)
    const missed = times.filter((time) => time !== chosen)
    const runs: NewScheduleRun[] = []
    const [first] = missed
    if (first !== undefined) {
      const last = missed.at(-1) ?? first
      runs.push({ due: first, last, times: missed.length, outcome: 'missed', reason: why })
    }
    const isNew = chosen !== undefined && times.includes(chosen)
    if (isNew) runs.push(runOf(policy, chosen, now))
    const upTo = entries.map(({ schedule: { text, timezone }, handled }) => ({
      schedule: text,
      timezone,
      handled: Math.max(handled, now),
    }))
    const added = records.see(policy, upTo, runs)
    for (const entry of entries) entry.handled = Math.max(entry.handled, now)
    timetable.next = nextOf(entries)
    for (const run of left) if (run !== again) records.left(run.id, 'missed', why)
    say(policy, missed.length + left.length - (again ? 1 : 0), why)
    const run = again?.id ?? added
    if (run !== undefined) start(policy, run)
  }

  function runOf(policy: string, due: number, now: number): NewScheduleRun {
    const late = now - due > LATE
    if (!waiting.has(policy)) return { due, outcome: 'waiting', late }
    const reason = 'the run before it has not begun yet'
    daemon.tell({ type: 'wish_left', policy, trigger: 'schedule', reason })
    return { due, outcome: 'skipped', late, reason }
  }

  function say(policy: string, missed: number, why: string): void {
    if (missed === 0) return
    const text = `policy ${policy} has missed ${plural(missed, 'scheduled time')}: ${why}; \`replicate schedule past ${policy}\` lists them`
    daemon.tell({ type: 'log', level: 'warning', text })
  }

  function start(policy: string, run: number): void {
    waiting.set(policy, run)
    const over = (): void => {
      if (waiting.get(policy) === run) waiting.delete(policy)
    }
    let began = false
    daemon.executions.wish({
      policy,
      trigger: 'schedule',
      started: ({ id }) => {
        began = true
        over()
        noting(() => records.began(run, id))
      },
      settled: (end) => {
        over()
        // What was dropped is seen to at the next start.
        if (!began && end.kind !== 'dropped') noting(() => records.left(run, 'skipped', whyNot(end)))
      },
    })
  }

  /** A history that cannot be written does not end the schedules: what was not noted is looked at again. False if it could not be written. */
  function noting(work: () => void): boolean {
    try {
      work()
      return true
    } catch (error) {
      daemon.tell({ type: 'log', level: 'error', text: `schedules: ${describeError(error)}` })
      return false
    }
  }

  function lookAtAll(): void {
    const now = clock.now()
    for (const timetable of timetables) look(timetable, now)
  }

  async function run(): Promise<void> {
    while (!daemon.signal.aborted) {
      const failed = (isRead || noting(read)) && noting(lookAtAll) ? 0 : TROUBLED
      const next = Math.min(...timetables.map((timetable) => timetable.next ?? Number.POSITIVE_INFINITY))
      const pause = Math.min(Math.max(next - clock.now(), failed, 1), LONGEST_SLEEP)
      await clock.sleep(pause, AbortSignal.any([daemon.signal, changed.signal])).catch(() => {})
    }
  }

  const ended = daemon.keep('the schedules', run())
  return {
    reloaded() {
      isRead = false
      changed.abort()
      changed = new AbortController()
    },
    ended: () => ended,
  }
}

function nextOf(entries: readonly Entry[]): number | undefined {
  const times = entries.flatMap(({ schedule, handled }) => schedule.after(handled) ?? [])
  return times.length === 0 ? undefined : Math.min(...times)
}

function whyNot(end: WishEnd): string {
  if (end.kind === 'left') return end.reason
  return end.kind === 'ran' ? describeError(end.outcome.error) : 'the process ended'
}
