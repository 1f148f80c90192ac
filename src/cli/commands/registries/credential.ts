/** A registry's credential as options give it for the file: the name of a variable, or a file that holds the secret. */

import type { Value } from '../../../config/edit/edit.ts'
import { ConfigurationError } from '../../../core/errors.ts'
import { type Places, pathIn } from './places.ts'

export interface CredentialFlags {
  readonly username?: string
  readonly passwordEnv?: string
  readonly passwordFile?: string
  readonly tokenEnv?: string
  readonly tokenFile?: string
}

const SECRETS = {
  passwordEnv: '--password-env',
  passwordFile: '--password-file',
  tokenEnv: '--token-env',
  tokenFile: '--token-file',
}

/** The options that say where the secret stands. */
export function secretOptions(flags: CredentialFlags): readonly string[] {
  return Object.entries(SECRETS).flatMap(([key, option]) => (Reflect.get(flags, key) === undefined ? [] : [option]))
}

/** The `credential:` of the file; undefined where no option says where its secret stands, and '' where one takes it away. `taken` are the kinds
 *  that the registry's adapter takes. Throws a `ConfigurationError`. */
export function credentialSetting(flags: CredentialFlags, taken: readonly string[], places: Places): Value | undefined {
  const { username, passwordEnv, passwordFile, tokenEnv, tokenFile } = flags
  const given = secretOptions(flags)
  if (given.length === 0) return undefined
  if (given.length > 1) {
    throw new ConfigurationError(`${given.join(' and ')} exclude each other`, { hint: 'a secret stands in one place' })
  }
  const variable = passwordEnv ?? tokenEnv
  const file = passwordFile ?? tokenFile
  if ((variable ?? file) === '') return ''
  const type = kindOf(flags, taken)
  const named = username ? { username } : {}
  if (file !== undefined) return { type, ...named, password_file: pathIn(file, places) }
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable ?? '')) {
    // It may be the secret itself, which must not be repeated.
    throw new ConfigurationError(`${given[0]} takes the name of a variable, which the file will refer to`, {
      hint: 'as in: --password-env HUB_PASSWORD',
    })
  }
  return { type, ...named, [type === 'token' ? 'token' : 'password']: `\${${variable}}` }
}

function kindOf({ username, tokenEnv, tokenFile }: CredentialFlags, taken: readonly string[]): string {
  const isToken = (tokenEnv ?? tokenFile) !== undefined
  const fitting = isToken ? ['token'] : username ? ['basic', 'access_key'] : ['token', 'service_account']
  const kind = fitting.find((one) => taken.includes(one))
  if (kind !== undefined) return kind
  throw new ConfigurationError(`this type of registry takes no credential of type ${fitting.join(' or ')}`, {
    hint: taken.length === 0 ? 'it needs none' : `it takes ${taken.join(', ')}`,
  })
}
