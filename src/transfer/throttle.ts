/** A bandwidth budget shared by any number of streams. */

import { type Clock, systemClock } from '../core/cancel.ts'

export interface Throttle {
  /** Returns at once, or a promise that is fulfilled when `bytes` may pass. */
  take(bytes: number, signal: AbortSignal): Promise<void> | undefined
}

/** Milliseconds of budget that may be saved up: enough to hide timer jitter, too little to burst. */
const BURST = 100

/** `rate` in bytes a second. Bytes are booked in advance, so the sum over all streams keeps the rate. */
export function createThrottle(rate: number, clock: Clock = systemClock): Throttle {
  let bookedUntil = clock.monotonic()
  return {
    take(bytes, signal) {
      const now = clock.monotonic()
      bookedUntil = Math.max(bookedUntil, now - BURST) + (bytes / rate) * 1000
      const wait = bookedUntil - now
      return wait > 0 ? clock.sleep(wait, signal) : undefined
    },
  }
}
