/** Tells a registry that wants a login from one that refused a credential: some show only by repository what anybody may read. */

import { CredentialError } from '../src/core/errors.ts'

export function needsCredential(error: unknown): boolean {
  return error instanceof CredentialError && /needs a credential/.test(error.message)
}
