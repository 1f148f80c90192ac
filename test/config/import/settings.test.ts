/** What stands in several places of a file, and the commands that are advised in place of a policy. */

import { describe, expect, test } from 'vitest'
import { imported, loaded, said } from './setup.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

test.each([
  ['', '', false],
  ['', 'referrers: true', true],
  ['', 'digestTags: true', true],
  ['referrers: true', '', true],
  ['digestTags: true', '', true],
  ['referrers: true, digestTags: true', 'referrers: false', true],
  ['referrers: true', 'referrers: false', false],
  ['digestTags: true', 'digestTags: false', false],
])('regsync: with the defaults {%s} and {%s} referrers travel: %s', (defaults, own, expected) => {
  const text = `defaults: {${defaults}}
sync: [{source: "a.example.org/x:1", target: "b.example.org/x:1", type: image${own === '' ? '' : `, ${own}`}}]`
  expect(loaded(imported(text, { from: 'regsync' })).policies[0]?.referrers).toBe(expected)
})

test('regsync: without a filter the tags of signatures are copied as any other, so referrers travel', () => {
  const text = 'sync: [{source: a.example.org/x, target: b.example.org/x, type: repository, tags: {deny: [old]}}]'
  expect(loaded(imported(text, { from: 'regsync' })).policies[0]?.referrers).toBe(true)
})

test.each([
  ['interval: 1h', 'interval: 30m', '*/30 * * * *'],
  ['interval: 1h', 'interval: 0s', '0 * * * *'],
  ['schedule: "@daily"', '', '@daily'],
  ['ratelimit: {min: 0}', 'schedule: "@weekly"', '@weekly'],
])('regsync: with the defaults {%s} and {%s} it runs at %s', (defaults, own, schedule) => {
  const text = `defaults: {${defaults}}
sync: [{source: "a.example.org/x:1", target: "b.example.org/x:1", type: image${own === '' ? '' : `, ${own}`}}]`
  expect(loaded(imported(text, { from: 'regsync' })).policies[0]?.triggers).toEqual([{ schedule }])
})

test('regsync: a reserve of 0 is that of the defaults', () => {
  const text = `defaults: {ratelimit: {min: 40}}
sync: [{source: "a.example.org/x:1", target: "b.example.org/x:1", type: image, ratelimit: {min: 0}}]`
  expect(loaded(imported(text, { from: 'regsync' })).registries.get('a.example.org')?.limits).toEqual({
    rate_limit_reserve: 40,
  })
})

test('dregsy: a registry that stands at two tasks is defined once, by the first', () => {
  const auth = (username: string): string => Buffer.from(JSON.stringify({ username })).toString('base64')
  const task = (name: string, user: string): string =>
    `  - {name: ${name}, source: {registry: a.example.org, auth: ${auth(user)}}, target: {registry: b.example.org}, mappings: [{from: x/${name}}]}`
  const result = imported(`tasks:\n${task('one', 'ann')}\n${task('two', 'bob')}\n`, { from: 'dregsy' })
  const { registries, policies } = loaded(result, { A_EXAMPLE_ORG_PASSWORD: 'x' })
  expect([...registries.keys()]).toEqual(['a.example.org'])
  expect(registries.get('a.example.org')?.credential?.username).toBe('ann')
  expect(policies.map(({ source }) => source.registry)).toEqual(['a.example.org', 'a.example.org'])
  expect(said(result).filter((line) => line.includes('the secret stays behind'))).toHaveLength(1)
})

describe('a repository that gets another name is left to a command', () => {
  const advised = (mapping: string, tags: string): string => {
    const text = `tasks: [{name: t, source: {registry: a.example.org}, target: {registry: b.example.org}, mappings: [{${mapping}, platform: all${tags}}]}]`
    return /use: (.*)\]/.exec(said(imported(text, { from: 'dregsy' })).join('\n'))?.[1] ?? ''
  }

  test.each([
    ['', "replicate copy 'a.example.org/x/y:*' b.example.org/x/z"],
    [', tags: ["1"]', 'replicate copy a.example.org/x/y:1 b.example.org/x/z'],
    [', tags: ["1", "2"]', "replicate copy 'a.example.org/x/y:{1,2}' b.example.org/x/z"],
    [`, tags: ["${DIGEST}"]`, `replicate copy a.example.org/x/y@${DIGEST} b.example.org/x/z`],
    [`, tags: ["1@${DIGEST}"]`, `replicate copy a.example.org/x/y:1@${DIGEST} b.example.org/x/z`],
    [', tags: ["regex: 1.*"]', "replicate copy 'a.example.org/x/y:TAG' b.example.org/x/z"],
    [', tags: ["semver: >=1.0.0"]', "replicate copy 'a.example.org/x/y:TAG' b.example.org/x/z"],
    [', tags: ["keep: latest 2"]', "replicate copy 'a.example.org/x/y:TAG' b.example.org/x/z"],
    [', tags: ["1", "regex: 2.*"]', "replicate copy 'a.example.org/x/y:TAG' b.example.org/x/z"],
  ])('with {from: x/y, to: x/z%s}: %s', (tags, command) => {
    expect(advised('from: x/y, to: x/z', tags)).toBe(command)
  })

  test('which names the file if it names a registry of the file', () => {
    const text = `tasks: [{name: t, source: {registry: a.example.org, auth: none}, target: {registry: b.example.org}, mappings: [{from: x/y, to: x/z, tags: ["1"]}]}]`
    expect(said(imported(text, { from: 'dregsy' })).join('\n')).toContain(
      'replicate copy --config FILE a.example.org/x/y:1 b.example.org/x/z',
    )
  })
})
