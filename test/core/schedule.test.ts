/** Schedules: what is refused and where, and when they come, also where clocks are moved. */

import { describe, expect, test } from 'vitest'
import { comingRuns, nextRun, parseSchedule, ScheduleError } from '../../src/core/schedule.ts'
import { policy } from '../cli/support.ts'

function times(text: string, timezone: string, from: string, count: number): readonly string[] {
  const schedule = parseSchedule(text, timezone)
  const found: string[] = []
  let time = Date.parse(from)
  for (let index = 0; index < count; index += 1) {
    time = schedule.after(time) ?? Number.NaN
    found.push(new Date(time).toISOString())
  }
  return found
}

function complaint(text: string, timezone?: string): string {
  try {
    parseSchedule(text, timezone)
  } catch (error) {
    if (error instanceof ScheduleError) return `${error.of} ${error.offset}: ${error.message}`
    throw error
  }
  return ''
}

describe('a schedule', () => {
  test.each([
    ['0 2 * * *', '2026-11-22T01:00:00.000Z'],
    ['0 0 2 * * *', '2026-11-22T01:00:00.000Z'],
    ['30 15 11 * * *', '2026-11-21T10:15:30.000Z'],
    ['@hourly', '2026-11-21T11:00:00.000Z'],
    ['@daily', '2026-11-21T23:00:00.000Z'],
    ['@weekly', '2026-11-21T23:00:00.000Z'],
    ['@monthly', '2026-11-30T23:00:00.000Z'],
    ['0 9 * * mon-fri', '2026-11-23T08:00:00.000Z'],
    ['0 9 * * 7', '2026-11-22T08:00:00.000Z'],
    ['0 0 29 2 *', '2028-02-28T23:00:00.000Z'],
  ])('%s comes next at %s', (text, expected) => {
    expect(times(text, 'Europe/Berlin', '2026-11-21T10:00:00Z', 1)).toEqual([expected])
  })

  test('comes on the day of the month or on the day of the week where both are given', () => {
    expect(times('0 0 13 * fri', 'UTC', '2026-10-03T14:30:00Z', 3)).toEqual([
      '2026-10-09T00:00:00.000Z',
      '2026-10-13T00:00:00.000Z',
      '2026-10-16T00:00:00.000Z',
    ])
  })

  test.each([
    ['99 * * * *', 'schedule 0: `99` is not a valid minute'],
    ['0 1,25 * * *', 'schedule 4: `25` is not a valid hour'],
    ['0 0 0 * *  * ', ''],
    ['0 0 0 0 * *', 'schedule 6: `0` is not a valid day of the month'],
    ['* * * * fri-mon', 'schedule 8: `fri-mon` is not a valid day of the week'],
    ['mon * * * *', 'schedule 0: `mon` is not a valid minute'],
    ['*/0 * * * *', 'schedule 0: `*/0` is not a valid minute'],
    ['H 2 * * *', 'schedule 0: `H` is not a valid minute'],
    ['0 0 L * *', 'schedule 4: `L` is not a valid day of the month'],
    ['1,,2 * * * *', 'schedule 2: `` is not a valid minute'],
    ['* * * *', 'schedule 0: `* * * *` has 4 fields'],
    ['', 'schedule 0: `` has 0 fields'],
    ['@reboot', 'schedule 0: `@reboot` is not a valid schedule'],
    ['0 0 30 2 *', 'schedule 4: `0 0 30 2 *` never comes'],
  ])('%s: %s', (text, expected) => {
    expect(complaint(text)).toBe(expected)
  })

  test.each(['Europe/Berlinn', '+02:00', ''])('has no time zone %s', (timezone) => {
    expect(complaint('0 2 * * *', timezone)).toBe(`timezone 0: \`${timezone}\` is not a time zone`)
  })
})

describe('where clocks are moved', () => {
  test('a time that is skipped comes once', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:30:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ])
  })

  test('a skipped hour and the one after it are one', () => {
    expect(times('0 2,3 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:00:00.000Z',
    ])
  })

  test('a time that comes twice counts once', () => {
    expect(times('*/30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 3)).toEqual([
      '2026-10-25T00:00:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:00:00.000Z',
    ])
    expect(times('30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z', 2)).toEqual([
      '2026-11-01T05:30:00.000Z',
      '2026-11-02T06:30:00.000Z',
    ])
  })

  test('what comes each hour comes in each hour that passes', () => {
    expect(times('0 * * * *', 'Europe/Berlin', '2026-10-24T23:30:00Z', 3)).toEqual([
      '2026-10-25T00:00:00.000Z',
      '2026-10-25T01:00:00.000Z',
      '2026-10-25T02:00:00.000Z',
    ])
    expect(times('0 * * * *', 'Europe/Berlin', '2026-03-28T23:30:00Z', 3)).toEqual([
      '2026-03-29T00:00:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-29T02:00:00.000Z',
    ])
  })
})

describe('where clocks are moved, whenever it is asked', () => {
  const moves = [Date.parse('2026-03-29T01:00:00Z'), Date.parse('2026-10-25T01:00:00Z')]

  test.each(['30 2 * * *', '15,45 2 * * *', '0 2,3 * * *', '*/20 * * * *', '0 */2 * * *', '30 1-3 * * *'])(
    '%s comes at the same times',
    (text) => {
      const schedule = parseSchedule(text, 'Europe/Berlin')
      for (const move of moves) {
        const all: number[] = []
        for (let time = schedule.after(move - 12 * 3_600_000); time && time < move + 48 * 3_600_000; ) {
          all.push(time)
          time = schedule.after(time)
        }
        for (let time = move - 4 * 3_600_000; time < move + 6 * 3_600_000; time += 5 * 60_000) {
          expect(schedule.after(time), new Date(time).toISOString()).toBe(all.find((each) => each > time))
        }
      }
    },
  )
})

describe('the coming runs', () => {
  const now = Date.parse('2026-11-21T10:30:00Z')
  const hourly = { ...policy, name: 'hourly', triggers: [{ schedule: '@hourly', timezone: 'UTC' }] }
  const twice = {
    ...policy,
    name: 'twice',
    triggers: [
      { schedule: '0 12 * * *', timezone: 'UTC' },
      { schedule: '0 */6 * * *', timezone: 'UTC' },
    ],
  }

  test('of several policies stand in the order of their times, those that meet once', () => {
    const found: string[] = []
    for (const {
      policy: { name },
      time,
    } of comingRuns([twice, hourly], now)) {
      found.push(`${name} ${new Date(time).toISOString().slice(11, 16)}`)
      if (found.length === 5) break
    }
    expect(found).toEqual(['hourly 11:00', 'twice 12:00', 'hourly 12:00', 'hourly 13:00', 'hourly 14:00'])
  })

  test('are none for a policy that is disabled or has no schedule', () => {
    expect([...comingRuns([policy, { ...hourly, enabled: false }], now)]).toEqual([])
    expect(nextRun({ ...hourly, enabled: false }, now)).toBeUndefined()
    expect(nextRun(policy, now)).toBeUndefined()
    expect(nextRun(twice, now)).toBe(Date.parse('2026-11-21T12:00:00Z'))
  })
})
