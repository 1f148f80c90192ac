/** Waiting of any length, and its end. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { after, sleep } from '../../src/core/cancel.ts'
import { CancelledError } from '../../src/core/errors.ts'

const DAY = 86_400_000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('sleeps for months, longer than a timer of Node', async () => {
  const { signal } = new AbortController()
  let over = false
  const slept = sleep(90 * DAY, signal).then(() => {
    over = true
  })
  await vi.advanceTimersByTimeAsync(90 * DAY - 1)
  expect(over).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  await slept
  expect(over).toBe(true)
})

test('a stop ends the sleep at once, with its reason', async () => {
  const controller = new AbortController()
  const slept = sleep(90 * DAY, controller.signal)
  controller.abort(new CancelledError('enough', 4))
  await expect(slept).rejects.toThrow('enough')
  expect(vi.getTimerCount()).toBe(0)
})

test('a long timer can be stopped after its first part', () => {
  const act = vi.fn()
  const stop = after(60 * DAY, act)
  vi.advanceTimersByTime(40 * DAY)
  stop()
  vi.advanceTimersByTime(40 * DAY)
  expect(act).not.toHaveBeenCalled()
})
