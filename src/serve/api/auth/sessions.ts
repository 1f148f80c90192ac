/** Sessions of the page: a cookie that its token's holder has signed for, so that nothing is kept and a restart ends none. */

import { createHmac } from 'node:crypto'
import type { Clock } from '../../../core/cancel.ts'
import { isSameSecret } from '../../http/same.ts'
import type { Holder } from './tokens.ts'

export interface Session {
  readonly cookie: string
  /** Milliseconds since 1970. */
  readonly until: number
}

export interface Sessions {
  open(holder: Holder): Session
  /** Whose it is; undefined for one that has expired, or whose token is not one of `holders` any more. */
  read(cookie: string, holders: readonly Holder[]): Holder | undefined
}

/** Milliseconds that one lasts. */
const LIFE = 12 * 60 * 60 * 1000
/** A longer cookie is not ours. */
const LONGEST = 1000

export function createSessions(clock: Clock): Sessions {
  return {
    open(holder) {
      const until = clock.now() + LIFE
      const content = `${Buffer.from(holder.name).toString('base64url')}.${until}`
      return { cookie: `${content}.${signature(content, holder)}`, until }
    },
    read(cookie, holders) {
      const [name = '', until = '', signed = ''] = cookie.length > LONGEST ? [] : cookie.split('.')
      const holder = holders.find((one) => one.name === Buffer.from(name, 'base64url').toString())
      if (!holder || !/^\d{1,16}$/.test(until) || Number(until) <= clock.now()) return undefined
      return isSameSecret(signed, signature(`${name}.${until}`, holder)) ? holder : undefined
    },
  }
}

/** With the token as its key: another token of the same name makes other sessions. */
function signature(content: string, { token }: Holder): string {
  return createHmac('sha256', `session ${token}`).update(content).digest('base64url')
}
