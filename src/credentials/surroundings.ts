/** What the search for a credential is given to look with. */

import type { AskHelper } from './helper.ts'
import type { Keychain } from './keychain.ts'

/** What a look-up may use. */
export interface CredentialSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The user's home directory, absolute. */
  readonly home: string
  /** Told of what was passed over: a helper that failed, a file that cannot be read. Never holds a secret. */
  readonly warn: (text: string) => void
  /** Told of every secret, before anything else is done with it. */
  readonly secrets: (secret: string, username?: string) => void
  /** Default: runs `docker-credential-NAME` from the `PATH` of `env`. */
  readonly askHelper?: AskHelper
  /** Default: the one of the session that `env` names. */
  readonly keychain?: Keychain
  /** Milliseconds since 1970; default: the system's clock. */
  readonly now?: () => number
}
