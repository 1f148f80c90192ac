/** Counts wrong secrets by the address that they came from, and says who must wait. */

import { isIPv6 } from 'node:net'
import type { Clock } from '../../core/cancel.ts'

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

/** Of IPv6 the /64, all of which one machine may have. */
function networkOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? []
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address
  const [head = '', tail] = address.toLowerCase().split('%')[0]?.split('::') ?? []
  const groups = head === '' ? [] : head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  const whole = [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...(tail ?? '').split(':')]
  return whole
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
