/** Text of strangers: cut, and not deeper than anything that walks it later can go. */

import { expect, test } from 'vitest'
import { foreignName, parseJson } from '../../src/core/foreign.ts'

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

test('cuts long names', () => {
  expect(foreignName('library/alpine')).toBe('library/alpine')
  expect(foreignName('x'.repeat(1_000_000))).toBe(`${'x'.repeat(200)}…`)
})

test('reads JSON up to a hundred deep, and no deeper', () => {
  expect(parseJson(nested(100))).toBeInstanceOf(Array)
  expect(() => parseJson(nested(101))).toThrow(/more than 100 deep/)
  expect(() => parseJson(`{"a":`.repeat(5_000_000))).toThrow(/more than 100 deep/)
  expect(() => parseJson('{"a"')).toThrow(SyntaxError)
})

test('brackets and quotes in strings are text', () => {
  for (const value of ['['.repeat(200), '\\"[{'.repeat(200), '\\'.repeat(201), '"', 'ä€😀[']) {
    expect(parseJson(Buffer.from(JSON.stringify({ [value]: [value] })))).toEqual({ [value]: [value] })
  }
})

test('wide lists are not deep', () => {
  expect(parseJson(`[${'[],'.repeat(1000)}{}]`)).toHaveLength(1001)
})
