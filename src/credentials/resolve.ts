/** Finds the credential of a registry: the first of the places that has one, in the documented order. */

import type { Credential, Registry } from '../core/registry.ts'
import { configuredCredential } from './configured.ts'
import { dockerCredential } from './docker-config.ts'
import { environmentCredential } from './environment.ts'
import { type AskHelper, createHelperRunner } from './helper.ts'

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
}

/**
 * 1. `REPLICATE_<NAME>_…` variables; 2. `credential` of the configuration, where `anonymous` ends the search; 3. Docker's and Podman's
 * files; 4. anonymous. Throws `CredentialError` for a place that was named on purpose and cannot be used, and for a broken file.
 */
export async function resolveCredential(registry: Registry, surroundings: CredentialSurroundings): Promise<Credential> {
  const askHelper = surroundings.askHelper ?? createHelperRunner({ env: surroundings.env })
  const found =
    environmentCredential(registry.name, surroundings) ??
    (await configuredCredential(registry, surroundings)) ??
    (registry.url === undefined ? undefined : await dockerCredential(registry.url, { ...surroundings, askHelper }))
  return found ?? { kind: 'anonymous', origin: 'no credential found' }
}
