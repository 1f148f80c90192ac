/** Makes of what was found an access token of Google, which both the registry and the API take: of a key file wherever it stands, and of the
 *  application default credentials (a file that a variable names, that of gcloud, or the service account of the machine).
 *
 *  https://cloud.google.com/docs/authentication/application-default-credentials */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuthClient, BaseExternalAccountClient } from 'google-auth-library'
import { z } from 'zod'
import type { SignInTools } from '../../src/core/adapter.ts'
import { ConfigurationError, CredentialError, ReplicateError } from '../../src/core/errors.ts'
import { parseJson } from '../../src/core/foreign.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { keyText } from './api.ts'

/** User names under which an access token is a password. */
const TOKEN_USER = /^(oauth2accesstoken|_token|_dcgcr_.*_token)$/

export async function signIn(found: Credential, registry: Registry, tools: SignInTools): Promise<SentCredential> {
  const { origin } = found
  const key = keyText(found)
  if (key !== undefined) return tokenOfFile(key, origin, tools)
  switch (found.kind) {
    case 'basic': {
      const { expires } = found
      if (!TOKEN_USER.test(found.username)) return found
      return { kind: 'bearer', token: found.password, origin, ...(expires === undefined ? {} : { expires }) }
    }
    case 'ambient':
      return neededToken(registry, tools)
    case 'anonymous':
      if (registry.credential?.type === 'anonymous') return found
      return (await foundToken(tools)) ?? found
    case 'bearer':
    case 'identity':
      return found
    default:
      throw new ConfigurationError(`registry ${registry.name}: google-gar takes no credential of that type (${origin})`)
  }
}

async function neededToken(registry: Registry, tools: SignInTools): Promise<SentCredential> {
  const found = (await namedToken(tools)) ?? (await gcloudToken(tools)) ?? (await machineToken(tools))
  if (found) return found
  throw new CredentialError(`registry ${registry.name}: there are no application default credentials`, {
    hint: 'run `gcloud auth application-default login`, let GOOGLE_APPLICATION_CREDENTIALS name a key file, or run on a machine with a service account',
  })
}

/** The same where nothing asks for a credential: only what costs no time is looked at, and a login of gcloud that has ended is not used. */
async function foundToken(tools: SignInTools): Promise<SentCredential | undefined> {
  const named = await namedToken(tools)
  if (named) return named
  try {
    return (await gcloudToken(tools)) ?? ((await isGoogleMachine(tools)) ? await machineToken(tools) : undefined)
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error
    const text = `Google's default credentials are not used: ${error.message}${error.hint ? `; ${error.hint}` : ''}`
    tools.ctx.emit({ type: 'log', level: 'warning', text })
    return undefined
  }
}

async function namedToken(tools: SignInTools): Promise<SentCredential | undefined> {
  const named = tools.env.GOOGLE_APPLICATION_CREDENTIALS
  if (!named) return undefined
  const text = await readFile(named, 'utf8').catch((cause: unknown) => {
    throw new CredentialError(`the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read: ${named}`, { cause })
  })
  return tokenOfFile(text, 'environment (GOOGLE_APPLICATION_CREDENTIALS)', tools)
}

const GCLOUD_FILE = 'application_default_credentials.json'

async function gcloudToken(tools: SignInTools): Promise<SentCredential | undefined> {
  const { CLOUDSDK_CONFIG: directory, APPDATA, HOME } = tools.env
  const gcloud = directory || (APPDATA ? join(APPDATA, 'gcloud') : HOME && join(HOME, '.config', 'gcloud'))
  if (!gcloud) return undefined
  const text = await readFile(join(gcloud, GCLOUD_FILE), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : tokenOfFile(text, `gcloud (${GCLOUD_FILE})`, tools)
}

/** The service that gives a machine of Google its identity; the variable is what Google's own libraries look at. */
const MACHINE = '169.254.169.254'
/** Milliseconds: elsewhere nothing answers there. */
const MACHINE_TIMEOUT = 1000

const MACHINE_TOKEN = z.looseObject({ access_token: z.string().min(1), expires_in: z.number() })
const LIMIT = 1024 * 1024

/** Undefined where there is no such service. */
async function machineToken({ api, env, ctx }: SignInTools): Promise<SentCredential | undefined> {
  const http = api({
    url: `http://${env.GCE_METADATA_HOST || MACHINE}`,
    name: 'machine',
    credential: async () => ({ kind: 'anonymous', origin: 'none' }),
  })
  const url = '/computeMetadata/v1/instance/service-accounts/default/token'
  const headers = { 'metadata-flavor': 'Google' }
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(MACHINE_TIMEOUT)])
  const request = { method: 'GET', url, headers, retry: false, whole: LIMIT } as const
  try {
    const response = await http.request(request, { ...ctx, signal })
    const { access_token: token, expires_in } = MACHINE_TOKEN.parse(await response.json(LIMIT))
    return { kind: 'bearer', token, origin: "the machine's service account", expires: Date.now() + expires_in * 1000 }
  } catch (error) {
    if (ctx.signal.aborted) throw error
    return undefined
  }
}

/** Known without a request: by the firmware, or by what serverless environments set. */
async function isGoogleMachine({ env }: SignInTools): Promise<boolean> {
  if (env.GCE_METADATA_HOST || env.K_SERVICE || env.CLOUD_RUN_JOB || env.FUNCTION_NAME) return true
  const vendor = await readFile('/sys/class/dmi/id/bios_vendor', 'utf8').catch(() => '')
  return vendor.startsWith('Google')
}

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

/** Throws a `CredentialError` where the text is not a credential of Google's, or Google refuses it. */
async function tokenOfFile(text: string, origin: string, tools: SignInTools): Promise<SentCredential> {
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
    value = parseJson(text)
  } catch {
    // No cause: its message may quote what was read.
    value = undefined
  }
  const found = FILE.safeParse(value)
  if (found.success) return found.data
  throw new CredentialError(
    `the credential from ${origin} is neither the key file of a service account nor another credential of Google's`,
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
      : 'the key may be deleted or disabled, or the clock of this machine wrong; `type: anonymous` uses no credential',
  })
}

/** A `fetch` for Google's library that has the proxy, the trust and the retries of the registry's own client. */
type Fetch = (...args: Parameters<typeof fetch>) => Promise<Response>

/** The library knows one address for tokens; a key file may name another. */
const TOKENS = 'https://oauth2.googleapis.com'
const METHODS = z.enum(['GET', 'POST', 'PUT'])

/** Throws a `NetworkError` or `RegistryError` where no answer comes that the library could read. */
function fetchThrough({ api, ctx }: SignInTools, tokenUri: string | undefined): Fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const asked = new URL(request.url)
    const { origin, pathname, search } = asked.origin === TOKENS && tokenUri ? new URL(tokenUri) : asked
    const http = api({ url: origin, name: 'google', credential: async () => ({ kind: 'anonymous', origin: 'none' }) })
    const headers = Object.fromEntries(request.headers)
    const method = METHODS.parse(request.method)
    const body = method === 'GET' ? {} : { body: new Uint8Array(await request.arrayBuffer()) }
    const url = `${pathname}${search}`
    const expect = [200, 201, 204, 400, 401, 403, 404]
    const response = await http.request({ method, url, headers, ...body, expect, whole: LIMIT }, ctx)
    const bytes = Buffer.from(await response.bytes(LIMIT))
    const type = response.headers['content-type'] ?? 'application/json'
    return new Response(bytes.byteLength > 0 ? bytes : null, {
      status: response.status,
      headers: { 'content-type': type },
    })
  }
}
