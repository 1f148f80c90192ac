/** Credentials from the `REPLICATE_<NAME>_…` variables. */

import { CredentialError } from '../core/errors.ts'
import type { Credential, Registry } from '../core/registry.ts'
import type { CredentialSurroundings } from './surroundings.ts'

/** Undefined where no variable of this registry is set. Empty counts as not set, as CI systems leave it. */
export function environmentCredential(
  { name, untrusted }: Pick<Registry, 'name' | 'untrusted'>,
  { env, secrets }: Pick<CredentialSurroundings, 'env' | 'secrets'>,
): Credential | undefined {
  const prefix = variablePrefix(name)
  const username = env[`${prefix}_USERNAME`] || undefined
  const password = env[`${prefix}_PASSWORD`] || undefined
  const token = env[`${prefix}_TOKEN`] || undefined
  for (const secret of [password, token]) if (secret !== undefined) secrets(secret, username)

  const set = [username, password, token].some((value) => value !== undefined)
  if (set && untrusted) {
    throw new CredentialError(
      `${prefix}_… is set, and is not sent to an address that an untrusted file calls ${name}`,
      {
        hint: 'define the registry in your own configuration, or unset the variables',
      },
    )
  }
  if (username !== undefined) {
    const secret = password ?? token
    if (secret === undefined) throw halfSet(`${prefix}_USERNAME`, `${prefix}_PASSWORD`)
    return { kind: 'basic', username, password: secret, origin: `environment (${prefix}_USERNAME)` }
  }
  if (token !== undefined) return { kind: 'bearer', token, origin: `environment (${prefix}_TOKEN)` }
  if (password !== undefined) throw halfSet(`${prefix}_PASSWORD`, `${prefix}_USERNAME`)
  return undefined
}

/** `REPLICATE_REGISTRY_EXAMPLE_COM_5000` for `registry.example.com:5000`. */
export function variablePrefix(registry: string): string {
  return `REPLICATE_${registry.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`
}

function halfSet(set: string, missing: string): CredentialError {
  return new CredentialError(`${set} is set, but ${missing} is not`, { hint: `set ${missing} too, or unset ${set}` })
}
