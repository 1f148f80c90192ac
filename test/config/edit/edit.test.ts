/** Edits of a configuration's text: only the intended lines change. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isMap, isNode, isScalar, parseDocument } from 'yaml'
import { type Edit, editedText } from '../../../src/config/edit/edit.ts'
import { contentOf, parseSource } from '../../../src/config/source.ts'
import { ConfigurationError } from '../../../src/core/errors.ts'

const NASTY = `%YAML 1.2
---
# Our registries.   Mind the gaps!
registries:   # all of them

    hub:  {type: docker-hub ,  description: 'Docker''s own',}   # flow

    # Harbor in Frankfurt,
    # asked for by the platform team.
    harbor:
        type   : harbor
        url: "https://harbor.example.com"   # production
        description: >-
            two lines
            of text
        limits: &gentle
            connections:     4
            # requests_per_second: 5
        insecure:    false

        # ca: ./ca.pem
    # commented out:
    #   old: { type: quay }
    zot:
        type: zot
        url: http://localhost:5000
        limits: *gentle
    "gitlab" :
        <<: &base { type: gitlab }
        description:


policies:
    c:
        source: hub/library/alpine
        filters:
            tag:
            -   "3.*"   # all threes
            -   latest
            name: [ library/alpine , library/redis ]
    a: &a
        source: hub/library/alpine
        destination: harbor/mirror
        filters:
            newest: 3
    b:
        <<: *a
        enabled:   true # on purpose
    # the end
`

const cwd = '/somewhere'

function edited(text: string, ...edits: readonly Edit[]): string {
  return editedText({ path: '/somewhere/config.yaml', text }, edits, cwd)
}

function problem(text: string, ...edits: readonly Edit[]): ConfigurationError {
  try {
    edited(text, ...edits)
  } catch (error) {
    if (error instanceof ConfigurationError) return error
    throw error
  }
  throw new Error('nothing was wrong')
}

/** Lines that went and came, as `diff` finds them. */
function diff(before: string, after: string): readonly string[] {
  const [a, b] = [before.split('\n'), after.split('\n')]
  const common = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const row = common[i]
      if (row) row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: string[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      i += 1
      j += 1
    } else if (i < a.length && (j === b.length || at(i + 1, j) >= at(i, j + 1))) lines.push(`-${a[i++]}`)
    else lines.push(`+${b[j++]}`)
  }
  return lines
}

const changes = (...edits: readonly Edit[]): readonly string[] => diff(NASTY, edited(NASTY, ...edits))

describe('a value', () => {
  test('changes in its place, with its quotes, its spaces and its comment', () => {
    expect(changes({ set: ['registries', 'harbor', 'url'], to: 'https://new.example.com' })).toEqual([
      '-        url: "https://harbor.example.com"   # production',
      '+        url: "https://new.example.com"   # production',
    ])
    expect(changes({ set: ['policies', 'b', 'enabled'], to: false })).toEqual([
      '-        enabled:   true # on purpose',
      '+        enabled:   false # on purpose',
    ])
    expect(changes({ set: ['registries', 'hub', 'description'], to: "it's new" })).toEqual([
      "-    hub:  {type: docker-hub ,  description: 'Docker''s own',}   # flow",
      "+    hub:  {type: docker-hub ,  description: 'it''s new',}   # flow",
    ])
  })

  test('of several lines becomes one, and the other way round', () => {
    expect(changes({ set: ['registries', 'harbor', 'description'], to: 'short' })).toEqual([
      '-        description: >-',
      '-            two lines',
      '-            of text',
      '+        description: short',
    ])
    expect(changes({ set: ['policies', 'c', 'source'], to: { registry: 'hub', namespaces: ['library'] } })).toEqual([
      '-        source: hub/library/alpine',
      '+        source:',
      '+            registry: hub',
      '+            namespaces: [library]',
    ])
  })

  test('of several lines becomes one where it stood below its key', () => {
    expect(edited('a:\n  b:\n    # c\n    - x\n    - y: 1\n  d: 1\n', { set: ['a', 'b'], to: 'z' })).toBe(
      'a:\n  b: z\n  d: 1\n',
    )
  })

  test('that is already so changes nothing', () => {
    expect(changes({ set: ['policies', 'b', 'enabled'], to: true })).toEqual([])
    expect(changes({ set: ['policies', 'c', 'filters', 'tag'], to: ['3.*', 'latest'] })).toEqual([])
  })

  test('that a merge key gives is written out beside it', () => {
    expect(changes({ set: ['policies', 'b', 'source'], to: 'hub/other' })).toEqual(['+        source: hub/other'])
  })

  test('that is a list keeps its form', () => {
    expect(changes({ set: ['policies', 'c', 'filters', 'tag'], to: ['4.*'] })).toEqual([
      '-            -   "3.*"   # all threes',
      '-            -   latest',
      '+            - 4.*',
    ])
    expect(changes({ set: ['policies', 'c', 'filters', 'name'], to: ['a/b', 'c, d'] })).toEqual([
      '-            name: [ library/alpine , library/redis ]',
      '+            name: [a/b, "c, d"]',
    ])
  })

  test('that is empty is filled', () => {
    expect(changes({ set: ['registries', 'gitlab', 'description'], to: 'Ours: all of it' })).toEqual([
      '-        description:',
      '+        description: "Ours: all of it"',
    ])
  })

  test('of a mapping changes where it differs', () => {
    const to = { type: 'harbor', url: 'https://harbor.example.com', limits: { connections: 8 }, ca: './ca.pem' }
    expect(changes({ set: ['registries', 'zot'], to: { type: 'zot', url: 'http://localhost:5001' } })).toEqual([
      '-        url: http://localhost:5000',
      '-        limits: *gentle',
      '+        url: http://localhost:5001',
    ])
    expect(() => changes({ set: ['registries', 'harbor'], to })).toThrow(/would change `registries.zot/)
  })

  test('keeps its type for other readers of YAML', () => {
    expect(edited('a:\n  b: x\n', { set: ['a', 'c'], to: '3.20' }, { set: ['a', 'd'], to: true })).toBe(
      'a:\n  b: x\n  c: "3.20"\n  d: true\n',
    )
  })
})

describe('an entry', () => {
  test('is added behind the comments of the one before', () => {
    const to = { type: 'docker-registry', url: 'https://r.example.com' }
    expect(changes({ set: ['registries', 'new'], to })).toEqual([
      '+    new:',
      '+        type: docker-registry',
      '+        url: https://r.example.com',
    ])
    expect(edited(NASTY, { set: ['registries', 'new'], to })).toContain('description:\n    new:\n')
    expect(edited(NASTY, { set: ['policies', 'd'], to: { source: 'hub/x' } })).toContain('# the end\n    d:\n')
  })

  test('is added within braces', () => {
    expect(changes({ set: ['registries', 'hub', 'url'], to: 'https://x' })).toEqual([
      "-    hub:  {type: docker-hub ,  description: 'Docker''s own',}   # flow",
      "+    hub:  {type: docker-hub ,  description: 'Docker''s own', url: https://x,}   # flow",
    ])
    expect(edited('{"registries": {"a": {"type": "x"}}}', { set: ['registries', 'b'], to: { type: 'y' } })).toBe(
      '{"registries": {"a": {"type": "x"}, "b": { "type": "y" }}}',
    )
    expect(edited('a: {\n  b: 1, # one\n  c: 2 # two\n}\n', { set: ['a', 'd'], to: 3 }, { remove: ['a', 'c'] })).toBe(
      'a: {\n  b: 1, # one\n  d: 3\n}\n',
    )
  })

  test.each([
    ['', 'registries:\n  a:\n    type: x\n'],
    ['# only this\n', '# only this\n\nregistries:\n  a:\n    type: x\n'],
    ['---\n', '---\nregistries:\n  a:\n    type: x\n'],
    ['registries:\n', 'registries:\n  a:\n    type: x\n'],
    ['registries: # none\n  # b: 1\n\np: 1', 'registries: # none\n  # b: 1\n  a:\n    type: x\n\np: 1'],
    // A comment as deep as the key is about what follows; a deeper one is about what it holds.
    ['registries:\n# policies below\np: 1', 'registries:\n  a:\n    type: x\n# policies below\np: 1'],
    ['registries:\n # odd\np: 1', 'registries:\n # odd\n  a:\n    type: x\np: 1'],
    ['registries: {} # none\n', 'registries: # none\n  a:\n    type: x\n'],
    [
      'policies:\n   p:\n      source: x\n   # q\n',
      'policies:\n   p:\n      source: x\n   # q\n\nregistries:\n   a:\n      type: x\n',
    ],
    ['policies: {}', 'policies: {}\n\nregistries:\n  a:\n    type: x\n'],
    ['policies: {}\n...\n', 'policies: {}\n\nregistries:\n  a:\n    type: x\n...\n'],
    ['registries:\n  b:\n    type: y', 'registries:\n  b:\n    type: y\n  a:\n    type: x'],
    [
      'registries:\n  b:\n    type: y\n\n  c:\n    type: y\n\np: 1\n',
      'registries:\n  b:\n    type: y\n\n  c:\n    type: y\n\n  a:\n    type: x\n\np: 1\n',
    ],
  ])('is added to %j', (before, after) => {
    expect(edited(before, { set: ['registries', 'a'], to: { type: 'x' } })).toBe(after)
  })

  test('that was the last of a JSON file leaves JSON', () => {
    const text = JSON.stringify({ registries: { a: { type: 'x' }, b: { type: 'y' }, c: { type: 'z' } } }, undefined, 2)
    for (const names of [['c'], ['c', 'b'], ['a'], ['b']]) {
      const after = edited(text, ...names.map((name): Edit => ({ remove: ['registries', name] })))
      const kept = ['a', 'b', 'c'].filter((name) => !names.includes(name))
      expect(Object.keys(JSON.parse(after).registries)).toEqual(kept)
    }
    expect(edited('{"a": {"b": 1, "c": 2}}', { remove: ['a', 'c'] })).toBe('{"a": {"b": 1}}')
    expect(edited('{"a": {"b": 1, "c": 2,}}', { remove: ['a', 'c'] })).toBe('{"a": {"b": 1,}}')
  })

  test('goes with its comments and its empty lines', () => {
    expect(() => changes({ remove: ['registries', 'harbor'] })).toThrow(/holds `&gentle`, which is used elsewhere/)
    expect(changes({ remove: ['registries', 'zot'] })).toEqual([
      '-    # commented out:',
      '-    #   old: { type: quay }',
      '-    zot:',
      '-        type: zot',
      '-        url: http://localhost:5000',
      '-        limits: *gentle',
    ])
    expect(changes({ remove: ['policies', 'b'] })).toEqual([
      '-    b:',
      '-        <<: *a',
      '-        enabled:   true # on purpose',
    ])
    expect(edited('r:\n  a: 1\n\n  # about b\n  b: 2\n\n  c: 3\n', { remove: ['r', 'b'] })).toBe(
      'r:\n  a: 1\n\n  c: 3\n',
    )
    expect(edited('r:\n  a: 1\n\n  b: 2\n\n\nq: 3\n', { remove: ['r', 'b'] })).toBe('r:\n  a: 1\n\n\nq: 3\n')
    expect(edited('r:\n  a: 1\n  b: 2', { remove: ['r', 'b'] })).toBe('r:\n  a: 1')
    expect(edited('r:\n  a: {x: 1, y: 2}\n', { remove: ['r', 'a', 'x'] })).toBe('r:\n  a: {y: 2}\n')
    expect(edited('r: {a: 1, b: 2, }\n', { remove: ['r', 'b'] })).toBe('r: {a: 1, }\n')
  })

  test('that was the last of its section leaves the section', () => {
    expect(edited('registries:\n  a:\n    type: x\np: 1\n', { remove: ['registries', 'a'] })).toBe(
      'registries:\np: 1\n',
    )
    expect(edited('registries: {a: {type: x}}\n', { remove: ['registries', 'a'] })).toBe('registries: {}\n')
  })

  test('takes a mapping with it that would be empty', () => {
    expect(edited('r:\n  a:\n    limits:\n      x: 1\n    b: 1\n', { remove: ['r', 'a', 'limits', 'x'] })).toBe(
      'r:\n  a:\n    b: 1\n',
    )
  })

  test('that is not there need not be removed', () => {
    expect(changes({ remove: ['registries', 'nobody'] }, { remove: ['registries', 'zot', 'ca'] })).toEqual([])
  })
})

describe('a note', () => {
  test('stands above its entry, and once', () => {
    const text = 'policies:\n  # mine\n  a:\n    source: x\n'
    const created = edited(text, { note: ['policies', 'a'], begins: 'created', text: 'created 2026-05-01 by ann' })
    expect(created).toBe('policies:\n  # mine\n  # created 2026-05-01 by ann\n  a:\n    source: x\n')
    const changed = edited(
      created,
      { note: ['policies', 'a'], begins: 'changed', text: 'changed 2026-05-02 by bob' },
      { note: ['policies', 'a'], begins: 'changed', text: 'changed 2026-05-03 by ann' },
    )
    expect(changed).toBe(
      'policies:\n  # mine\n  # created 2026-05-01 by ann\n  # changed 2026-05-03 by ann\n  a:\n    source: x\n',
    )
  })
})

describe('what cannot be changed alone is refused with its place', () => {
  test.each<readonly [string, Edit, RegExp, string]>([
    [
      'through an alias',
      { set: ['registries', 'zot', 'limits', 'connections'], to: 1 },
      /alias `\*gentle`/,
      'limits: *gentle',
    ],
    ['through a merge key', { set: ['policies', 'b', 'filters', 'tag'], to: 'x' }, /alias `\*a`/, 'filters:'],
    [
      'behind an anchor',
      { set: ['registries', 'harbor', 'limits', 'connections'], to: 1 },
      /`registries\.zot\.limits\.connections`, too, through `&gentle`/,
      'connections:     4',
    ],
    [
      'what others merge',
      { set: ['policies', 'a', 'source'], to: 'x' },
      /`policies\.b\.source`, too, through `&a`/,
      'source: hub/library/alpine',
    ],
    [
      'below what is not a mapping',
      { set: ['policies', 'c', 'source', 'registry'], to: 'x' },
      /is not a mapping/,
      'source: hub/',
    ],
  ])('%s', (_, edit, message, line) => {
    const error = problem(NASTY, edit)
    expect(error.message).toMatch(message)
    expect(error.problems[0]?.position?.file).toBe('config.yaml')
    expect(NASTY.split('\n')[(error.problems[0]?.position?.line ?? 0) - 1]).toContain(line)
    expect(error.problems[0]?.text).toContain(line)
  })

  test('but what nobody else takes from an anchor may change', () => {
    expect(changes({ set: ['policies', 'a', 'enabled'], to: false })).toEqual(['+        enabled: false'])
  })

  test.each([
    ['a:\n\tb: 1\n', /[Tt]abs/],
    ['a: 1\na: 2\n', /twice/],
    ['a: [1\n', /not YAML/],
  ])('%j is no YAML', (text, message) => {
    const error = problem(text, { set: ['b'], to: 1 })
    expect(error.message).toMatch(message)
    expect(error.problems[0]?.position?.line).toBeGreaterThan(0)
  })
})

test('ends of lines stay what they are', () => {
  const crlf = (text: string): string => text.replaceAll('\n', '\r\n')
  for (const edit of [
    { set: ['registries', 'new'], to: { type: 'x', limits: { connections: 2 } } },
    { set: ['registries', 'harbor', 'description'], to: 'short' },
    { set: ['policies', 'c', 'filters', 'tag'], to: ['a', 'b'] },
    { set: ['policies', 'c', 'source'], to: { registry: 'hub' } },
    { remove: ['registries', 'zot'] },
    { remove: ['policies', 'b', 'enabled'] },
    { note: ['policies', 'b'], begins: 'changed', text: 'changed today' },
    { set: ['serve', 'listen'], to: 'x' },
  ] satisfies readonly Edit[]) {
    expect(edited(crlf(NASTY), edit)).toBe(crlf(edited(NASTY, edit)))
  }
})

/** Every path of keys in the text. */
function paths(content: unknown, above: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return []
  return Object.entries(content).flatMap(([key, value]) => [[...above, key], ...paths(value, [...above, key])])
}

/** The lines on which what stands at the path is written; of a path that is not there, those of the braces that would hold it. */
function linesOf(path: readonly string[]): readonly string[] {
  const document = parseDocument(NASTY, { schema: 'failsafe' })
  const node = document.getIn(path, true)
  const above = document.getIn(path.slice(0, -1), true)
  const key = isMap(above)
    ? above.items.find((pair) => isScalar(pair.key) && pair.key.value === path.at(-1))?.key
    : undefined
  const start = isScalar(key) ? key.range?.[0] : isMap(above) && above.flow ? above.range?.[0] : undefined
  if (start === undefined) return []
  const end = (isNode(node) ? node.range?.[1] : isMap(above) ? above.range?.[1] : undefined) ?? start
  const line = (at: number): number => NASTY.slice(0, at).split('\n').length - 1
  return NASTY.split('\n').slice(line(start), line(Math.max(start, end - 1)) + 1)
}

test('whatever is set is there afterwards, and every line outside of it is as it was', () => {
  const all = paths(contentOf(parseSource({ path: 'x', text: NASTY }, cwd).source)).filter(({ length }) => length > 1)
  const value = fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.array(fc.string(), { maxLength: 3 }))
  const name = fc.option(fc.stringMatching(/^[a-z0-9]{1,8}$/), { nil: undefined })
  let changed = 0
  fc.assert(
    fc.property(fc.constantFrom(...all), name, value, (path, added, to) => {
      const target = added === undefined ? path : [...path, added]
      let after: string
      try {
        after = edited(NASTY, { set: target, to })
      } catch (error) {
        // Refused aloud, for there are anchors; a wrong result would not be.
        expect(error).toBeInstanceOf(ConfigurationError)
        return
      }
      changed += 1
      const lost = diff(NASTY, after).filter((line) => line.startsWith('-'))
      for (const line of lost) expect(linesOf(target)).toContain(line.slice(1))
      expect(edited(after, { set: target, to })).toBe(after)
    }),
    { numRuns: 400 },
  )
  expect(changed).toBeGreaterThan(100)
})
