/** When and how long is waited before another attempt. */

import { expect, test } from 'vitest'
import { backoff, retryAfter } from '../../src/http/retry.ts'

test('backs off exponentially with full jitter up to thirty seconds', () => {
  expect([1, 2, 3, 4].map((failures) => backoff(failures, () => 1))).toEqual([200, 400, 800, 1600])
  expect(backoff(20, () => 1)).toBe(30_000)
  expect(backoff(3, () => 0)).toBe(0)
})

test.each([
  ['7', 7000],
  ['0', 0],
  ['0.5', 500],
  ['86400', 600_000],
  ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['soon', undefined],
  [undefined, undefined],
])('reads Retry-After: %s', (header, wait) => {
  expect(retryAfter(header === undefined ? {} : { 'retry-after': header }, Date.UTC(2026, 0, 1))).toBe(wait)
})
