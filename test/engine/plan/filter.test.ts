import { expect, test } from 'vitest'
import { selectionOf } from '../../../src/engine/plan/filter.ts'
import { compareTags } from '../../../src/engine/plan/versions.ts'
import { type PolicyFields, policyOf } from '../setup.ts'

function selection(fields: PolicyFields, narrow: Readonly<Record<string, readonly string[]>> = {}) {
  return selectionOf(policyOf(fields), narrow)
}

// Range, tags that it takes, tags that it does not.
const RANGES = [
  ['>=1.8 <3', ['v1.8.0', '1.8', '2', 'v2', '2.9.9', '1.10.0'], ['1.7.9', '3', '3.0.0', 'v0.1']],
  ['>=1.8 <3', [], ['1.9.0-rc1', '2.0.0-alpha.1', '1.9.0-1']],
  ['>=1.8 <3', [], ['1.9.01', '01.9.0', 'latest', '1.9.x', 'release-1.9.0', '1.9.0.1', '']],
  ['>=1.9.0-rc0 <3', ['1.9.0-rc1', '1.9.0'], ['1.10.0-rc1']],
  ['1.2.3', ['v1.2.3', '1.2.3'], ['1.2.4', '1.2']],
  ['*', ['0.0.1', '99'], ['latest', '1.0.0-rc1']],
  // Tags of charts: `_` stands for `+`, and only behind a whole version.
  ['>=1.2.0 <2', ['1.2.0_up1', 'v1.3.0_up1.0.2'], ['2.0.0_up1', '1.2_up1', '1.2.0_', '1.3.0-rc1_up1']],
] as const

for (const [range, taken, left] of RANGES) {
  for (const tag of taken) {
    test(`semver ${range} takes ${tag}`, () => {
      expect(selection({ filters: { semver: range } }).tag(tag)).toEqual({ kept: true, rule: `semver: ${range}` })
    })
  }
  for (const tag of left) {
    test(`semver ${range} leaves ${tag || 'an empty tag'}`, () => {
      expect(selection({ filters: { semver: range } }).tag(tag).kept).toBe(false)
    })
  }
}

test('a tag that is no version says so', () => {
  expect(selection({ filters: { semver: '>=1' } }).tag('1.9.01').rule).toBe('semver: 1.9.01 is not a version')
})

test('versions come in the order of versions, and words after them', () => {
  const tags = ['latest', 'v2.0.0', '1.10', '1.9', '1.9.0-rc1', 'edge', '1.9.0_build2', '1.9.0_build1']
  expect(tags.sort(compareTags)).toEqual([
    '1.9.0-rc1',
    '1.9',
    '1.9.0_build1',
    '1.9.0_build2',
    '1.10',
    'v2.0.0',
    'edge',
    'latest',
  ])
})

test('words come in natural order', () => {
  const tags = ['rc-10', 'rc-9', 'rc-09', 'rc', 'rc-9-b', 'stable', 'r020', 'r19', 'b2', 'b10']
  expect(tags.sort(compareTags)).toEqual([
    'b2',
    'b10',
    'r19',
    'r020',
    'rc',
    'rc-09',
    'rc-9',
    'rc-9-b',
    'rc-10',
    'stable',
  ])
})

test('a name filter is about the whole path', () => {
  const { repository } = selection({ filters: { name: ['library/*'] } })
  expect(repository('library/alpine')).toEqual({ kept: true, rule: 'name: library/*' })
  expect(repository('alpine').kept).toBe(false)
  expect(repository('library/team/app').kept).toBe(false)
})

test('a list of patterns takes what any of them matches, and names the one that did', () => {
  const { tag } = selection({ filters: { tag: ['3.*', 'latest'] } })
  expect(tag('latest')).toEqual({ kept: true, rule: 'tag: latest' })
  expect(tag('2.1')).toEqual({ kept: false, rule: 'tag: 3.*, latest' })
})

test('a regular expression is about the whole name, and is named as the rule', () => {
  const regex = { name: ['team/[a-z]+'], tag: ['v\\d+\\.\\d+', 'latest|edge'], exclude: { tag: ['v0\\..*'] } }
  const { repository, tag, tags } = selection({ filters: { regex } })
  expect(repository('team/app')).toEqual({ kept: true, rule: 'regex.name: team/[a-z]+' })
  expect(repository('my/team/app').kept).toBe(false)
  expect(tag('v1.20')).toEqual({ kept: true, rule: 'regex.tag: v\\d+\\.\\d+' })
  expect(tag('edge').kept).toBe(true)
  expect(tag('edges')).toEqual({ kept: false, rule: 'regex.tag: v\\d+\\.\\d+, latest|edge' })
  expect(tag('v0.3')).toEqual({ kept: false, rule: 'regex.exclude.tag: v0\\..*' })
  expect(tags).toBeUndefined()
})

test('a pattern and a regular expression must both match', () => {
  const { tag } = selection({ filters: { tag: ['v*'], regex: { tag: ['.*[02468]'] } } })
  expect(tag('v2').kept).toBe(true)
  expect(tag('v1').rule).toBe('regex.tag: .*[02468]')
  expect(tag('2').rule).toBe('tag: v*')
})

test('a hostile name takes a regular expression no time to speak of', () => {
  const { tag } = selection({ filters: { regex: { tag: ['(x+x+)+y', '(a|aa)+b'] } } })
  const started = performance.now()
  expect(tag('x'.repeat(100_000)).kept).toBe(false)
  expect(tag('a'.repeat(100_000)).kept).toBe(false)
  expect(performance.now() - started).toBeLessThan(5000)
})

test('a namespace takes its own repositories and those below it, not others that begin alike', () => {
  const { repository } = selection({ namespaces: ['team'] })
  expect(repository('team/app').kept).toBe(true)
  expect(repository('team/sub/app').kept).toBe(true)
  expect(repository('teams/app').kept).toBe(false)
  expect(repository('team').kept).toBe(false)
})

test('excludes win over what the filters take', () => {
  const { repository, tag } = selection({
    filters: { name: ['library/**'], tag: ['3.*'], exclude: { name: ['library/alpine-extra'], tag: ['*-rc*'] } },
  })
  expect(repository('library/alpine').kept).toBe(true)
  expect(repository('library/alpine-extra')).toEqual({ kept: false, rule: 'exclude.name: library/alpine-extra' })
  expect(tag('3.1').kept).toBe(true)
  expect(tag('3.1-rc1')).toEqual({ kept: false, rule: 'exclude.tag: *-rc*' })
})

test('all filters must match, and --filter narrows further', () => {
  const { tag } = selection({ filters: { tag: ['v*'], semver: '>=1' } }, { tag: ['*.0'] })
  expect(tag('v1.0').kept).toBe(true)
  expect(tag('1.0').rule).toBe('tag: v*')
  expect(tag('v1.1').rule).toBe('--filter tag: *.0')
  expect(tag('v0.0').rule).toBe('semver: >=1')
})

test('a `+` in a tag filter is the `_` that helm writes into tags', () => {
  const { tags, tag } = selection({ filters: { tag: ['1.2.0+up1.0.2'], exclude: { tag: ['*+rc*'] } } })
  expect(tags).toEqual(['1.2.0_up1.0.2'])
  expect(tag('1.2.0_up1.0.2')).toEqual({ kept: true, rule: 'tag: 1.2.0+up1.0.2' })
  expect(selection({ filters: { exclude: { tag: ['*+rc*'] } } }).tag('1.0.0_rc1').kept).toBe(false)
})

test('a tag may be pinned to a digest', () => {
  const digest = `sha256:${'b'.repeat(64)}`
  const { tags, pinned, tag } = selection({ filters: { tag: [`1.36@${digest}`, '1.37'] } })
  expect(tags).toEqual(['1.36', '1.37'])
  expect([...pinned]).toEqual([['1.36', digest]])
  expect(tag('1.36')).toEqual({ kept: true, rule: `tag: 1.36@${digest}` })
})

test('patterns without wildcards are lists of names, so that nothing need be listed', () => {
  const { repositories, tags } = selection({ filters: { name: ['lib/{a,b}', 'x'], tag: ['1.{0,1}'] } })
  expect([repositories, tags]).toEqual([
    ['lib/a', 'lib/b', 'x'],
    ['1.0', '1.1'],
  ])
  const wild = selection({ filters: { name: ['lib/a', 'lib/*'], tag: ['1.?'] } })
  expect([wild.repositories, wild.tags]).toEqual([undefined, undefined])
})

test('a platform without a variant takes every variant, one with a variant takes that one', () => {
  const { platform } = selection({ filters: { platforms: ['linux/amd64', 'linux/arm/v7'] } })
  expect(platform?.({ os: 'linux', architecture: 'amd64', variant: 'v3' })).toBe(true)
  expect(platform?.({ os: 'linux', architecture: 'arm', variant: 'v7' })).toBe(true)
  expect(platform?.({ os: 'linux', architecture: 'arm', variant: 'v6' })).toBe(false)
  expect(platform?.({ os: 'linux', architecture: 'arm64' })).toBe(false)
  expect(platform?.(undefined)).toBe(false)
  expect(selection({}).platform).toBeUndefined()
})

test('without filters all is taken', () => {
  const { repository, tag } = selection({})
  expect(repository('a/b/c')).toEqual({ kept: true, rule: 'no filter' })
  expect(tag('anything')).toEqual({ kept: true, rule: 'no filter' })
})
