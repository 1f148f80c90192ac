/** The format of Docker's config.json, Podman's auth.json and the old .dockercfg. */

import { z } from 'zod'
import { CredentialError } from '../core/errors.ts'

const entry = z.looseObject({
  auth: z.string().nullish(),
  username: z.string().nullish(),
  password: z.string().nullish(),
  identitytoken: z.string().nullish(),
  registrytoken: z.string().nullish(),
})
const auths = z.record(z.string(), entry.nullish())
const config = z.looseObject({
  auths: auths.nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
})

export type DockerEntry = z.infer<typeof entry>
export type DockerFile = z.infer<typeof config>

/** What an entry of `auths` holds. */
export type DockerSecret =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity' | 'bearer'; readonly token: string }

/** `name` says in errors where the text is from; the text itself is never in one. An empty text is an empty file. */
export function parseDockerFile(text: string, name: string, format: 'config' | 'dockercfg'): DockerFile {
  const content = text.replace(/^\uFEFF/, '').trim()
  if (content === '') return {}
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    // No cause: the parser's message quotes what it read.
    throw new CredentialError(`${name} is not valid JSON`, {
      hint: 'repair it, or log in again with the tool that wrote it',
    })
  }
  const parsed = config.safeParse(format === 'dockercfg' ? { auths: value } : value)
  if (parsed.success) return parsed.data
  const place = parsed.error.issues[0]?.path.join('.') || 'its top level'
  throw new CredentialError(`${name} is not a file of registry credentials: ${place} has the wrong type`)
}

/** Undefined for an entry that holds none: `{}` says that the secret is in a store. Throws where `auth` is not what it should be. */
export function secretOfEntry(found: DockerEntry): DockerSecret | undefined {
  const { auth, username, password, identitytoken, registrytoken } = found
  if (registrytoken) return { kind: 'bearer', token: registrytoken }
  if (identitytoken) return { kind: 'identity', token: identitytoken }
  if (auth) return decodeAuth(auth)
  return username && password ? secretOfUser(username, password) : undefined
}

/** `<token>` is the user name by which helpers and files mark an identity token. */
export function secretOfUser(username: string, password: string): DockerSecret {
  return username === '<token>' ? { kind: 'identity', token: password } : { kind: 'basic', username, password }
}

/** Base64 of `user:password`, with or without padding; some writers put NULs around the password. */
function decodeAuth(auth: string): DockerSecret | undefined {
  const text = auth.trim()
  const decoded = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64').toString('utf8') : ''
  const colon = decoded.indexOf(':')
  if (colon < 1) throw new CredentialError('`auth` is not base64 of USER:PASSWORD')
  const password = decoded.slice(colon + 1).replace(/^\0+|\0+$/g, '')
  return password === '' ? undefined : secretOfUser(decoded.slice(0, colon), password)
}
