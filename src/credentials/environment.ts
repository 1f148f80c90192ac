/** Credentials from the `REPLICATE_<NAME>_…` variables. */

import { CredentialError } from '../core/errors.ts'
import type { Credential, Registry } from '../core/registry.ts'
import type { CredentialSurroundings } from './surroundings.ts'

type Named = Pick<Registry, 'name' | 'url' | 'untrusted'>

type Surroundings = Pick<CredentialSurroundings, 'env' | 'secrets'>

/** By the registry's name. Undefined where no such variable is set. Empty counts as not set, as CI systems leave it. */
export function environmentCredential(registry: Named, surroundings: Surroundings): Credential | undefined {
  return credentialNamed(registry.name, registry, surroundings)
}

/** By the host of a registry that has another name. */
export function hostCredential(registry: Named, surroundings: Surroundings): Credential | undefined {
  const { name, url, untrusted } = registry
  // A stranger's file must not have it sent in the clear.
  if (url === undefined || (untrusted && !url.startsWith('https:'))) return undefined
  const { host } = new URL(url)
  const hosts = host === DOCKER_HUB ? [host, 'docker.io'] : [host]
  for (const one of hosts.filter((each) => each !== name)) {
    const found = credentialNamed(one, registry, surroundings)
    if (found) return found
  }
  return undefined
}

const DOCKER_HUB = 'registry-1.docker.io'

function credentialNamed(
  name: string,
  { name: own, untrusted }: Named,
  { env, secrets }: Surroundings,
): Credential | undefined {
  const prefix = variablePrefix(name)
  const username = env[`${prefix}_USERNAME`] || undefined
  const password = env[`${prefix}_PASSWORD`] || undefined
  const token = env[`${prefix}_TOKEN`] || undefined
  for (const secret of [password, token]) if (secret !== undefined) secrets(secret, username)

  const set = [username, password, token].some((value) => value !== undefined)
  // What is set for a host may go to that host, whatever file names it.
  if (set && untrusted && name === own) {
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
