/** Random faults: which requests meet one, and which; drawn from a seed, so that a failure can be had again. */

import fc from 'fast-check'
import type { Passing, WireFault } from '../faults/fault-proxy.ts'
import { randomBytes } from '../support/random.ts'

/** How often a request meets a fault, and of which kinds. */
export interface Weather {
  readonly seed: number
  /** Of a hundred requests. */
  readonly chance: number
  readonly kinds: readonly Kind[]
}

const KINDS = ['busy', 'broken', 'cut', 'lost', 'flip', 'short', 'range', 'gone'] as const
export type Kind = (typeof KINDS)[number]

export function weather(): fc.Arbitrary<Weather> {
  return fc.record({ seed: fc.nat(), chance: fc.nat({ max: 30 }), kinds: fc.uniqueArray(fc.constantFrom(...KINDS)) })
}

export function faultsOf({ seed, chance, kinds }: Weather): (request: Passing) => WireFault | undefined {
  const draw = draws(seed)
  return (request) => {
    const [hit, which, where] = [draw(), draw(), draw()]
    const kind = kinds[Math.floor(which * kinds.length)]
    if (kind === undefined || hit * 100 >= chance) return undefined
    const length = Number(request.headers['content-length'] ?? 0)
    const way = length > 0 ? 'up' : 'down'
    const at = Math.floor(where * (length > 0 ? length : 100_000))
    switch (kind) {
      case 'busy':
        return { status: where < 0.5 ? 429 : 503, headers: where < 0.3 ? { 'retry-after': '1' } : {} }
      case 'broken':
        return { status: 500 }
      case 'cut':
        return { cut: way, at: where < 0.2 ? 0 : at }
      case 'lost':
        return { lose: true }
      case 'flip':
        // Nobody can keep a registry from taking a damaged manifest under a tag: that is found, said, and mended by the next run.
        return request.method === 'PUT' && request.route === 'manifest' ? undefined : { flip: way, at }
      case 'short':
        return { lie: (headers) => ({ 'content-length': headers['content-length'] ? String(at) : undefined }) }
      case 'range':
        return { lie: (headers) => ({ range: headers.range ? `0-${at}` : undefined }) }
      case 'gone':
        return request.route === 'upload' && request.method !== 'POST' ? { status: 404 } : undefined
    }
  }
}

/** Numbers from 0 to below 1. */
export function draws(seed: number): () => number {
  const bytes = randomBytes(40_000, seed)
  let at = 0
  return () => {
    at = (at + 4) % bytes.byteLength
    return bytes.readUInt32LE(at) / 2 ** 32
  }
}
