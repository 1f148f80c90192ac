/** `replicate credentials set`: puts a registry's credential into the keychain; the secret is typed unseen or read, never an option. */

import { ConfigurationError } from '../../../core/errors.ts'
import type { Registry } from '../../../core/registry.ts'
import { KEYCHAIN_ORIGIN } from '../../../credentials/keychain.ts'
import { privateKey, SECRET_TYPES, type WrittenCredential } from '../../../credentials/kinds.ts'
import { secret as askSecret, text as askText } from '../../prompt/prompt.ts'
import { printable } from '../../render/format.ts'
import { print, quietContext, type Session } from '../../session.ts'
import { refuseWithoutKeychain } from './instead.ts'

type SecretType = WrittenCredential['type']

export interface SetFlags {
  readonly username?: string
  readonly type?: SecretType
  readonly stdin?: boolean
}

export async function set(session: Session, name: string, flags: SetFlags): Promise<number> {
  const app = await session.app()
  const configuration = await app.offline([])
  const registry = configuration.registryOf(name)
  const type = await typeOf(session, registry, flags.type)
  await refuseWithoutKeychain(app.keychain, { name, username: flags.username, verb: `update ${name}` })
  const username = await usernameOf(session, type, flags.username)
  const secret = flags.stdin ? await readSecret(session) : await typeSecret(session, name, type)
  if (type === 'service_account') privateKey(secret, 'what was read')
  await app.keychain.store(registry, { type, ...(username === undefined ? {} : { username }), secret })
  await app.record({ verb: 'changed', noun: 'credential', name, detail: 'in the keychain' })
  print(session, { registry: name, type, username: username ?? null, stored: true }, () =>
    session.quiet
      ? ''
      : `stored the credential of ${printable(name)} in the keychain\n  try it: replicate credentials check ${printable(name)}\n`,
  )
  const { origin } = await app.credential(name, configuration, quietContext(session))
  if (origin !== KEYCHAIN_ORIGIN && !session.quiet) {
    session.stderr.write(`warning: it is not used while there is another before it: ${origin}\n`)
  }
  return 0
}

/** What the registry's adapter takes of what a keychain can hold; without a word of the user the first. */
async function typeOf(session: Session, { name, type }: Registry, given: SecretType | undefined): Promise<SecretType> {
  const adapter = (await session.parts.adapters()).find(({ identity }) => identity === type)
  const taken = SECRET_TYPES.filter((kind) => adapter?.credentials.includes(kind))
  const chosen = given ?? taken[0]
  if (chosen !== undefined && taken.includes(chosen)) return chosen
  const what = chosen === undefined ? 'no credential' : `no credential of type ${chosen}`
  throw new ConfigurationError(`registry ${name} is of type ${type}, which takes ${what}`, {
    hint: taken.length === 0 ? 'there is nothing to store for it' : `it takes ${taken.join(', ')}`,
  })
}

async function usernameOf(session: Session, type: SecretType, given: string | undefined): Promise<string | undefined> {
  if (type === 'service_account' && given !== undefined) {
    throw new ConfigurationError('a service_account has no user name: it is in its key file', {
      hint: 'leave out --username',
    })
  }
  if (given !== undefined || type === 'token' || type === 'service_account') return given
  const message = type === 'access_key' ? 'Id of the access key:' : 'User name:'
  return askText(session, { message, option: '--username', check: filled })
}

const SECRET_QUESTIONS = {
  basic: 'Password',
  token: 'Token',
  access_key: 'Secret of the access key',
} as const

async function typeSecret(session: Session, name: string, type: SecretType): Promise<string> {
  if (type === 'service_account') {
    throw new ConfigurationError('a key file has many lines, which cannot be typed', {
      hint: `replicate credentials set ${name} --type service_account --stdin < key.json`,
    })
  }
  return askSecret(session, { message: `${SECRET_QUESTIONS[type]} for ${name}:`, option: '--stdin', check: filled })
}

function filled(answer: string): string | undefined {
  return answer === '' ? 'it cannot be empty' : undefined
}

/** All of standard input without the final line break, which is not part of the secret. */
export async function readSecret(session: Session): Promise<string> {
  const secret = (await session.stdin()).replace(/\r?\n$/, '')
  if (secret !== '') return secret
  throw new ConfigurationError('standard input is empty: no secret was read', {
    hint: 'as in: printf %s "$PASSWORD" | replicate credentials set NAME --username USER --stdin',
  })
}
