/** Which times of schedules start executions, while the daemon runs, sleeps, is down, or is told of other schedules. */

import { describe, expect, test } from 'vitest'
import { comingRuns } from '../../../src/core/schedule.ts'
import type { History } from '../../../src/history/history.ts'
import { startSchedules } from '../../../src/serve/schedule/schedule.ts'
import { load } from '../../config/setup.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { type InTime, serveInTime } from '../in-time.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

function policies(given: Readonly<Record<string, string>>): string {
  const texts = Object.entries(given).map(
    ([name, rest]) => `  ${name}: { source: a.example/${name}, destination: b.example, ${rest} }`,
  )
  return `policies:\n${texts.join('\n')}\nserve: { listen: 127.0.0.1:0 }\n`
}

const parts = [startSchedules]

/** `02:30 started`, in UTC; of several times `10:15-11:45 missed 7`. */
function pastOf(history: History, policy: string, from = '', to = '9'): readonly string[] {
  return history.schedules.past([policy], 1000).flatMap(({ due, last, times, outcome }) => {
    if (due < from || due > to) return []
    const clock = (time: string): string => time.slice(11, time.endsWith(':00.000Z') ? 16 : 19)
    return [times === 1 ? `${clock(due)} ${outcome}` : `${clock(due)}-${clock(last)} ${outcome} ${times}`]
  })
}

function begun(history: History, policy: string): readonly string[] {
  const all = history.executions.list({ policy, limit: 1000 })
  return all.map(({ start_time }) => start_time.slice(11, 19)).reverse()
}

/** Hours of UTC, each with `minutes`. */
function each(hours: readonly number[], ...minutes: readonly string[]): readonly string[] {
  return hours.flatMap((hour) => minutes.map((minute) => `${String(hour).padStart(2, '0')}:${minute}`))
}

const hours = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('a day on which clocks are moved, with an outage from 10:10 to 12:10 UTC', () => {
  const yaml = policies({
    nightly: `triggers: [{ schedule: "30 2 * * *", timezone: Europe/Berlin }]`,
    hourly: `triggers: [{ schedule: "@hourly", timezone: Europe/Berlin }]`,
    // Takes 40 minutes.
    long: `triggers: [{ schedule: "*/15 * * * *", timezone: Europe/Berlin }]`,
    // Takes 90 minutes.
    queued: `on_overlap: queue, triggers: [{ schedule: "0 * * * *" }]`,
    old: `triggers: [{ schedule: "0 11 * * *", timezone: UTC }]`,
    young: `triggers: [{ schedule: "30 11 * * *", timezone: UTC }]`,
    patient: `triggers: [{ schedule: "0 11 * * *", timezone: UTC, catch_up: 2h }]`,
    twice: `triggers: [{ schedule: "0 6 * * *", timezone: UTC }, { schedule: "0 */6 * * *", timezone: UTC }]`,
    off: `enabled: false, triggers: [{ schedule: "* * * * *" }]`,
  })
  const durations: Readonly<Record<string, number>> = { long: 40 * MINUTE, queued: 90 * MINUTE }

  test.each([
    // At 01:00 UTC the clocks go from two to three: half past two is half past three.
    { day: '2026-03-29', nightly: '01:30 started' },
    // At 01:00 UTC the clocks go from three to two: half past two is first at 00:30 UTC.
    { day: '2026-10-25', nightly: '00:30 started' },
  ])('$day', async ({ day, nightly }) => {
    const directory = temporaryDirectory()
    const clock = manualClock(Date.parse(`${day}T00:00:00Z`) - 10 * MINUTE)
    const given: InTime = { directory, clock, parts, duration: (policy) => durations[policy] ?? 0 }
    const first = await serveInTime(yaml.replace('serve: {', 'serve: { max_executions: 20,'), given)
    await clock.advance(10 * MINUTE + 10 * HOUR + 10 * MINUTE)
    await first.end()
    await clock.advance(2 * HOUR)
    const second = await serveInTime(yaml.replace('serve: {', 'serve: { max_executions: 20,'), given)
    await clock.advance(12 * HOUR - 10 * MINUTE - 1)

    const { history } = second
    const past = (policy: string): readonly string[] => pastOf(history, policy, day)
    expect(past('nightly')).toEqual([nightly])
    expect(past('hourly')).toEqual([
      ...each(hours(0, 10), '00').map((time) => `${time} started`),
      '11:00 missed',
      '12:00 caught_up',
      ...each(hours(13, 23), '00').map((time) => `${time} started`),
    ])
    // Begun at :00 it ends at :40; :15 and :30 find it running, :45 ends at :25 of the next hour, :30 begins, and so on.
    const started = [...past('long')]
    const at = (time: string): string | undefined => started.find((one) => one.startsWith(time))
    expect([at('00:00'), at('00:15'), at('00:30'), at('00:45'), at('01:00'), at('01:15'), at('01:30')]).toEqual([
      '00:00 started',
      '00:15 skipped',
      '00:30 skipped',
      '00:45 started',
      '01:00 skipped',
      '01:15 skipped',
      '01:30 started',
    ])
    expect(started.filter((one) => one.includes('missed') || one.includes('caught_up'))).toEqual([
      '10:15-11:45 missed 7',
      '12:00 caught_up',
    ])
    expect(past('old')).toEqual(['11:00 missed'])
    expect(past('young')).toEqual(['11:30 caught_up'])
    expect(past('patient')).toEqual(['11:00 caught_up'])
    expect(past('twice')).toEqual(
      ['00:00', '06:00', '12:00', '18:00'].map((time) => `${time} ${time === '12:00' ? 'caught_up' : 'started'}`),
    )
    expect(past('off')).toEqual([])
    // At least one of each two waits behind the other, and none runs beside it.
    expect(past('queued').filter((one) => one.endsWith('started')).length).toBeGreaterThan(10)
    const executions = history.executions.list({ policy: 'queued', limit: 100 }).toReversed()
    for (const [index, { start_time }] of executions.entries()) {
      const earlier = executions[index - 1]
      if (earlier) expect(Date.parse(start_time)).toBeGreaterThanOrEqual(Date.parse(earlier.end_time ?? ''))
    }
    for (const { policy, due, last, outcome } of history.schedules.past(undefined, 1000)) {
      if (outcome !== 'missed') expect(last, policy).toBe(due)
    }
    // `schedule next` tells the same times.
    const told = new Set<string>()
    for (const run of comingRuns(load(yaml).policies, Date.parse(`${day}T00:00:00Z`) - 10 * MINUTE)) {
      if (run.time >= Date.parse(`${day}T00:00:00Z`) + 24 * HOUR - 1) break
      told.add(`${run.policy.name} ${new Date(run.time).toISOString()}`)
    }
    for (const { policy, due, last } of history.schedules.past(undefined, 1000)) {
      expect(told).toContain(`${policy} ${due}`)
      expect(told).toContain(`${policy} ${last}`)
    }
  })
})

describe('what is due', () => {
  const minutely = policies({ base: `triggers: [{ schedule: "0 * * * *", timezone: UTC }]` })

  test('after the clock was set forward runs once, and what lies between is missed', async () => {
    const clock = manualClock(Date.parse('2026-05-01T09:30:00Z'))
    const daemon = await serveInTime(minutely, { directory: temporaryDirectory(), clock, parts })
    await clock.advance(MINUTE)
    clock.set(Date.parse('2026-05-01T14:10:00Z'))
    await clock.advance(2 * MINUTE)
    expect(pastOf(daemon.history, 'base')).toEqual(['10:00-13:00 missed 4', '14:00 caught_up'])
  })

  test('comes no second time after the clock was set back, and is not put off by that', async () => {
    const clock = manualClock(Date.parse('2026-05-01T09:30:00Z'))
    const daemon = await serveInTime(minutely, { directory: temporaryDirectory(), clock, parts })
    await clock.advance(45 * MINUTE)
    clock.set(Date.parse('2026-05-01T08:55:00Z'))
    await clock.advance(2 * HOUR + 30 * MINUTE)
    expect(pastOf(daemon.history, 'base')).toEqual(['10:00 started', '09:00 started', '11:00 started'])
  })

  test('in more than 24 days is waited for', async () => {
    const clock = manualClock(Date.parse('2026-05-01T00:00:00Z'))
    const yaml = policies({ base: `triggers: [{ schedule: "0 0 15 6 *", timezone: UTC }]` })
    const daemon = await serveInTime(yaml, { directory: temporaryDirectory(), clock, parts })
    clock.set(Date.parse('2026-06-14T23:58:30Z'))
    await clock.advance(2 * MINUTE)
    expect(begun(daemon.history, 'base')).toEqual(['00:00:00'])
  })

  test('by seconds comes each time', async () => {
    const clock = manualClock(Date.parse('2026-05-01T00:00:00Z'))
    const yaml = policies({ base: `triggers: [{ schedule: "*/20 * * * * *" }]` })
    const daemon = await serveInTime(yaml, { directory: temporaryDirectory(), clock, parts })
    await clock.advance(MINUTE)
    expect(begun(daemon.history, 'base')).toEqual(['00:00:20', '00:00:40', '00:01:00'])
  })

  test('thousands of times while nothing ran is one line and one execution', async () => {
    const directory = temporaryDirectory()
    const clock = manualClock(Date.parse('2026-05-01T00:00:00Z'))
    const yaml = policies({ base: `triggers: [{ schedule: "* * * * * *" }]` })
    await (await serveInTime(yaml, { directory, clock, parts })).end()
    await clock.advance(300 * 24 * HOUR)
    const daemon = await serveInTime(yaml, { directory, clock, parts })
    await clock.advance(10)
    const [missed, ...others] = daemon.history.schedules.past(['base'], 1000)
    expect(missed).toMatchObject({
      due: '2026-05-01T00:00:01.000Z',
      last: '2027-02-24T23:59:59.000Z',
      outcome: 'missed',
    })
    expect(missed?.times).toBeGreaterThanOrEqual(1000)
    expect(others).toMatchObject([{ due: '2027-02-25T00:00:00.000Z', outcome: 'started' }])
  })
})

test('a history that cannot be written is told of now and then, and loses no time', async () => {
  const clock = manualClock(Date.parse('2026-05-01T09:59:00Z'))
  let isFull = true
  const daemon = await serveInTime(policies({ base: `triggers: [{ schedule: "0 10 * * *", timezone: UTC }]` }), {
    directory: temporaryDirectory(),
    clock,
    parts: [
      (given) => {
        const { history } = given.program
        const see: typeof history.schedules.see = (...what) => {
          if (isFull) throw new Error('the disk is full')
          return history.schedules.see(...what)
        }
        const schedules = { ...history.schedules, see }
        return startSchedules({ ...given, program: { ...given.program, history: { ...history, schedules } } })
      },
    ],
  })
  await clock.advance(3 * MINUTE)
  const told = daemon.news.filter((one) => one.type === 'log' && one.level === 'error').length
  expect(told).toBeGreaterThan(5)
  expect(told).toBeLessThan(20)
  isFull = false
  await clock.advance(MINUTE)
  expect(pastOf(daemon.history, 'base')).toEqual(['10:00 caught_up'])
})

describe('a crash', () => {
  const yaml = policies({ base: `triggers: [{ schedule: "0 10 * * *", timezone: UTC }]` })

  test('between a due time and its execution loses neither, and doubles none', async () => {
    const directory = temporaryDirectory()
    const before = manualClock(Date.parse('2026-05-01T09:59:00Z'))
    const wishes: unknown[] = []
    const first = await serveInTime(yaml, {
      directory,
      clock: before,
      // The process ends before the wish is heard.
      parts: [
        (daemon) =>
          startSchedules({ ...daemon, executions: { ...daemon.executions, wish: (one) => wishes.push(one) } }),
      ],
      pid: 1,
    })
    await before.advance(2 * MINUTE)
    expect([wishes.length, pastOf(first.history, 'base')]).toEqual([1, ['10:00 waiting']])
    const clock = manualClock(Date.parse('2026-05-01T10:20:00Z'))
    const second = await serveInTime(yaml, { directory, clock, parts, pid: 2 })
    await clock.advance(24 * HOUR - HOUR)
    expect(pastOf(second.history, 'base')).toEqual(['10:00 started'])
    expect(begun(second.history, 'base')).toEqual(['10:20:00'])
  })

  test('after its execution began starts no second one', async () => {
    const directory = temporaryDirectory()
    const before = manualClock(Date.parse('2026-05-01T09:59:00Z'))
    const first = await serveInTime(yaml, {
      directory,
      clock: before,
      // The process ends before it has written down that the execution began.
      parts: [
        (daemon) =>
          startSchedules({
            ...daemon,
            executions: {
              ...daemon.executions,
              wish: ({ policy, trigger }) => daemon.executions.wish({ policy, trigger }),
            },
          }),
      ],
      duration: () => HOUR,
      pid: 1,
    })
    await before.advance(2 * MINUTE)
    expect(pastOf(first.history, 'base')).toEqual(['10:00 waiting'])
    const clock = manualClock(Date.parse('2026-05-01T10:20:00Z'))
    const second = await serveInTime(yaml, { directory, clock, parts, pid: 2 })
    await clock.advance(HOUR)
    expect(pastOf(second.history, 'base')).toEqual(['10:00 started'])
    expect(begun(second.history, 'base')).toEqual(['10:00:00'])
  })

  test('longer ago than catch_up leaves what waited as missed', async () => {
    const directory = temporaryDirectory()
    const before = manualClock(Date.parse('2026-05-01T09:59:00Z'))
    await serveInTime(yaml, {
      directory,
      clock: before,
      parts: [(daemon) => startSchedules({ ...daemon, executions: { ...daemon.executions, wish: () => {} } })],
      pid: 1,
    })
    await before.advance(2 * MINUTE)
    const clock = manualClock(Date.parse('2026-05-01T11:20:00Z'))
    const second = await serveInTime(yaml, { directory, clock, parts, pid: 2 })
    await clock.advance(HOUR)
    expect(pastOf(second.history, 'base')).toEqual(['10:00 missed'])
    expect(begun(second.history, 'base')).toEqual([])
  })
})

describe('another configuration', () => {
  const at = (schedule: string, more = ''): string =>
    policies({ base: `${more} triggers: [{ schedule: "${schedule}", timezone: UTC }]` })

  test('makes up for no time before it had the schedule', async () => {
    const clock = manualClock(Date.parse('2026-05-01T09:30:00Z'))
    const daemon = await serveInTime(at('0 20 * * *'), { directory: temporaryDirectory(), clock, parts })
    await clock.advance(HOUR)
    await daemon.reload(at('0 10 * * *'))
    await clock.advance(HOUR)
    expect(pastOf(daemon.history, 'base')).toEqual([])
    await clock.advance(23 * HOUR)
    expect(pastOf(daemon.history, 'base')).toEqual(['10:00 started'])
  })

  test('is followed at once, also where all schedules are new or gone', async () => {
    const clock = manualClock(Date.parse('2026-05-01T09:30:00Z'))
    const daemon = await serveInTime(policies({ base: 'enabled: true' }), {
      directory: temporaryDirectory(),
      clock,
      parts,
    })
    await daemon.reload(at('31 9 * * *'))
    await clock.advance(MINUTE)
    expect(pastOf(daemon.history, 'base')).toEqual(['09:31 started'])
    await daemon.reload(at('32 9 * * *', 'enabled: false,'))
    await clock.advance(5 * MINUTE)
    await daemon.reload(at('32 9 * * *'))
    await clock.advance(5 * MINUTE)
    expect(pastOf(daemon.history, 'base')).toEqual(['09:31 started'])
  })
})
