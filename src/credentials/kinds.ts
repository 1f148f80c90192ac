/** What a type of credential means: from what was written down under it to what the rest of the program knows. */

import { CredentialError } from '../core/errors.ts'
import type { Credential } from '../core/registry.ts'

/** The types that hold a secret. */
export const SECRET_TYPES = ['basic', 'token', 'access_key', 'service_account'] as const

/** Where a search reports what it finds. */
export interface Tell {
  /** Called for what was passed over: a helper that failed, a file that cannot be read. Never with a secret. */
  readonly warn: (text: string) => void
  /** Called for every secret before anything else happens with it. */
  readonly secrets: (secret: string, username?: string) => void
}

export interface WrittenCredential {
  readonly type: (typeof SECRET_TYPES)[number]
  /** Of `access_key` its id. A `token` with a user is sent as a password. */
  readonly username?: string | undefined
  /** Of `service_account` the key file's JSON. */
  readonly secret: string
  /** Of `access_key`: the token of a session. */
  readonly session?: string | undefined
}

/** Registers the secret before anything else. Throws `CredentialError` where a part is missing; `whose` begins its message. */
export function credentialOf(
  { type, username, secret, session }: WrittenCredential,
  { origin, whose }: { readonly origin: string; readonly whose: string },
  { secrets }: Pick<Tell, 'secrets'>,
): Credential {
  secrets(secret, username)
  if (session !== undefined) secrets(session)
  if (type === 'service_account') {
    secrets(privateKey(secret, whose))
    return { kind: 'service_account', key: secret, origin }
  }
  if (type === 'token' && username === undefined) return { kind: 'bearer', token: secret, origin }
  if (username === undefined) {
    throw new CredentialError(`${whose} has no username`, {
      hint: type === 'access_key' ? 'the id of the key is its `username`' : 'add `username:` to it',
    })
  }
  if (type !== 'access_key') return { kind: 'basic', username, password: secret, origin }
  return { kind: 'access_key', id: username, secret, origin, ...(session === undefined ? {} : { session }) }
}

/** The part of a key file that is secret. Throws a `CredentialError` for anything but a key file. */
export function privateKey(text: string, whose: string): string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // No cause: the parser's message quotes what it read.
    value = undefined
  }
  if (typeof value === 'object' && value !== null && 'private_key' in value && typeof value.private_key === 'string') {
    return value.private_key
  }
  throw new CredentialError(`${whose} is not the JSON key file of a service account`, {
    hint: 'it is the file that was downloaded when the key was made, with `private_key` in it',
  })
}
