/** One waiter that sleeps until a time, and is woken earlier when something comes that is due before. */

import type { Clock } from '../../core/cancel.ts'

export interface Alarm {
  /** Resolves at that time (milliseconds since 1970), when the alarm rings, or when the signal is aborted. For one waiter. */
  until(time: number): Promise<void>
  /** Wakes the waiter no later than that, also one that waits only afterwards. */
  by(time: number): void
  /** Wakes the waiter now. */
  ring(): void
}

/** A clock that is put back must not stop everything: no sleep is longer than this many milliseconds. */
const LONGEST = 60 * 60 * 1000

export function createAlarm(clock: Clock, signal: AbortSignal): Alarm {
  let wanted = Number.POSITIVE_INFINITY
  let sleeping: { readonly until: number; readonly wake: AbortController } | undefined
  signal.addEventListener('abort', () => sleeping?.wake.abort(), { once: true })

  function by(time: number): void {
    wanted = Math.min(wanted, time)
    if (sleeping && time < sleeping.until) sleeping.wake.abort()
  }

  return {
    async until(time) {
      for (;;) {
        const end = Math.min(time, wanted)
        const left = Math.min(end - clock.now(), LONGEST)
        if (left <= 0 || signal.aborted) break
        const wake = new AbortController()
        sleeping = { until: end, wake }
        // Woken: there is an earlier time, or an end.
        await clock.sleep(left, wake.signal).catch(() => {})
        sleeping = undefined
        if (!wake.signal.aborted) break
      }
      wanted = Number.POSITIVE_INFINITY
    },
    by,
    ring: () => by(Number.NEGATIVE_INFINITY),
  }
}
