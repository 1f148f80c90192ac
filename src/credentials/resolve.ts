/** Finds the credential of a registry: the first of the places that has one, in the documented order. */

import type { Credential, Registry } from '../core/registry.ts'
import { configuredCredential } from './configured.ts'
import { dockerCredential } from './docker-config.ts'
import { environmentCredential, hostCredential } from './environment.ts'
import { createHelperRunner } from './helper.ts'
import { createKeychain, keychainCredential } from './keychain.ts'
import type { CredentialSurroundings } from './surroundings.ts'

/**
 * 1. `REPLICATE_<NAME>_…` variables; 2. `credential` of the configuration, where `anonymous` ends the search; 3. `REPLICATE_<HOST>_…`
 * variables; 4. the keychain; 5. Docker's and Podman's files; 6. anonymous, of which an adapter may make its cloud's own. Throws `CredentialError` for a place that was
 * named on purpose and cannot be used, and for a broken file.
 */
export async function resolveCredential(registry: Registry, surroundings: CredentialSurroundings): Promise<Credential> {
  const { env, askHelper = createHelperRunner({ env }), keychain = createKeychain({ env }) } = surroundings
  const given =
    environmentCredential(registry, surroundings) ??
    (await configuredCredential(registry, surroundings)) ??
    hostCredential(registry, surroundings)
  if (given) return given
  const kept =
    registry.url === undefined
      ? undefined
      : ((await keychainCredential(registry, keychain, surroundings)) ??
        (await dockerCredential(registry.url, { ...surroundings, askHelper })))
  return kept ?? { kind: 'anonymous', origin: 'no credential found' }
}
