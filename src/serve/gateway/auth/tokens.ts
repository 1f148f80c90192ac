/** Bearer tokens of the gateway: signed with a key that this process made, so that nothing of them need be kept. */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../../../core/cancel.ts'

export interface Claims {
  readonly user: string
  /** Such as `repository:library/alpine:pull`. */
  readonly scopes: readonly string[]
}

export interface Tokens {
  issue(user: string, scopes: readonly string[], seconds: number): string
  /** Undefined for a token of another process, one that has expired, and anything else. */
  read(token: string): Claims | undefined
}

/** Scopes of one token. */
const MOST_SCOPES = 32

const claims = z.object({ user: z.string(), scopes: z.array(z.string()), until: z.number() })

export function createTokens(clock: Clock): Tokens {
  const key = randomBytes(32)
  const sign = (text: string): Buffer => createHmac('sha256', key).update(text).digest()
  return {
    issue(user, scopes, seconds) {
      const until = clock.monotonic() + seconds * 1000
      const content = { user, scopes: scopes.slice(0, MOST_SCOPES), until }
      const text = Buffer.from(JSON.stringify(content)).toString('base64url')
      return `${text}.${sign(text).toString('base64url')}`
    },
    read(token) {
      const [text = '', signature = ''] = token.split('.')
      const given = Buffer.from(signature, 'base64url')
      const right = sign(text)
      if (given.byteLength !== right.byteLength || !timingSafeEqual(given, right)) return undefined
      const { user, scopes, until } = claims.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')))
      return clock.monotonic() < until ? { user, scopes } : undefined
    },
  }
}
