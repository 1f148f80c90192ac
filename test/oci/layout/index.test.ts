/** The index of a layout in memory. */

import { expect, test } from 'vitest'
import type { Digest } from '../../../src/core/descriptor.ts'
import { OCI_MANIFEST } from '../../../src/core/manifest.ts'
import { emptyIndex, LayoutIndex } from '../../../src/oci/layout/index.ts'

const NAMING = { plain: 'app', only: false }
const digestOf = (number: number): Digest => `sha256:${number.toString(16).padStart(64, '0')}`
const image = (number: number) => ({ mediaType: OCI_MANIFEST, digest: digestOf(number), size: 100 })

function read(index: LayoutIndex): LayoutIndex {
  return new LayoutIndex(JSON.parse(Buffer.concat(index.format()).toString()), NAMING, 'index.json')
}

function listOf(index: LayoutIndex): string[] {
  return index.entries('app').map(({ tag, digest }) => `${tag ?? ''}@${Number.parseInt(digest.slice(7), 16)}`)
}

test('is written as it was read, whatever was put in, moved and dropped before', () => {
  const index = emptyIndex(NAMING)
  for (let number = 0; number < 100; number += 1) {
    index.setTag('app', `t${number % 40}`, image(number))
    if (number % 7 === 0) index.addUntagged('app', image(1000 + number))
    if (number % 11 === 0) index.drop(index.tagged('app', `t${number % 5}`))
    index.keep()
    expect(listOf(read(index))).toEqual(listOf(index))
  }
})

test('takes back what was changed since a mark, and nothing else', () => {
  const index = emptyIndex(NAMING)
  for (let number = 0; number < 10; number += 1) index.setTag('app', `t${number}`, image(number))
  index.keep()
  const before = Buffer.concat(index.format())
  index.setTag('app', 't3', image(33))
  const mark = index.mark
  index.drop(index.tagged('app', 't0'))
  index.addUntagged('app', image(50))
  index.undo(mark)
  expect(index.find('app', 't3')?.digest).toBe(digestOf(33))
  expect(index.find('app', 't0')?.digest).toBe(digestOf(0))
  index.undo(0)
  expect(index.changed).toBe(false)
  expect(Buffer.concat(index.format())).toEqual(before)
})

test('answers and changes among 50,000 tags without searching them', () => {
  const index = emptyIndex(NAMING)
  const began = performance.now()
  for (let number = 0; number < 50_000; number += 1) {
    index.setTag('app', `t${number}`, image(number))
    index.attached('app', digestOf(number))
    index.withDigest(digestOf(number))
    index.find('app', `t${number}`)
    if (number % 500 === 0) index.format()
  }
  // A search for each would visit a thousand million entries.
  expect(performance.now() - began).toBeLessThan(20_000)
  expect(index.tags('app')).toHaveLength(50_000)
})
