/** Triggers of the file: what is kept, and the place of what is wrong. */

import { describe, expect, test } from 'vitest'
import { complaints, load, policy } from './setup.ts'

const base = ['source: a.example.com', 'destination: b.example.com'] as const

const wrong = (trigger: string): readonly string[] => complaints(policy(...base, `triggers: [${trigger}]`))

describe('a trigger', () => {
  test('by schedule is kept as it was written', () => {
    const text = policy(...base, 'triggers: [{schedule: "@daily"}, {schedule: 0 2 * * *, timezone: Europe/Berlin}]')
    expect(load(text).policies[0]?.triggers).toEqual([
      { schedule: '@daily' },
      { schedule: '0 2 * * *', timezone: 'Europe/Berlin' },
    ])
  })

  test('is refused where its field stands', () => {
    expect(wrong('{schedule: 0 25 * * *}')).toEqual([
      expect.stringMatching(/^policy.yaml:5:29 `25` is not a valid hour \[it is/),
    ])
    expect(wrong('{schedule: "0 0 25 * * *"}')).toEqual([
      expect.stringMatching(/^policy.yaml:5:32 `25` is not a valid hour/),
    ])
  })

  test('is told the time zone that was probably meant', () => {
    expect(wrong('{schedule: "@daily", timezone: Europe/Berlinn}')).toEqual([
      'policy.yaml:5:47 `Europe/Berlinn` is not a time zone [did you mean `Europe/Berlin`?]',
    ])
  })

  test.each([
    ['{}', '5:16 a trigger has one of `schedule`, `event`, `poll` and `pull`'],
    ['{timezone: UTC}', '5:16 a trigger has one of `schedule`, `event`, `poll` and `pull`'],
    ['{schedule: "@daily", poll: 5m}', '5:16 a trigger has one of `schedule`, `event`, `poll` and `pull`, not several'],
    ['{poll: 10ms}', '5:23 `poll` is at least 1s'],
    ['{poll: 0s}', '5:23 `poll` is at least 1s'],
    ['{event: []}', '5:24 `event` is an empty list'],
    ['{event: pull, timezone: UTC}', '5:24 `event` must be one of push, delete, scan, label'],
    ['{event: push, timezone: UTC}', '5:30 `timezone` belongs to a `schedule`'],
    ['{pull: false}', '5:23 `pull: false` is not a trigger'],
  ])('%s is refused', (trigger, expected) => {
    expect(wrong(trigger).map((line) => line.replace(/ \[.*/, ''))).toEqual([`policy.yaml:${expected}`])
  })
})
