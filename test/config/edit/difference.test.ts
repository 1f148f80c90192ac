import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lineChanges } from '../../../src/config/edit/difference.ts'

const shown = (before: string, after: string): string =>
  lineChanges(before, after)
    .map(({ kind, text }) => `${{ added: '+', removed: '-', same: ' ' }[kind]}${text}`)
    .join('|')

describe('the lines that an edit changes', () => {
  test('begin with the first one that changes and end with the last one', () => {
    expect(shown('a\nsecret\nb\nc\n', 'a\nsecret\nb\nx\nc\n')).toBe('+x')
    expect(shown('a\nb\nc\n', 'a\nc\n')).toBe('-b')
    expect(shown('a\nb\nc\nd\n', 'a\nB\nc\nD\nd\n')).toBe('-b|+B| c|+D')
    expect(shown('same\n', 'same\n')).toBe('')
    expect(shown('', 'new\n')).toBe('+new')
  })

  test('make the new text of the old one, whatever the two are', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 }).map((lines) => lines.join('\n'))
    fc.assert(
      fc.property(text, text, (before, after) => {
        const changes = lineChanges(before, after)
        const side = (of: 'added' | 'removed'): string =>
          changes
            .filter(({ kind }) => kind === of || kind === 'same')
            .map((change) => change.text)
            .join('\n')
        expect(`\n${before}\n`).toContain(`\n${side('removed')}`)
        expect(`\n${after}\n`).toContain(`\n${side('added')}`)
        if (before === after) expect(changes).toEqual([])
      }),
    )
  })

  test('are all of both where the change is very large', () => {
    const long = (word: string): string => Array.from({ length: 1500 }, (_, at) => `${word}${at}`).join('\n')
    expect(lineChanges(long('a'), long('b'))).toHaveLength(3000)
  })
})
