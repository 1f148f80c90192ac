/** Edits of lists whose entries stand on lines of their own: what stays of them keeps its text and its comments. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { editedText, type Value } from '../../../src/config/edit/edit.ts'
import { contentOf, parseSource } from '../../../src/config/source.ts'

const TRIGGERS = `policies:
  p:
    triggers: # when
      # nightly
      - { schedule: "0 2 * * *", timezone: Europe/Berlin } # at two
      - schedule: "@weekly" # on Sundays
        # as the daemon may be down
        catch_up: 3h

      - event: [push, delete]
      # for those that send nothing
      - poll: 5m # often
      - { pull: true, max_age: 2m }
    deletion: owned
`
const [NIGHTLY, WEEKLY, EVENT, POLL, PULL] = [
  { schedule: '0 2 * * *', timezone: 'Europe/Berlin' },
  { schedule: '@weekly', catch_up: '3h' },
  { event: ['push', 'delete'] },
  { poll: '5m' },
  { pull: true, max_age: '2m' },
]

function setTo(to: readonly Value[], text = TRIGGERS): string {
  return editedText({ path: 'x.yaml', text }, [{ set: ['policies', 'p', 'triggers'], to }], '/')
}

/** Lines that went, and lines that came. */
function changes(to: readonly Value[]): readonly string[] {
  const [before, after] = [TRIGGERS.split('\n'), setTo(to).split('\n')]
  return [
    ...before.filter((line) => !after.includes(line)).map((line) => `-${line}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `+${line}`),
  ]
}

describe('a list of mappings', () => {
  test('that is the same changes nothing', () => {
    expect(setTo([NIGHTLY, WEEKLY, EVENT, POLL, PULL])).toBe(TRIGGERS)
  })

  test('keeps the text of entries that stay when one goes, with its comments', () => {
    expect(changes([NIGHTLY, WEEKLY, EVENT, PULL])).toEqual([
      '-      # for those that send nothing',
      '-      - poll: 5m # often',
    ])
    expect(changes([WEEKLY, EVENT, POLL, PULL])).toEqual([
      '-      # nightly',
      '-      - { schedule: "0 2 * * *", timezone: Europe/Berlin } # at two',
    ])
    expect(changes([NIGHTLY, WEEKLY, EVENT, POLL])).toEqual(['-      - { pull: true, max_age: 2m }'])
  })

  test('changes an entry where it differs', () => {
    expect(changes([{ ...NIGHTLY, timezone: 'UTC' }, { ...WEEKLY, timezone: 'UTC' }, EVENT, POLL, PULL])).toEqual([
      '-      - { schedule: "0 2 * * *", timezone: Europe/Berlin } # at two',
      '+      - { schedule: "0 2 * * *", timezone: UTC } # at two',
      '+        timezone: UTC',
    ])
    expect(changes([NIGHTLY, { schedule: '@daily' }, EVENT, { poll: '1m' }, { pull: true }])).toEqual([
      '-      - schedule: "@weekly" # on Sundays',
      '-        # as the daemon may be down',
      '-        catch_up: 3h',
      '-      - poll: 5m # often',
      '-      - { pull: true, max_age: 2m }',
      '+      - schedule: "@daily" # on Sundays',
      '+      - poll: 1m # often',
      '+      - { pull: true }',
    ])
  })

  test('gets a new entry where it belongs, written as the one before it', () => {
    expect(changes([NIGHTLY, WEEKLY, EVENT, POLL, PULL, { schedule: '@monthly' }])).toEqual([
      "+      - { schedule: '@monthly' }".replaceAll("'", '"'),
    ])
    const text = setTo([NIGHTLY, WEEKLY, EVENT, { schedule: '@hourly', catch_up: '1h' }, POLL, PULL])
    expect(text).toMatch(/- event: \[push, delete\]\n {6}- schedule: "@hourly"\n {8}catch_up: 1h\n {6}# for those/)
  })

  test('is written anew where nothing of it stays', () => {
    expect(setTo([], TRIGGERS)).toContain('triggers: [] # when')
    expect(setTo(['a'], 'policies: { p: { triggers: [{ poll: 5m }] } }')).toContain('triggers: [a]')
  })

  test('has what was set, whatever it was, and whatever it becomes', () => {
    const entry = fc.oneof(
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom<Value>('x', 'y z', '# no', 1, true, ['p', 'q']), {
        minKeys: 1,
      }),
      fc.constantFrom<Value>('s', 't: u', '- v'),
    )
    const list = fc.array(entry, { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(list, list, list, (first, second, third) => {
        // What the first edit writes, the second one has to read.
        const text = [first, second, third].reduce((before, to) => setTo(to, before), TRIGGERS)
        const { source } = parseSource({ path: 'x.yaml', text }, '/')
        expect(contentOf(source)).toEqual({ policies: { p: { triggers: asTexts(third), deletion: 'owned' } } })
        expect(text.startsWith('policies:\n  p:\n    triggers:')).toBe(true)
      }),
    )
  })
})

function asTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asTexts)
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, asTexts(one)]))
}
