/** Access tokens by Google's own library, for every kind of credential file; its requests go through the program's client. */

import type { AuthClient, BaseExternalAccountClient } from 'google-auth-library'
import { z } from 'zod'
import type { SignInTools } from '../../src/core/adapter.ts'
import { CredentialError, ReplicateError } from '../../src/core/errors.ts'
import type { SentCredential } from '../../src/core/registry.ts'
import { type Fetch, fetchThrough } from './fetch.ts'

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
/** Milliseconds, where the library does not tell. */
const LIFE = 30 * 60_000

const SERVICE_ACCOUNT = z.object({
  type: z.literal('service_account').optional(),
  client_email: z.string(),
  private_key: z.string(),
  token_uri: z.string().optional(),
})
const USER = z.object({
  type: z.literal('authorized_user'),
  client_id: z.string(),
  client_secret: z.string(),
  refresh_token: z.string(),
  token_uri: z.string().optional(),
})
const EXTERNAL = z.looseObject({
  type: z.literal('external_account'),
  audience: z.string(),
  subject_token_type: z.string(),
  token_url: z.string(),
})
const DIRECT = z.union([USER, EXTERNAL, SERVICE_ACCOUNT])
const IMPERSONATED = z.object({
  type: z.literal('impersonated_service_account'),
  source_credentials: DIRECT,
  service_account_impersonation_url: z.string(),
  delegates: z.array(z.string()).optional(),
})
const FILE = z.union([IMPERSONATED, DIRECT])

type CredentialFile = z.infer<typeof FILE>
type Library = typeof import('google-auth-library')

/** Throws a `CredentialError` where the text is no credential of Google's, or Google refuses it. */
export async function tokenOfFile(text: string, origin: string, tools: SignInTools): Promise<SentCredential> {
  const file = parsed(text, origin)
  const client = await clientOf(file, tools)
  let token: string | null | undefined
  try {
    token = (await client.getAccessToken()).token
  } catch (error) {
    throw unanswered(error) ?? refused(error, origin)
  }
  if (!token) throw new CredentialError(`Google gave no token for the credential from ${origin}`)
  return { kind: 'bearer', token, origin, expires: client.credentials.expiry_date ?? Date.now() + LIFE }
}

function parsed(text: string, origin: string): CredentialFile {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // No cause: the parser's message quotes what it read.
    value = undefined
  }
  const found = FILE.safeParse(value)
  if (found.success) return found.data
  throw new CredentialError(
    `the credential from ${origin} is no key file of a service account, nor another of Google's`,
    {
      hint: 'it is the JSON file that was downloaded when the key was made, or what gcloud auth application-default login wrote',
    },
  )
}

/** By the classes of each kind: the library warns on standard error of the one way for all. */
async function clientOf(file: CredentialFile, tools: SignInTools): Promise<AuthClient> {
  const library = await import('google-auth-library')
  const direct = file.type === 'impersonated_service_account' ? file.source_credentials : file
  const tokenUri = direct.type === 'external_account' ? undefined : direct.token_uri
  const options = { transporterOptions: { fetchImplementation: fetchThrough(tools, tokenUri) } }
  const client = directClient(direct, library, options)
  if (file.type !== 'impersonated_service_account') return client
  const { service_account_impersonation_url: url, delegates = [] } = file
  const [, targetPrincipal = ''] = /\/serviceAccounts\/([^/:]+):generateAccessToken$/.exec(url) ?? []
  const impersonation = { sourceClient: client, targetPrincipal, targetScopes: [SCOPE], delegates }
  return new library.Impersonated({ ...options, ...impersonation })
}

function directClient(
  file: z.infer<typeof DIRECT>,
  library: Library,
  options: { readonly transporterOptions: { readonly fetchImplementation: Fetch } },
): AuthClient {
  if (file.type === 'authorized_user') {
    const { client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken } = file
    return new library.UserRefreshClient({ ...options, clientId, clientSecret, refreshToken })
  }
  if (file.type === 'external_account') {
    type Options = Parameters<typeof library.ExternalAccountClient.fromJSON>[0]
    // What it must hold was checked above; the source of its token has kinds of its own, which the library checks.
    const client: BaseExternalAccountClient | null = library.ExternalAccountClient.fromJSON({
      ...file,
      ...options,
    } as Options)
    if (!client) throw new CredentialError('a file of type external_account that the library does not know')
    client.scopes = [SCOPE]
    return client
  }
  const { client_email: email, private_key: key } = file
  return new library.JWT({ ...options, email, key, scopes: [SCOPE] })
}

/** What the program's client threw: no answer, or none that helps. The library wraps it. */
function unanswered(error: unknown): ReplicateError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof ReplicateError) return at
  return undefined
}

function refused(error: unknown, origin: string): CredentialError {
  const why = (error instanceof Error ? error.message : String(error)).split(/\r?\n/)[0]
  return new CredentialError(`Google refused the credential from ${origin}: ${why}`, {
    cause: error,
    hint: /invalid_rapt|reauth|invalid_grant.*(expired|revoked)/i.test(`${why}`)
      ? 'sign in again: gcloud auth application-default login'
      : 'the key may be deleted or disabled, or the clock of this machine wrong; `type: anonymous` signs in nobody',
  })
}
