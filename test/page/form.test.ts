/** The form of a policy: what it does not ask for, or did not change, stays as the file has it. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { differences, merged } from '../../src/page/edit/merge.ts'
import { definitionOf, formOf } from '../../src/page/screens/policy/wizard/form.ts'
import { newTrigger } from '../../src/page/screens/policy/wizard/triggers.ts'

const EMPTY = formOf({})
const NIGHTLY = { ...newTrigger('schedule'), value: '0 2 * * *', timezone: 'Europe/Berlin' }
const EVENTS = { ...newTrigger('event'), value: 'push,delete' }

describe('the form of a policy', () => {
  test('writes what the command line would write of a new one', () => {
    const form = {
      ...EMPTY,
      source: 'hub',
      destination: 'harbor',
      namespace: 'mirror',
      tags: '1.*, latest',
      newest: '5',
    }
    expect(definitionOf(form, {})).toEqual({
      source: 'hub',
      destination: 'harbor/mirror',
      filters: { tag: ['1.*', 'latest'], newest: 5 },
    })
    const more = { ...form, namespaces: 'library', names: '{a,b}/**', triggers: [NIGHTLY, EVENTS] }
    expect(definitionOf({ ...more, override: 'false' }, {})).toEqual({
      source: { registry: 'hub', namespaces: ['library'] },
      destination: 'harbor/mirror',
      filters: { name: '{a,b}/**', tag: ['1.*', 'latest'], newest: 5 },
      triggers: [{ schedule: '0 2 * * *', timezone: 'Europe/Berlin' }, { event: ['push', 'delete'] }],
      override: false,
    })
    expect(Object.keys(definitionOf({ ...more, deletion: 'owned' }, {}))).toEqual([
      'source',
      'destination',
      'filters',
      'triggers',
      'deletion',
    ])
  })

  test('changes only what was changed', () => {
    const before = {
      retry: { attempts: 2 },
      source: { registry: 'hub', namespaces: ['library'] },
      destination: { registry: 'harbor', namespace: 'old', flatten: 2 },
      filters: { tag: ['v1'], untagged: true },
      triggers: [{ poll: '5m' }, { schedule: '@daily', catch_up: '2h' }, { schedule: '@weekly' }],
    }
    expect(definitionOf(formOf(before), before)).toBe(before)
    const { triggers } = formOf(before)
    const [poll, daily, weekly] = triggers
    if (!poll || !daily || !weekly) throw new Error('a trigger is not in the form')
    const hourly = { ...daily, value: '@hourly' }
    const form = { ...formOf(before), tags: '', namespace: 'new', triggers: [poll, hourly, weekly] }
    expect(definitionOf(form, before)).toEqual({
      ...before,
      destination: { registry: 'harbor', namespace: 'new', flatten: 2 },
      filters: { untagged: true },
      triggers: [{ poll: '5m' }, { schedule: '@hourly', catch_up: '2h' }, { schedule: '@weekly' }],
    })
    expect(definitionOf({ ...formOf(before), triggers: [weekly] }, before).triggers).toEqual([{ schedule: '@weekly' }])
    expect('triggers' in definitionOf({ ...formOf(before), triggers: [] }, before)).toBe(false)
  })

  test('shows every trigger, and keeps those that it does not know', () => {
    const before = {
      triggers: [
        { schedule: '@daily', timezone: 'Europe/Berlin' },
        { event: 'push' },
        { schedule: '@weekly', catch_up: '2h' },
        { pull: true, max_age: '5m' },
        { something: 'new' },
      ],
    }
    const { triggers } = formOf(before)
    expect(triggers.map(({ kind, value }) => [kind, value])).toEqual([
      ['schedule', '@daily'],
      ['event', 'push'],
      ['schedule', '@weekly'],
      ['pull', 'true'],
      [undefined, ''],
    ])
    const later = triggers.map((one) => (one.value === '@weekly' ? { ...one, timezone: 'UTC' } : one))
    expect(definitionOf({ ...formOf(before), triggers: [...later, newTrigger('poll')] }, before).triggers).toEqual([
      { schedule: '@daily', timezone: 'Europe/Berlin' },
      { event: 'push' },
      { schedule: '@weekly', timezone: 'UTC', catch_up: '2h' },
      { pull: true, max_age: '5m' },
      { something: 'new' },
      { poll: '5m' },
    ])
  })

  test('leaves references alone, and layouts', () => {
    for (const before of [
      { source: 'hub/library/alpine:3.*', destination: 'harbor/mirror' },
      { source: 'oci:./images', destination: 'tar:out.tar' },
      { source: 'hub', destination: ['a/b', 'c/d'] },
    ]) {
      expect(definitionOf(formOf(before), before)).toBe(before)
      expect(definitionOf({ ...formOf(before), tags: 'v*' }, before)).toEqual({ ...before, filters: { tag: 'v*' } })
    }
  })

  test('takes no definition apart that it cannot put together again', () => {
    const json = fc.jsonValue({ maxDepth: 3 })
    const keys = ['source', 'destination', 'filters', 'triggers', 'override', 'deletion', 'other'] as const
    const definition = fc.record(Object.fromEntries(keys.map((key) => [key, json])), { requiredKeys: [] })
    fc.assert(
      fc.property(definition, (before) => {
        expect(definitionOf(formOf(before), before)).toBe(before)
      }),
    )
  })
})

describe('two who have changed the same policy', () => {
  const before = { source: 'hub', filters: { tag: 'v*', newest: 5 }, deletion: 'owned' }

  test('are both heard where they changed different fields', () => {
    const mine = { source: 'hub', filters: { tag: 'v2*', newest: 5 }, deletion: 'owned' }
    const theirs = { source: 'hub', filters: { tag: 'v*', newest: 9 }, description: 'theirs' }
    expect(merged(before, mine, theirs)).toEqual({
      source: 'hub',
      filters: { tag: 'v2*', newest: 9 },
      description: 'theirs',
    })
    expect(differences(before, theirs)).toEqual([
      { path: 'filters.newest', before: 5, after: 9 },
      { path: 'deletion', before: 'owned', after: undefined },
      { path: 'description', before: undefined, after: 'theirs' },
    ])
  })

  test('get the last one where they changed the same, or removed it', () => {
    expect(merged(before, { ...before, source: 'mine' }, { ...before, source: 'theirs' }).source).toBe('mine')
    const { deletion: _, ...mine } = before
    expect(merged(before, mine, { ...before, deletion: 'mirror' })).toEqual(mine)
  })

  test('lose nothing, whatever it is', () => {
    const value = fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.constantFrom<unknown>(1, 'x', ['y'], { d: 1 }, { d: 2 }),
    )
    fc.assert(
      fc.property(value, value, (old, changed) => {
        expect(merged(old, changed, old)).toEqual(changed)
        expect(merged(old, old, changed)).toEqual(changed)
        expect(merged(old, changed, changed)).toEqual(changed)
        expect(differences(old, old)).toEqual([])
      }),
    )
  })
})
