/** What a registry asks for with `Retry-After`. */

import { expect, test } from 'vitest'
import { retryAfter } from '../../src/http/retry.ts'

test.each([
  ['7', 7000],
  ['0', 0],
  ['0.5', 500],
  ['86400', 86_400_000],
  [`1${'0'.repeat(300)}`, 100 * 365 * 86_400_000],
  ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['soon', undefined],
  [undefined, undefined],
])('reads Retry-After: %s', (header, wait) => {
  expect(retryAfter(header === undefined ? {} : { 'retry-after': header }, Date.UTC(2026, 0, 1))).toBe(wait)
})
