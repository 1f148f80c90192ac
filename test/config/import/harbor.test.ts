/** Harbor's replication policies, as its API answers. */

import { describe, expect, test } from 'vitest'
import { copied, imported, loaded, refused, said } from './setup.ts'

const FROM = { from: 'harbor' } as const
/** No variable of ours. */
const USER_TEXT = ['For $', '{us}'].join('')
const ENV = { HARBOR_URL: 'https://h.example.org', HUB_PASSWORD: 'x', OTHER_PASSWORD: 'x' }

const registry = (more: object): object => ({
  credential: { type: 'basic', access_key: 'someone', access_secret: 'hunter2' },
  description: USER_TEXT,
  insecure: false,
  status: 'healthy',
  token_service_url: '',
  ca_certificate: null,
  creation_time: '2026-01-01T00:00:00Z',
  update_time: '2026-01-01T00:00:00Z',
  ...more,
})
const REGISTRIES = [
  registry({ id: 1, name: 'hub', type: 'docker-hub', url: 'https://hub.docker.com' }),
  registry({
    id: 2,
    name: 'other',
    type: 'docker-registry',
    url: 'https://other.example.org',
    insecure: true,
    ca_certificate: 'PEM-of-it',
  }),
]
const policy = (more: object): object => ({
  id: 7,
  description: 'Base images',
  creator: 'admin',
  src_registry: null,
  dest_registry: null,
  dest_namespace: 'mirror',
  dest_namespace_replace_count: 1,
  trigger: { type: 'manual', trigger_settings: { cron: '' } },
  filters: null,
  replicate_deletion: false,
  deletion: false,
  override: true,
  enabled: true,
  speed: -1,
  copy_by_chunk: false,
  single_active_replication: false,
  creation_time: '2026-01-01T00:00:00Z',
  update_time: '2026-01-01T00:00:00Z',
  ...more,
})
const PULL = policy({
  name: 'pull from hub',
  src_registry: { id: 1, name: 'hub' },
  dest_registry: { id: 0, name: 'Local', type: 'harbor', url: 'http://core:8080' },
  trigger: { type: 'scheduled', trigger_settings: { cron: '0 30 2 * * *' } },
  filters: [
    { type: 'name', value: 'library/{alpine,redis}' },
    { type: 'tag', value: '*-rc*', decoration: 'excludes' },
    { type: 'resource', value: 'image' },
  ],
  override: false,
  speed: 800,
  copy_by_chunk: true,
})
const PUSH = policy({
  name: 'push',
  src_registry: { id: 0 },
  dest_registry: { id: 2 },
  dest_namespace_replace_count: -1,
  filters: [
    { type: 'label', value: ['released', 'signed'], decoration: 'matches' },
    { type: 'tag', value: 'v*', decoration: 'matches' },
  ],
  replicate_deletion: true,
  enabled: false,
})

const text = (value: unknown): string => JSON.stringify(value, undefined, 2)

describe('policies of Harbor with their registries', () => {
  const result = imported(text({ registries: REGISTRIES, policies: [PULL, PUSH] }), FROM)

  test('become policies that copy the same to the same places', () => {
    const configuration = loaded(result, ENV)
    const images = ['library/alpine:3', 'library/alpine:3-rc1', 'library/nginx:1']
    expect(copied(configuration, 'hub', images)).toEqual(['library/alpine:3 → local/mirror/alpine:3'])
    expect(copied(configuration, 'local', ['a/b/app:v1', 'a/app:x'])).toEqual(['a/b/app:v1 → other/mirror/app:v1'])
    expect(
      configuration.policies.map(({ name, enabled, override, filters, deletion }) => ({
        name,
        enabled,
        override,
        label: filters.label,
        deletion,
      })),
    ).toEqual([
      { name: 'pull-from-hub', enabled: true, override: false, label: undefined, deletion: 'never' },
      { name: 'push', enabled: false, override: true, label: ['released', 'signed'], deletion: 'never' },
    ])
    expect(configuration.policies[0]).toMatchObject({
      description: 'Base images',
      triggers: [{ schedule: '0 30 2 * * *', timezone: 'UTC' }],
    })
  })

  test('have registries without their secrets; that of Harbor itself is asked for', () => {
    const { registries } = loaded(result, ENV)
    expect(registries.get('hub')).toMatchObject({
      type: 'docker-hub',
      url: 'https://registry-1.docker.io',
      description: USER_TEXT,
    })
    expect(registries.get('other')).toMatchObject({
      insecure: true,
      credential: { username: 'someone', password: 'x' },
    })
    expect(registries.get('local')).toMatchObject({ type: 'harbor', url: 'https://h.example.org' })
    expect(JSON.stringify(result)).not.toMatch(/hunter2|PEM-of-it/)
  })

  test('are told what differs', () => {
    expect(said(result).map((line) => line.replace(/^\S+ /, '').replace(/ \[.*/, ''))).toEqual([
      expect.stringContaining('the secret stays behind: `hub`'),
      expect.stringContaining('the secret stays behind: `other`'),
      '`ca_certificate` has no counterpart',
      'the file does not say where this Harbor itself is',
      'a limit of 800 Kbit/s for each task has no counterpart: limits are of a run or of a registry',
      '`copy_by_chunk` has no counterpart',
      'Harbor takes what has all of these labels; a list here means any of them, which takes more',
      'Harbor deletes at the destination when it sees a deletion; here nothing is deleted',
    ])
    expect(said(result).join()).toContain('replicate run --bandwidth 100KiB/s')
  })
})

test('a list of policies is enough where they have their registries with them, and so is one', () => {
  const one = policy({
    name: 'p',
    src_registry: REGISTRIES[1],
    dest_namespace: null,
    filters: [{ type: 'name', value: 'a/**' }],
  })
  for (const value of [[one], one]) {
    const result = imported(text(value), FROM)
    expect(copied(loaded(result, ENV), 'other', ['a/b:1', 'c/b:1'])).toEqual(['a/b:1 → local/a/b:1'])
  }
})

test.each([
  [true, 'events'],
  [false, 'never'],
])('a policy by events stays one, and deletes where Harbor does: %s', (deletion, expected) => {
  const events = policy({ name: 'p', dest_registry: REGISTRIES[1], trigger: { type: 'event_based' }, deletion })
  const result = imported(text([events]), FROM)
  expect(loaded(result, ENV).policies).toMatchObject([
    { name: 'p', triggers: [{ event: ['push', 'delete'] }], deletion: expected },
  ])
  const all = said(result).join('\n')
  expect(all).toContain('here its webhooks do, and `replicate serve` must run [give the source a `hook_secret`')
  expect(all).toContain('Harbor copies artifacts without a tag, too')
  expect(all).not.toContain('nothing is deleted')
})

test('what Harbor leaves out is false: a real one answers neither `enabled` nor `override` where they are', () => {
  const {
    enabled: _,
    override: __,
    ...bare
  } = policy({ name: 'p', src_registry: REGISTRIES[1] }) as Record<string, unknown>
  const result = imported(text([bare]), FROM)
  expect(loaded(result, ENV).policies).toMatchObject([{ name: 'p', enabled: false, override: false }])
})

test('two filters of one kind, which must both match in Harbor, are said to be either here', () => {
  const filters = [
    { type: 'name', value: 'a/**' },
    { type: 'name', value: '**/b' },
  ]
  const result = imported(text([policy({ name: 'p', src_registry: REGISTRIES[1], filters })]), FROM)
  expect(said(result).join('\n')).toContain('all filters of `name` must match in Harbor')
})

test('a policy whose registry is not in the file is left out', () => {
  const result = imported(text([policy({ name: 'p', src_registry: { id: 9, name: 'gone' } })]), FROM)
  expect(loaded(result, ENV).policies).toEqual([])
  expect(said(result).join('\n')).toContain('of registry gone nothing is known')
})

test('labels of a registry that has none leave their policy out', () => {
  const labelled = policy({ name: 'p', src_registry: REGISTRIES[1], filters: [{ type: 'label', value: ['a'] }] })
  const result = imported(text([labelled]), FROM)
  expect(loaded(result, ENV).policies).toEqual([])
  expect(said(result).join('\n')).toContain('which has no labels')
})

test.each([
  ['{"policies": {}}', '1:14 this is not a file of Harbor: `policies` must be a list'],
  ['[{"id": 1}]', '1:2 this is not a file of Harbor: `name` is missing'],
  [
    '{"errors": [{"code": "UNAUTHORIZED", "message": "unauthorized"}]}',
    '1:1 this is not a file of Harbor: `name` is missing',
  ],
])('an answer of another form is refused at its place: %s', (value, expected) => {
  expect(refused(value, FROM)[0]).toContain(expected)
})
