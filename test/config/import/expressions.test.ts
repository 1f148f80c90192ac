/** Expressions of other tools mean here what they mean there. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anchored, hasBareChoice, wholeExpression } from '../../../src/config/import/expressions.ts'
import { compileRegex } from '../../../src/core/regex.ts'

test.each([
  ['^v3\\.[0-9]+$', 'v3\\.[0-9]+'],
  ['^v3', 'v3.*'],
  ['alpine$', '.*alpine'],
  ['rc', '.*rc.*'],
  ['^.*-rc.*$', '.*-rc.*'],
  ['', '.*'],
  ['^(1|2)$', '(1|2)'],
  ['^a|b$', '.*(?:^a|b$).*'],
  ['(?i)^rc$', '.*(?:(?i)^rc$).*'],
  ['a\\$', '.*(?:a\\$).*'],
  ['^\\Qa.b$', '.*(?:^\\Qa.b$\\E).*'],
])('%s, searched for anywhere, is %s of the whole name', (expression, whole) => {
  expect(wholeExpression(expression)).toBe(whole)
  expect(() => compileRegex(whole)).not.toThrow()
})

test.each([
  ['a|b', true],
  ['(a|b)', false],
  ['((a|b)|c)', false],
  ['(a)|b', true],
  ['[a|b]', false],
  ['a\\|b', false],
  ['[]|]', false],
])('a choice outside all groups is seen in %s: %s', (expression, expected) => {
  expect(hasBareChoice(expression)).toBe(expected)
})

test('anchors are added where they are missing', () => {
  expect(['a', '^a', 'a$', '^a$'].map(anchored)).toEqual(['^a$', '^a$', '^a$', '^a$'])
})

describe('for any expression and name', () => {
  const part = fc.constantFrom(
    'a',
    'b',
    '1',
    '.',
    '\\.',
    '[ab]',
    '[^a]',
    '\\d',
    'a*',
    'b+',
    '1?',
    '(a|b)',
    '(?:a1)*',
    '-',
  )
  const side = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''))
  const expression = fc
    .tuple(fc.constantFrom('', '^'), fc.array(side, { minLength: 1, maxLength: 2 }), fc.constantFrom('', '$'))
    .map(([from, sides, to]) => `${from}${sides.join('|')}${to}`)
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '1', '.', '-', '|', '$'), maxLength: 6 })

  test('the whole name matches exactly where a search finds something', () => {
    fc.assert(
      fc.property(expression, name, (searched, text) => {
        expect(compileRegex(wholeExpression(searched)).matches(text)).toBe(new RegExp(searched).test(text))
      }),
      { numRuns: 2000 },
    )
  })
})
