/** Bearer tokens: fetched once for all who wait, kept by realm, service and scopes, and renewed before they run out. */

import type { Clock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import type { SentCredential } from '../../core/registry.ts'

export interface TokenRequest {
  readonly realm: URL
  readonly service: string | undefined
  readonly scopes: readonly string[]
  readonly credential: SentCredential
}

export interface Token {
  readonly token: string
  /** Seconds, as the server said; undefined where it said nothing. */
  readonly expiresIn: number | undefined
}

/** Asks a token server; throws where it refuses. */
export type FetchToken = (request: TokenRequest, ctx: Context) => Promise<Token>

export interface TokenCache {
  /** A token that is good for a while; one other than `stale`, which the registry has just refused. */
  get(request: TokenRequest, stale: string | undefined, ctx: Context): Promise<string>
}

interface Kept {
  readonly token: string
  /** Milliseconds since 1970. */
  readonly renewAt: number
}

/** Seconds: what the specification prescribes where nothing is said, and what shorter values are raised to. */
const SHORTEST_LIFE = 60
const RENEW_AT = 0.9
/** From here on, tokens that have run out are thrown away before another is added. */
const CROWDED = 512

export function createTokenCache(fetch: FetchToken, clock: Clock): TokenCache {
  const kept = new Map<string, Kept>()
  const flights = new Map<string, Promise<string>>()

  async function fly(key: string, request: TokenRequest, ctx: Context): Promise<string> {
    const { token, expiresIn } = await fetch(request, ctx)
    const life = Math.max(SHORTEST_LIFE, expiresIn ?? SHORTEST_LIFE)
    if (kept.size >= CROWDED) sweep(kept, clock.now())
    kept.set(key, { token, renewAt: clock.now() + life * 1000 * RENEW_AT })
    return token
  }

  return {
    get(request, stale, ctx) {
      const key = JSON.stringify([request.realm.href, request.service, request.scopes.toSorted()])
      const had = kept.get(key)
      if (had && had.token !== stale && had.renewAt > clock.now()) return Promise.resolve(had.token)
      let flight = flights.get(key)
      if (!flight) {
        kept.delete(key)
        flight = fly(key, request, ctx).finally(() => flights.delete(key))
        flights.set(key, flight)
      }
      return flight
    },
  }
}

function sweep(kept: Map<string, Kept>, now: number): void {
  for (const [key, { renewAt }] of kept) if (renewAt <= now) kept.delete(key)
}
