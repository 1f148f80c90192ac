/** Spaces the requests to an API that refuses too many: wider with each refusal, and closer again while it answers. */

import { type Clock, systemClock } from '../src/core/cancel.ts'

export interface Pace {
  /** Resolves when it is the turn of a request, with that time by the monotonic clock. */
  turn(signal: AbortSignal): Promise<number>
  /** A request whose turn was at `since` was refused for being one too many. Returns the milliseconds between requests from now on. */
  refused(since: number): number
  answered(): void
}

/** Milliseconds between requests: after the first refusal, and at most. */
const FIRST = 50
const LONGEST = 5000
/** What an answer makes of them. */
const CLOSER = 0.9

export function createPace(clock: Pick<Clock, 'monotonic' | 'sleep'> = systemClock): Pace {
  let gap = 0
  /** The turn before the next one: a gap that has grown meanwhile holds for all that wait. */
  let queue: Promise<void> = Promise.resolve()
  let last = Number.NEGATIVE_INFINITY
  /** When the gap last grew: what was sent before says nothing of it. */
  let grown = Number.NEGATIVE_INFINITY
  return {
    async turn(signal) {
      const before = queue
      let done = (): void => {}
      queue = new Promise((resolve) => {
        done = resolve
      })
      try {
        await before
        const wait = last + gap - clock.monotonic()
        if (wait > 0) await clock.sleep(wait, signal)
        last = clock.monotonic()
        return last
      } finally {
        done()
      }
    },
    refused(since) {
      if (since > grown) {
        gap = Math.min(LONGEST, Math.max(FIRST, gap * 2))
        grown = clock.monotonic()
      }
      return gap
    },
    answered() {
      gap = gap * CLOSER < FIRST / 10 ? 0 : gap * CLOSER
    },
  }
}
