/** What the search for a credential is given to look with. */

import type { AskHelper } from './helper.ts'
import type { Keychain } from './keychain.ts'
import type { Tell } from './kinds.ts'

/** What a look-up may use. */
export interface CredentialSurroundings extends Tell {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The user's home directory, absolute, where there is one. */
  readonly home: string | undefined
  /** Default: runs `docker-credential-NAME` from the `PATH` of `env`. */
  readonly askHelper?: AskHelper
  /** Default: the one of the session that `env` names. */
  readonly keychain?: Keychain
  /** Milliseconds since 1970; default: the system's clock. */
  readonly now?: () => number
}
