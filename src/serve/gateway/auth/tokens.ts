/** Bearer tokens of the gateway: signed with a key that this process made, so that nothing of them need be kept. */

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../../../core/cancel.ts'

export interface Claims {
  readonly user: string
  /** Whether it is good for a scope such as `repository:library/alpine:pull`. */
  allows(scope: string): boolean
}

export interface Tokens {
  /** For at most `MOST_SCOPES`. */
  issue(user: string, scopes: readonly string[], seconds: number): string
  /** Undefined for a token of another process, one that has expired, and anything else. */
  read(token: string): Claims | undefined
}

/** Scopes of one token: it has to fit into a header. */
export const MOST_SCOPES = 100
/** Characters that stand for a scope in a token, however long it is: 132 bits of its digest. */
const SCOPE_LENGTH = 22

const claims = z.object({ user: z.string(), scopes: z.array(z.string()), until: z.number() })

export function createTokens(clock: Clock): Tokens {
  const key = randomBytes(32)
  const sign = (text: string): Buffer => createHmac('sha256', key).update(text).digest()
  return {
    issue(user, scopes, seconds) {
      const until = clock.monotonic() + seconds * 1000
      const content = { user, scopes: scopes.map(shortened), until }
      const text = Buffer.from(JSON.stringify(content)).toString('base64url')
      return `${text}.${sign(text).toString('base64url')}`
    },
    read(token) {
      const [text = '', signature = ''] = token.split('.')
      const given = Buffer.from(signature, 'base64url')
      const right = sign(text)
      if (given.byteLength !== right.byteLength || !timingSafeEqual(given, right)) return undefined
      const { user, scopes, until } = claims.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')))
      if (clock.monotonic() >= until) return undefined
      return { user, allows: (scope) => scopes.includes(shortened(scope)) }
    },
  }
}

function shortened(scope: string): string {
  return createHash('sha256').update(scope).digest('base64url').slice(0, SCOPE_LENGTH)
}
