/** Options of `policies create` and `update` in the words of the file. */

import { describe, expect, test } from 'vitest'
import { newPolicy, type PolicyFlags, policyEdits, referenceIn } from '../../src/cli/commands/policies/fields.ts'
import { ConfigurationError } from '../../src/core/errors.ts'
import { command, policy } from './support.ts'

const between = { source: 'hub/library/alpine', destination: ['harbor/mirror'] }

describe('a new policy', () => {
  test('says only what the options say', () => {
    expect(newPolicy(between)).toEqual({ source: 'hub/library/alpine', destination: 'harbor/mirror' })
  })

  test('has all of them in the order in which people read them', () => {
    const all = newPolicy({
      deletion: 'mirror',
      referrers: false,
      override: false,
      timezone: 'UTC',
      schedule: ['@daily', '0 2 * * *'],
      exclude: { tag: ['*-rc*'] },
      platform: ['linux/amd64'],
      untagged: true,
      minAge: '3d',
      newest: '5',
      semver: '>=3',
      tag: ['3.*', 'latest'],
      name: ['**'],
      filter: { tag: ['4.*'], resource: ['image'] },
      flatten: 'all',
      destination: ['harbor/mirror', 'oci:./copy/'],
      namespace: ['library'],
      source: 'hub',
      scope: 'namespace',
      enabled: false,
      description: 'All',
    })
    expect(Object.keys(all)).toEqual([
      'description',
      'enabled',
      'scope',
      'source',
      'destination',
      'filters',
      'triggers',
      'referrers',
      'override',
      'deletion',
    ])
    expect(all).toMatchObject({
      source: { registry: 'hub', namespaces: ['library'] },
      destination: [
        { registry: 'harbor', namespace: 'mirror', flatten: 'all' },
        { registry: 'oci:./copy', flatten: 'all' },
      ],
      filters: {
        resource: 'image',
        name: '**',
        tag: ['4.*', '3.*', 'latest'],
        semver: '>=3',
        newest: 5,
        min_age: '3d',
        untagged: true,
        platforms: 'linux/amd64',
        exclude: { tag: '*-rc*' },
      },
      triggers: [
        { schedule: '@daily', timezone: 'UTC' },
        { schedule: '0 2 * * *', timezone: 'UTC' },
      ],
    })
  })

  test.each<[PolicyFlags, string]>([
    [{ ...between, namespace: ['library'] }, '--namespace'],
    [{ ...between, timezone: 'UTC' }, '--timezone'],
  ])('refuses what does not go together: %#', (flags, named) => {
    expect(() => newPolicy(flags)).toThrow(ConfigurationError)
    expect(() => newPolicy(flags)).toThrow(named)
  })
})

describe('a change', () => {
  const at = (...path: readonly string[]): readonly string[] => ['policies', 'base-images', ...path]

  test('takes away what is empty', () => {
    const flags = { tag: [''], newest: '', schedule: [''], description: '', exclude: { tag: [''] } }
    expect(policyEdits(policy, flags)).toEqual([
      { remove: at('description') },
      { remove: at('filters', 'tag') },
      { remove: at('filters', 'newest') },
      { remove: at('filters', 'exclude', 'tag') },
      { remove: at('triggers') },
    ])
  })

  test('knows the settings that came later, each as it stands in the file', () => {
    const flags: PolicyFlags = {
      regex: { tag: ['v\\d+'], name: [''] },
      excludeRegex: { tag: ['.*-rc', '.*-debug'] },
      attestations: false,
      referrers: 'all',
      missing: 'warn',
      withImages: true,
      values: ['a.yaml', 'b.yaml'],
    }
    expect(policyEdits(policy, flags)).toEqual([
      { set: at('filters', 'attestations'), to: false },
      { set: at('filters', 'regex', 'tag'), to: 'v\\d+' },
      { remove: at('filters', 'regex', 'name') },
      { set: at('filters', 'regex', 'exclude', 'tag'), to: ['.*-rc', '.*-debug'] },
      { set: at('referrers'), to: 'all' },
      { set: at('missing'), to: 'warn' },
      { set: at('with_images'), to: true },
      { set: at('values'), to: ['a.yaml', 'b.yaml'] },
    ])
  })

  test('of flatten alone keeps where it goes', () => {
    expect(policyEdits(policy, { flatten: '2' })).toEqual([
      { set: at('destination'), to: { registry: 'harbor', namespace: 'mirror', flatten: 2 } },
    ])
  })

  test('of the destination keeps how it lands there', () => {
    const deep = { ...policy, destination: { ...policy.destination, flatten: 0, create: false } }
    expect(policyEdits(deep, { destination: ['other/place'] })).toEqual([
      { set: at('destination'), to: { registry: 'other', namespace: 'place', flatten: 0, create: false } },
    ])
  })

  test('to namespaces keeps what a reference said before', () => {
    const named = { ...policy, filters: { ...policy.filters, name: ['library/alpine'], tag: ['3.*'] } }
    expect(policyEdits(named, { namespace: ['library'] })).toEqual([
      { set: at('source'), to: { registry: 'hub', namespaces: ['library'] } },
      { set: at('filters', 'name'), to: 'library/alpine' },
      { set: at('filters', 'tag'), to: '3.*' },
    ])
  })

  test('of what starts it leaves the other triggers alone', () => {
    const triggers = [
      { schedule: '@daily', timezone: 'UTC', catch_up: 3_600_000 },
      { event: ['push'] },
      { poll: 300_000 },
      { pull: true },
    ] as const
    const busy = { ...policy, triggers }
    const daily = { schedule: '@daily', timezone: 'UTC', catch_up: '1h' }
    const edited = (flags: PolicyFlags) => policyEdits(busy, flags).map((edit) => ('to' in edit ? edit.to : 'removed'))
    expect(edited({ event: ['push', 'delete'] })).toEqual([
      [daily, { poll: '5m' }, { pull: true }, { event: ['push', 'delete'] }],
    ])
    expect(edited({ poll: '1h', event: [] })).toEqual([[daily, { pull: true }, { poll: '1h' }]])
    expect(edited({ poll: '' })).toEqual([[daily, { event: ['push'] }, { pull: true }]])
    expect(edited({ schedule: [''] })).toEqual([[{ event: ['push'] }, { poll: '5m' }, { pull: true }]])
    expect(policyEdits({ ...policy, triggers: [{ poll: 300_000 }] }, { poll: '' })).toEqual([
      { remove: at('triggers') },
    ])
    expect(newPolicy({ ...between, poll: '5m' })).toMatchObject({ triggers: [{ poll: '5m' }] })
  })

  test('of the time zone alone keeps the schedules, and of the schedule the time zone', () => {
    const daily = { ...policy, triggers: [{ schedule: '@daily', timezone: 'UTC' }] }
    expect(policyEdits(daily, { timezone: 'Europe/Berlin' })).toEqual([
      { set: at('triggers'), to: [{ schedule: '@daily', timezone: 'Europe/Berlin' }] },
    ])
    expect(policyEdits(daily, { schedule: ['@hourly'] })).toEqual([
      { set: at('triggers'), to: [{ schedule: '@hourly', timezone: 'UTC' }] },
    ])
  })
})

test('a layout is where it was named, wherever the file lies', () => {
  expect(referenceIn('/etc/replicate/config.yaml', 'oci:./copy', '/home/me')).toBe('oci:/home/me/copy')
  expect(referenceIn('/etc/replicate/config.yaml', 'tar:/tmp/a.tar:v1', '/home/me')).toBe('tar:/tmp/a.tar:v1')
  expect(referenceIn('/home/me/config.yaml', 'oci:./copy', '/home/me')).toBe('oci:./copy')
  expect(referenceIn('/etc/replicate/config.yaml', 'hub/library/alpine:3.*', '/home/me')).toBe('hub/library/alpine:3.*')
})

test('policies list and show say what starts a policy, in the words of its file', async () => {
  const triggers = [{ event: ['push', 'delete'] }, { poll: 300_000 }, { pull: true, max_age: 60_000 }] as const
  const policies = [{ ...policy, triggers }]
  const list = await command(['policies', 'list'], { policies })
  expect(list.stdout).toMatch(/ manual, push \+ delete, poll 5m, pull /)
  const show = await command(['policies', 'show', policy.name, '--json'], { policies })
  expect(JSON.parse(show.stdout)).toMatchObject({
    triggers: [{ event: ['push', 'delete'] }, { poll: '5m' }, { pull: true, max_age: '1m' }],
  })
})
