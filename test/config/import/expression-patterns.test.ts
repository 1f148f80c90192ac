/** Regular expressions become patterns that match the same. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { patternsOf } from '../../../src/config/import/expression-patterns.ts'
import { ExpressionError } from '../../../src/config/import/regular-expression.ts'
import { compilePattern } from '../../../src/core/pattern.ts'

function matcher(expression: string, of: 'tag' | 'name'): { readonly exact: boolean; matches(name: string): boolean } {
  const { matchings, exact } = patternsOf(expression, of)
  const compiled = matchings.map(({ include, exclude }) => ({
    include: compilePattern(include),
    exclude: exclude.map(compilePattern),
  }))
  return {
    exact,
    matches: (name) =>
      compiled.some(
        ({ include, exclude }) => include.matches(name) && !exclude.some((pattern) => pattern.matches(name)),
      ),
  }
}

describe('a regular expression', () => {
  test.each([
    ['^latest$', ['latest'], ['latest1', 'xlatest']],
    ['^3\\.\\d+$', ['3.1', '3.20'], ['3.', '3.1.1', '3.1-rc1', '13.1']],
    ['^v?\\d+\\.\\d+\\.\\d+$', ['1.2.3', 'v1.20.3'], ['1.2', '1.2.3.4', 'v1.2.x', '1..3', 'vv1.2.3']],
    ['^1\\.26\\.\\d-(glibc|musl)$', ['1.26.1-glibc', '1.26.9-musl'], ['1.26.10-musl', '1.26.1-uclibc']],
    ['a+', ['a', 'bab', 'baaa'], ['b']],
    ['^[0-9]+-alpine$', ['3-alpine', '34-alpine'], ['3.1-alpine', '-alpine', '3-alpine-alpine']],
    ['^(?i)rc', ['rc1', 'RC', 'Rc-2'], ['1rc']],
    ['^[^-]+$', ['1.2', 'latest'], ['1.2-rc']],
    ['^3|4$', ['3', '3.1', '1.4'], ['2', '43.1']],
    ['^2024\\d{4}$', ['20240131'], ['2024013', '202401311', '2024013a']],
    ['^[[:digit:]]+_\\w\\x2e\\Q.-\\E$', ['1_a..-', '22__..-'], ['_a..-', '1_-..-']],
    ['^(1|2)?x{2,3}$', ['xx', '1xxx', '2xx'], ['x', '3xx', 'xxxx']],
  ])('%s matches the same tags as a pattern', (expression, matching, others) => {
    const { matches, exact } = matcher(expression, 'tag')
    expect(exact).toBe(true)
    expect(matching.filter((tag) => !matches(tag))).toEqual([])
    expect(others.filter(matches)).toEqual([])
  })

  test.each([
    ['^library/.*$', ['library/a', 'library/a/b'], ['library', 'xlibrary/a']],
    ['^(a|b)/[^/]+$', ['a/x', 'b/y'], ['a/x/y', 'c/x']],
    ['^.*/app$', ['x/app', 'x/y/app'], ['app', 'x/myapp']],
    ['^a/.*/b$', ['a/x/b', 'a/x/y/b'], ['a/b']],
    ['^foo.+$', ['foobar', 'foo/bar'], ['foo']],
    ['^team-[a-z]+/[a-z]+$', ['team-a/b'], ['team-1/b', 'team-a/b/c', 'team-a/b1']],
  ])('%s matches the same repositories as a pattern', (expression, matching, others) => {
    const { matches, exact } = matcher(expression, 'name')
    expect(exact).toBe(true)
    expect(matching.filter((name) => !matches(name))).toEqual([])
    expect(others.filter(matches)).toEqual([])
  })

  test.each(['^\\d+\\.\\d+.*$', '^(-[a-z]+)*$', '\\bx', '^([0-9]+|[a-z]+)-[a-z]+$'])(
    '%s, which no pattern says, is known not to be exact where it is not',
    (expression) => {
      const { matches, exact } = matcher(expression, 'tag')
      if (exact) return
      for (const tag of ['1.2', '1.2-x', '-a-b', 'x', 'ab-c', '12-c'])
        if (new RegExp(expression).test(tag)) expect(matches(tag)).toBe(true)
    },
  )

  test.each(['(a', 'a)', '[a', '*a', '\\', '(?=a)', '[b-a]', 'a{2,1}', '\\1'])('%s is refused', (expression) => {
    expect(() => patternsOf(expression, 'tag')).toThrow(ExpressionError)
  })

  test.each(['^$', '^[/]$', 'a^b'])('%s matches no tag and becomes no pattern', (expression) => {
    expect(patternsOf(expression, 'tag').matchings).toEqual([])
  })
})

const piece = fc.constantFrom(
  'a',
  'b',
  '1',
  '\\.',
  '-',
  '.',
  '\\d',
  '[a-b]',
  '[^a]',
  '[0-9.]',
  '\\w',
  '(a|1)',
  '(ab|-)',
  '(?:b\\.)',
)
const times = fc.constantFrom('', '', '', '?', '*', '+', '{2}', '{1,2}')
const sequence = fc
  .array(
    fc.tuple(piece, times).map(([a, b]) => a + b),
    { minLength: 1, maxLength: 5 },
  )
  .map((all) => all.join(''))
const expressions = fc
  .tuple(fc.boolean(), fc.array(sequence, { minLength: 1, maxLength: 2 }), fc.boolean())
  .map(([start, choices, end]) => `${start ? '^' : ''}${choices.join('|')}${end ? '$' : ''}`)
const tags = fc.stringMatching(/^[ab1._-]{1,7}$/).filter((tag) => /^[a-zA-Z0-9_]/.test(tag))

describe('whatever expression and tag', () => {
  test('an exact pattern agrees, and one that is not takes at least as much', () => {
    fc.assert(
      fc.property(expressions, fc.array(tags, { minLength: 20, maxLength: 20 }), (expression, names) => {
        const { matches, exact } = matcher(expression, 'tag')
        const regexp = new RegExp(expression)
        for (const name of names) {
          const expected = regexp.test(name)
          if (exact) expect(matches(name), `${expression} on ${name}`).toBe(expected)
          else if (expected) expect(matches(name), `${expression} on ${name}`).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('the same holds for repositories', () => {
    const names = fc.stringMatching(/^[ab1](?:[ab1]|[/.-][ab1]){0,5}$/)
    const slashed = expressions.map((expression) =>
      expression.replaceAll('-', '/').replaceAll('a/b', 'a-b').replaceAll('0/9', '0-9'),
    )
    fc.assert(
      fc.property(slashed, fc.array(names, { minLength: 20, maxLength: 20 }), (expression, all) => {
        const { matches, exact } = matcher(expression, 'name')
        const regexp = new RegExp(expression)
        for (const name of all) {
          const expected = regexp.test(name)
          if (exact) expect(matches(name), `${expression} on ${name}`).toBe(expected)
          else if (expected) expect(matches(name), `${expression} on ${name}`).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })
})
