/** An access token that one side of a service takes as a password, and another as a bearer token. */

import type { Credential, SentCredential } from '../src/core/registry.ts'

/** For a registry: the token as the password of a user whose name does not matter, or is `username`. */
export function asPassword(found: Credential, username = 'token'): SentCredential {
  const { origin } = found
  if (found.kind === 'bearer') return { kind: 'basic', username, password: found.token, origin }
  return found.kind === 'basic' || found.kind === 'identity' ? found : { kind: 'anonymous', origin }
}

/** For an API: the password as the token; only that of `username`, where it is given. */
export function asToken(found: Credential, username?: string): SentCredential {
  const { origin } = found
  if (found.kind === 'bearer') return found
  return found.kind === 'basic' && (username === undefined || found.username === username)
    ? { kind: 'bearer', token: found.password, origin }
    : { kind: 'anonymous', origin }
}
