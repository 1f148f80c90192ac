/** The connections of one host that several processes share: each keeps a permit for a moment after a request, so that the next one need not ask. */

import { type Clock, systemClock } from '../../core/cancel.ts'
import type { Permit, Permits } from './permits.ts'

/** Milliseconds that a permit is used again without asking. Longer, and one process would keep others out; shorter, and each request would ask. */
const SLICE = 250
/** Milliseconds after its last request that an idle permit is given back. */
const IDLE = 50

interface Lent {
  readonly permit: Permit
  readonly since: number
}

export interface SharedConnections {
  /** Waits for one of the connections; the result gives it back. */
  take(signal: AbortSignal): Promise<() => void>
}

export function shareConnections(
  permits: Permits,
  key: string,
  limit: number,
  clock: Clock = systemClock,
): SharedConnections {
  const idle = new Map<Lent, NodeJS.Timeout>()
  let out = 0
  /** How many it last had while the server answered. */
  let usual = 1

  function fresh({ permit, since }: Lent): boolean {
    return !permit.lost.aborted && clock.monotonic() - since < SLICE
  }

  function spare(): Lent | undefined {
    for (const [lent, timer] of idle) {
      idle.delete(lent)
      clearTimeout(timer)
      if (fresh(lent)) return lent
      lent.permit.release()
    }
    return undefined
  }

  function giveBack(lent: Lent): void {
    if (!fresh(lent)) {
      lent.permit.release()
      return
    }
    const timer = setTimeout(() => {
      idle.delete(lent)
      lent.permit.release()
    }, IDLE)
    idle.set(lent, timer.unref())
  }

  return {
    async take(signal) {
      let isOwn = false
      // Requests do not wait for a server that is away: this process goes on with as many as it had, so that the sum stays about the same.
      const alone = (): boolean => {
        if (out >= usual) return false
        out += 1
        isOwn = true
        return true
      }
      const lent = spare() ?? {
        permit: await permits.take(key, limit, signal, alone),
        since: clock.monotonic(),
      }
      if (!isOwn) {
        out += 1
        usual = out
      }
      let isOut = true
      return () => {
        if (!isOut) return
        isOut = false
        out -= 1
        if (!isOwn) giveBack(lent)
      }
    },
  }
}
