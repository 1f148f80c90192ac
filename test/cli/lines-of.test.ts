import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { linesOf } from '../../src/cli/lines-of.ts'
import { temporaryDirectory } from '../support/temporary.ts'

function fileOf(text: string): string {
  const path = join(temporaryDirectory(), 'file')
  writeFileSync(path, text)
  return path
}

test('lines come whole, however long they are and wherever a read ends', () => {
  const lines = ['short', 'ü'.repeat(400_000), '', '€'.repeat(300_001), 'last, without an end']
  const path = fileOf(lines.join('\n'))
  expect([...linesOf(path, 0)].map(({ text }) => text)).toEqual(lines.filter((line) => line !== ''))
})

test('can be read on from the end of each line', () => {
  const path = fileOf('one\n\nzwö\nthree\n')
  const ends = [...linesOf(path, 0)].map(({ end }) => end)
  expect(ends.map((end) => [...linesOf(path, end)].map(({ text }) => text))).toEqual([['zwö', 'three'], ['three'], []])
})

test('a file without lines has none', () => {
  expect([...linesOf(fileOf(''), 0)]).toEqual([])
})
