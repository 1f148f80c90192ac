/** Ranges of versions keep their meaning. */

import { expect, test } from 'vitest'
import { paddedRange, versionRange } from '../../../src/config/import/versions.ts'

test.each([
  ['>= 1.2, < 2.0.0', '>=1.2 <2.0.0'],
  ['~> 1.2 || ==3.0.0', '~1.2 || =3.0.0'],
  ['1.2 - 2.0', '1.2 - 2.0'],
  ['!=1.0.0', undefined],
  ['newest', undefined],
])('%s of Masterminds/semver becomes %s', (text, expected) => {
  expect(versionRange(text)).toBe(expected)
})

test.each([
  ['>=3.5.1 <4.0', '>=3.5.1 <4.0.0'],
  ['~1', '~1.0.0'],
  ['v1.2', '1.2.0'],
  ['^0.2.3-rc1', '^0.2.3-rc1'],
  ['1.2.3.4', undefined],
  ['>=1 || <2', undefined],
])('%s of regclient becomes %s', (text, expected) => {
  expect(paddedRange(text)).toBe(expected)
})
