/** Counts wrong secrets and passwords by the address that they came from, and says who must wait. */

import type { Clock } from '../../core/cancel.ts'
import { networkOf } from './address.ts'

export interface Guesses {
  /** Seconds that the address has to wait; 0: none. */
  wait(address: string): number
  wrong(address: string): void
}

const ALLOWED = 10
const WITHIN = 60_000
/** Addresses that are remembered; then the oldest is forgotten. */
const MOST = 10_000

export function createGuesses(clock: Clock): Guesses {
  /** By the beginning of their minute, the oldest first. */
  const known = new Map<string, { readonly since: number; count: number }>()
  const current = (address: string): { readonly since: number; count: number } | undefined => {
    const found = known.get(address)
    return found && clock.monotonic() - found.since < WITHIN ? found : undefined
  }
  return {
    wait(address) {
      const found = current(networkOf(address))
      return found && found.count >= ALLOWED ? Math.ceil((found.since + WITHIN - clock.monotonic()) / 1000) : 0
    },
    wrong(address) {
      const network = networkOf(address)
      const found = current(network)
      if (found) {
        found.count += 1
        return
      }
      known.delete(network)
      known.set(network, { since: clock.monotonic(), count: 1 })
      const [oldest] = known.keys()
      if (known.size > MOST && oldest !== undefined) known.delete(oldest)
    },
  }
}
