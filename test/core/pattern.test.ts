/** Patterns: the table of the manual, what is malformed, and that no pattern is slow. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compilePattern, PatternError } from '../../src/core/pattern.ts'

const TABLE: readonly [string, readonly string[], readonly string[]][] = [
  ['library/*', ['library/hello-world'], ['library/my/hello-world', 'library']],
  ['library/**', ['library/hello-world', 'library/my/hello-world'], ['library']],
  ['{library,goharbor}/**', ['library/hello-world', 'goharbor/harbor-core'], ['google/hello-world']],
  ['1.?', ['1.0'], ['1.01']],
  ['**/app', ['app', 'a/app', 'a/b/app'], ['a/myapp']],
  ['a/**/b', ['a/b', 'a/x/y/b'], ['a/x']],
  ['lib**', ['library', 'library/a/b'], ['alib']],
  ['{library/*,x}/y', ['library/z/y', 'x/y'], ['library/y']],
  ['{a{b,c},d}', ['ab', 'ac', 'd'], ['a']],
  // beyond the table
  ['', ['a', 'a/b', ''], []],
  ['*', ['a', '.a'], ['a/b']],
  ['**', ['a', 'a/b', '..'], []],
  ['!a', ['!a'], ['b', 'a']],
  ['@(a)', ['@(a)'], ['a']],
  ['+(a)*', ['+(a)b'], ['aa']],
  ['a"b"', ['a"b"'], ['ab']],
  ['..', ['..'], ['ab']],
  ['./a', ['./a'], ['a']],
  ['a,b', ['a,b'], ['a']],
  ['\\*', ['*'], ['a']],
  ['{a\\,b,c}', ['a,b', 'c'], ['a', 'b']],
  ['{a,}b', ['ab', 'b'], ['a']],
  ['{**/a,b}', ['a', 'x/y/a', 'b'], ['x/b']],
  ['x{**/a,b}', ['x/a', 'xy/z/a', 'xb'], ['a', 'y/a']],
  ['a**b', ['ab', 'a/b', 'axx/y/xb'], ['a', 'ba']],
  ['**-rc/**', ['a/b-rc/c'], ['a/b/c']],
  ['[a-c]', ['a', 'c'], ['d', '[a-c]', 'A']],
  ['[^a-c]', ['d'], ['a', '/', 'de']],
  ['[!a]', ['!', 'a'], ['b']],
  ['[ab]', ['a'], ['[ab]']],
  ['[\\]a]x', [']x', 'ax'], ['x']],
  ['a[+--]b', ['a+b', 'a-b'], ['a/b']],
  ['a[.-0]b', ['a.b', 'a0b'], ['a/b']],
  ['a[x-]b', ['a-b', 'axb'], ['ab']],
  ['v*.*.*', ['v1.2.3', 'v..'], ['v1.2', 'v1/2.3.4']],
]

describe('a pattern', () => {
  for (const [pattern, matching, others] of TABLE) {
    test(`${pattern || '(empty)'} matches what the manual says`, () => {
      const { matches } = compilePattern(pattern)
      expect(matching.filter((name) => !matches(name))).toEqual([])
      expect(others.filter(matches)).toEqual([])
    })
  }

  test('without wildcards is a list of names', () => {
    expect(compilePattern('library/{alpine,redis}').literals).toEqual(['library/alpine', 'library/redis'])
    expect(compilePattern('{a{b,c},ab}').literals).toEqual(['ab', 'ac'])
    expect(compilePattern('a\\*').literals).toEqual(['a*'])
    expect(compilePattern('library/*').literals).toBeUndefined()
    expect(compilePattern('{a,b?}').literals).toBeUndefined()
    expect(compilePattern('').literals).toBeUndefined()
  })

  test.each([
    ['{a,b', 1],
    ['ab{c', 3],
    ['{a,{b}', 1],
    ['a}', 2],
    ['a]', 2],
    ['{a]}', 3],
    ['x[a-', 2],
    ['[]', 1],
    ['[^]', 1],
    ['a[z-b]', 3],
    ['[a/b]', 3],
    ['a\\', 2],
    [`${'{a,b}'.repeat(13)}`, 61],
    ['{'.repeat(40), 33],
  ])('%s is malformed at column %i', (pattern, column) => {
    expect(() => compilePattern(pattern)).toThrow(PatternError)
    try {
      compilePattern(pattern)
    } catch (error) {
      expect(error).toMatchObject({ column })
    }
  })

  test.each(['a*'.repeat(30), '**a'.repeat(30), '*a**/'.repeat(20), '{a,b}*c*', '**/*a*'])(
    '%s takes no time on a long name',
    (pattern) => {
      const compiled = compilePattern(`${pattern}b`)
      const started = performance.now()
      for (let round = 0; round < 10; round += 1) {
        compiled.matches('a'.repeat(255))
        compiled.matches('a/'.repeat(127))
      }
      expect(performance.now() - started).toBeLessThan(1000)
    },
  )

  test('matches what a regular expression of the rules matches', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      '/',
      '.',
      '*',
      '**',
      '**/',
      '?',
      '[a-]',
      '[^b]',
      '{a,*/}',
      '{**/a,b}',
      '+',
      '/',
    )
    const name = fc
      .array(fc.constantFrom('a', 'b', '/', '.', '+', '-'), { maxLength: 8 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 5 }), name, (pieces, candidate) => {
        const pattern = pieces.join('')
        expect(compilePattern(pattern).matches(candidate)).toBe(reference(pattern).test(candidate))
      }),
      { numRuns: 3000 },
    )
  })
})

/** The rules once more, as plainly as a regular expression can say them. */
function reference(pattern: string): RegExp {
  const flat = spellOut(pattern).map((alternative) =>
    alternative.replaceAll(/\*{2,}/g, '**').replaceAll(/(?<=^|\/)\*\*\/|\*\*|\*|\?|\[a-\]|\[\^b\]|[.+]/g, (token) => {
      const meaning = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]', '[a-]': '[a-]', '[^b]': '[^b/]' }
      return Object.entries(meaning).find(([key]) => key === token)?.[1] ?? `\\${token}`
    }),
  )
  return new RegExp(`^(?:${flat.join('|')})$`)
}

function spellOut(pattern: string): string[] {
  const match = /\{([^{}]*)\}/.exec(pattern)
  if (!match) return [pattern]
  const [whole, inner = ''] = match
  return inner.split(',').flatMap((part) => spellOut(pattern.replace(whole, () => part)))
}
