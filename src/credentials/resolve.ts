/** Finds the credential of a registry: the first of the places that has one, in the documented order. */

import type { Credential, Registry } from '../core/registry.ts'
import { configuredCredential } from './configured.ts'
import { dockerCredential } from './docker-config.ts'
import { environmentCredential } from './environment.ts'
import { type AskHelper, createHelperRunner } from './helper.ts'
import { createKeychain, type Keychain, keychainCredential } from './keychain.ts'

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

/**
 * 1. `REPLICATE_<NAME>_…` variables; 2. `credential` of the configuration, where `anonymous` ends the search; 3. the keychain;
 * 4. Docker's and Podman's files; 5. anonymous, of which an adapter may make its cloud's own. Throws `CredentialError` for a place that was
 * named on purpose and cannot be used, and for a broken file.
 */
export async function resolveCredential(registry: Registry, surroundings: CredentialSurroundings): Promise<Credential> {
  const { env, askHelper = createHelperRunner({ env }), keychain = createKeychain({ env }) } = surroundings
  const given =
    environmentCredential(registry.name, surroundings) ?? (await configuredCredential(registry, surroundings))
  if (given) return given
  const kept =
    registry.url === undefined
      ? undefined
      : ((await keychainCredential(registry.name, keychain, surroundings)) ??
        (await dockerCredential(registry.url, { ...surroundings, askHelper })))
  return kept ?? { kind: 'anonymous', origin: 'no credential found' }
}
