/** A clock that stands until a test moves it. */

import { abortReason, type Clock } from '../../src/core/cancel.ts'

export interface ManualClock extends Clock {
  /** Moves on, and wakes who sleeps in the order of their times; what they do then may sleep again. */
  advance(milliseconds: number): Promise<void>
  /** Sets the time that people see, as an administrator does; nothing passes. */
  set(now: number): void
  /** How many sleep. */
  readonly sleeping: number
}

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

export function manualClock(start = Date.UTC(2026, 0, 1)): ManualClock {
  const sleepers = new Set<Sleeper>()
  let passed = 0
  let set = start
  return {
    get sleeping() {
      return sleepers.size
    },
    now: () => set + passed,
    monotonic: () => passed,
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(abortReason(signal))
        const onAbort = (): void => {
          sleepers.delete(sleeper)
          reject(abortReason(signal))
        }
        const wake = (): void => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        }
        const sleeper = { until: passed + Math.max(0, milliseconds), wake }
        sleepers.add(sleeper)
        signal.addEventListener('abort', onAbort, { once: true })
      }),
    set(now) {
      set = now - passed
    },
    async advance(milliseconds) {
      const end = passed + milliseconds
      await settled()
      for (;;) {
        const [next] = [...sleepers].sort((one, other) => one.until - other.until)
        if (!next || next.until > end) break
        passed = Math.max(passed, next.until)
        sleepers.delete(next)
        next.wake()
        await settled()
      }
      passed = end
      await settled()
    },
  }
}

/** Everything that needs no input or output has gone on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
