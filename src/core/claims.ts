/** What a JSON Web Token says of itself: read, not verified, as that is for whoever it is sent to. */

/** Undefined for what is no such token. */
export function claimsOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
