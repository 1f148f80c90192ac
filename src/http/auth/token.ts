/** Bearer tokens: fetched once for all requests that wait, kept by realm, service and scopes, and renewed before they run out. */

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
  /** A token that is good for a while, and is what `wanted` asks for. */
  get(request: TokenRequest, wanted: Wanted, ctx: Context): Promise<FetchedToken>
}

export interface Wanted {
  /** Not this one, which the registry has just refused. */
  readonly not?: string | undefined
  /** Fetched then or later, by the monotonic clock. */
  readonly since?: number
}

export interface FetchedToken {
  readonly token: string
  /** By the monotonic clock, as `renewAt` is. */
  readonly fetchedAt: number
  readonly renewAt: number
}

/** Seconds: what the specification prescribes where nothing is said, and what shorter values are raised to. */
const SHORTEST_LIFE = 60
const LONGEST_LIFE = 24 * 3600
const RENEW_AT = 0.9
/** From here on, tokens that have run out are thrown away before another is added. */
const CROWDED = 512

export function createTokenCache(fetch: FetchToken, clock: Clock): TokenCache {
  const kept = new Map<string, FetchedToken>()
  const flights = new Map<string, Promise<FetchedToken>>()

  async function fly(key: string, request: TokenRequest, ctx: Context): Promise<FetchedToken> {
    const { token, expiresIn } = await fetch(request, ctx)
    const life = Math.min(LONGEST_LIFE, Math.max(SHORTEST_LIFE, expiresIn ?? SHORTEST_LIFE))
    const fetchedAt = clock.monotonic()
    if (kept.size >= CROWDED) sweep(kept, fetchedAt)
    const fetched = { token, fetchedAt, renewAt: fetchedAt + life * 1000 * RENEW_AT }
    kept.set(key, fetched)
    return fetched
  }

  return {
    get(request, { not, since = Number.NEGATIVE_INFINITY }, ctx) {
      const key = JSON.stringify([request.realm.href, request.service, request.scopes.toSorted()])
      const had = kept.get(key)
      const isGood = had && had.token !== not && had.fetchedAt >= since && had.renewAt > clock.monotonic()
      if (isGood) return Promise.resolve(had)
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

function sweep(kept: Map<string, FetchedToken>, now: number): void {
  for (const [key, { renewAt }] of kept) if (renewAt <= now) kept.delete(key)
}
