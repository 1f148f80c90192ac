/** How long is waited before another attempt, and after what one is made. */

import { expect, test } from 'vitest'
import { IntegrityError, NetworkError, RegistryError } from '../../src/core/errors.ts'
import { backoff, delayAfter, isPassing } from '../../src/core/retry.ts'

test('backs off exponentially with full jitter up to thirty seconds', () => {
  expect([1, 2, 3, 4].map((failures) => backoff(failures, () => 1))).toEqual([200, 400, 800, 1600])
  expect(backoff(20, () => 1)).toBe(30_000)
  expect(backoff(3, () => 0)).toBe(0)
})

test('never asks sooner than a registry has said', () => {
  const busy = (retryAfter?: number) =>
    new RegistryError('busy', { status: 503, method: 'GET', path: '/v2/', retryAfter })
  expect(delayAfter(busy(86_400_000), 1, () => 1)).toBe(86_400_000)
  expect(delayAfter(busy(0), 2, () => 1)).toBe(400)
  expect(delayAfter(busy(), 2, () => 1)).toBe(400)
})

test('tries again after what may pass, and never after a bug', () => {
  const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' })
  expect([reset, new NetworkError('closed')].map(isPassing)).toEqual([true, true])
  const final = new NetworkError('not found', { retryable: false })
  expect([final, new IntegrityError('wrong'), new TypeError('bug'), 'text'].map(isPassing)).toEqual([
    false,
    false,
    false,
    false,
  ])
})
