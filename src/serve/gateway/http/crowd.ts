/** How many requests of one address are answered at once, so that no client takes all connections. */

import { networkOf } from '../../http/address.ts'

/** Half of the connections that the daemon takes. */
const MOST = 500

export interface Crowd {
  /** The result is called when the request has ended; undefined where there are too many. */
  enter(address: string): (() => void) | undefined
}

export function createCrowd(most = MOST): Crowd {
  /** Those with at least one. */
  const inside = new Map<string, number>()
  return {
    enter(address) {
      const network = networkOf(address)
      const count = inside.get(network) ?? 0
      if (count >= most) return undefined
      inside.set(network, count + 1)
      let isIn = true
      return () => {
        if (!isIn) return
        isIn = false
        const left = (inside.get(network) ?? 1) - 1
        if (left > 0) inside.set(network, left)
        else inside.delete(network)
      }
    },
  }
}
