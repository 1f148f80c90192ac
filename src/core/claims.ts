/** What a JSON Web Token says of itself: read, not verified, as that is up to the server it is sent to. */

import { parseJson } from './foreign.ts'

/** Undefined for any other kind of token. */
export function claimsOf(token: string): unknown {
  try {
    return parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url'))
  } catch {
    return undefined
  }
}
