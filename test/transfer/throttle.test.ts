import { expect, test } from 'vitest'
import type { Clock } from '../../src/core/cancel.ts'
import { createThrottle } from '../../src/transfer/throttle.ts'

/** Time that passes only when somebody sleeps. */
function manualClock(): Clock & { advance(milliseconds: number): void } {
  let time = 0
  return {
    now: () => 0,
    monotonic: () => time,
    advance: (milliseconds) => {
      time += milliseconds
    },
    sleep: async (milliseconds) => {
      time += milliseconds
    },
  }
}

const { signal } = new AbortController()

test('many streams together keep the rate within 5 % over ten seconds', async () => {
  const clock = manualClock()
  const rate = 20 * 1024 * 1024
  const throttle = createThrottle(rate, clock)
  let bytes = 0
  while (clock.monotonic() < 10_000) {
    await throttle.take(64 * 1024, signal)
    bytes += 64 * 1024
  }
  expect(Math.abs(bytes / (rate * 10) - 1)).toBeLessThan(0.05)
})

test('time without traffic is not saved up for a burst', async () => {
  const clock = manualClock()
  const throttle = createThrottle(1000, clock)
  clock.advance(60_000)
  const before = clock.monotonic()
  for (let taken = 0; taken < 10; taken += 1) await throttle.take(100, signal)
  expect(clock.monotonic() - before).toBeGreaterThanOrEqual(800)
})
