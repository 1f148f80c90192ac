/** The credential that the configuration itself names. */

import { CredentialError } from '../core/errors.ts'
import type { Credential, CredentialConfig, Registry } from '../core/registry.ts'
import { readText } from './file.ts'
import { credentialOf } from './kinds.ts'
import type { CredentialSurroundings } from './surroundings.ts'

/** Undefined where the registry has no `credential`. `type: anonymous` is an answer: it ends the search. */
export async function configuredCredential(
  { name, credential }: Registry,
  surroundings: Pick<CredentialSurroundings, 'secrets'>,
): Promise<Credential | undefined> {
  if (!credential) return undefined
  const { type, username, token } = credential
  const origin = 'credential in the configuration'
  if (type === 'anonymous') return { kind: 'anonymous', origin: `${origin} (anonymous)` }
  if (type === 'aws' || type === 'google' || type === 'azure') return { kind: 'ambient', origin: `${origin} (${type})` }
  const found = await secretOf(name, credential)
  const session = type === 'access_key' ? token : undefined
  const whose = `the credential of registry ${name}`
  return credentialOf({ type, username, secret: found.secret, session }, { origin: found.origin, whose }, surroundings)
}

const LARGEST_SECRET = 64 * 1024

async function secretOf(registry: string, credential: CredentialConfig): Promise<{ secret: string; origin: string }> {
  const { type, password_file: file } = credential
  const given = type === 'token' ? (credential.token ?? credential.password) : credential.password
  if (given) return { secret: given, origin: 'credential in the configuration' }
  if (file === undefined) {
    throw new CredentialError(
      `the credential of registry ${registry} has no ${type === 'token' ? 'token' : 'password'}`,
      {
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the user writes
        hint: 'give it as `${VARIABLE}`, or name a file with `password_file:`',
      },
    )
  }
  const text = await readText(file, LARGEST_SECRET)
  if (text === undefined) throw new CredentialError(`the password file ${file} of registry ${registry} does not exist`)
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') throw new CredentialError(`the password file ${file} of registry ${registry} is empty`)
  return { secret, origin: `credential in the configuration (password_file ${file})` }
}
