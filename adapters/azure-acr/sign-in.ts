/** Makes of what was found what a registry of Azure takes: for a token of Entra it gives a refresh token of its own. Such a token comes by
 *  the environment, the machine's managed identity, or Azure's own library.
 *
 *  https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
 *  https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */

import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { SignInTools } from '../../src/core/adapter.ts'
import { claimsOf } from '../../src/core/claims.ts'
import { ConfigurationError, CredentialError, hasCode, RegistryError } from '../../src/core/errors.ts'
import { parseJson } from '../../src/core/foreign.ts'
import type { HttpRequest } from '../../src/core/http.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { hinted } from './api.ts'

/** The user name under which a refresh token is a password. */
const REFRESH_USER = '00000000-0000-0000-0000-000000000000'

export async function signIn(found: Credential, registry: Registry, tools: SignInTools): Promise<SentCredential> {
  const { origin } = found
  switch (found.kind) {
    case 'identity':
      return found
    case 'basic':
      return found.username === REFRESH_USER ? { kind: 'identity', token: found.password, origin } : found
    case 'bearer': {
      const { grant_type, tid } = checkedClaims(found.token)
      if (grant_type === 'refresh_token') return { kind: 'identity', token: found.token, origin }
      return tid === undefined ? found : exchange({ token: found.token, origin }, registry, tools)
    }
    case 'ambient':
      return exchange(await neededToken(registry, tools), registry, tools)
    case 'anonymous':
      return registry.credential?.type === 'anonymous' ? found : unasked(found, registry, tools)
    default:
      throw new ConfigurationError(`registry ${registry.name}: azure-acr takes no credential of that type (${origin})`)
  }
}

/** Uses an identity that the configuration does not ask for. Where the machine's own is refused, anonymous access is tried. */
async function unasked(
  found: Extract<SentCredential, { kind: 'anonymous' }>,
  registry: Registry,
  tools: SignInTools,
): Promise<SentCredential> {
  const token = await foundToken(registry, tools)
  if (!token) return found
  try {
    return await exchange(token, registry, tools)
  } catch (error) {
    if (!token.ofMachine || !(error instanceof CredentialError)) throw error
    const text = `registry ${registry.name} is used without a credential: ${error.message}`
    tools.ctx.emit({ type: 'log', level: 'warning', text })
    return found
  }
}

const ANSWER = z.looseObject({ refresh_token: z.string().min(1) })
const CLAIMS = z.looseObject({
  /** Seconds since 1970. */
  exp: z.number().optional(),
  /** Of tokens of the registry itself. */
  grant_type: z.string().optional(),
  /** The tenant; of tokens of Entra. */
  tid: z.string().optional(),
})

async function exchange(
  { token, tenant, origin }: EntraToken,
  { url = '', name }: Registry,
  { api, ctx }: SignInTools,
): Promise<SentCredential> {
  const http = api({ url, name: 'exchange', credential: async () => ({ kind: 'anonymous', origin: 'none' }) })
  const { host } = new URL(url)
  const form = { grant_type: 'access_token', service: host, access_token: token, ...(tenant ? { tenant } : {}) }
  const path = '/oauth2/exchange'
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }
  const body = Buffer.from(new URLSearchParams(form).toString())
  const request = { method: 'POST', url: path, headers, body, expect: [200, 400, 401, 403], whole: LIMIT } as const
  const response = await http.request(request, ctx)
  const text = Buffer.from(await response.bytes(LIMIT)).toString('utf8')
  if (response.status !== 200) {
    const why = /"message"\s*:\s*"([^"]{1,500})"/.exec(text)?.[1] ?? 'without a reason'
    const message = `${host} refused the Azure identity from ${origin}: ${why} (${response.status})`
    const { status } = response
    // Its firewall refuses here, too.
    const blocked = new RegistryError(message, { status, method: 'POST', path })
    const known = hinted(blocked)
    if (known !== blocked) throw known
    throw new CredentialError(message, {
      hint: `give that identity a role at registry ${name}, such as AcrPull or AcrPush; it must belong to the registry's tenant`,
    })
  }
  const answer = ANSWER.safeParse(jsonOf(text))
  if (!answer.success) throw new CredentialError(`${host} gave no refresh token for the Azure identity from ${origin}`)
  const { refresh_token } = answer.data
  const { exp } = checkedClaims(refresh_token)
  return { kind: 'identity', token: refresh_token, origin, expires: exp === undefined ? Date.now() + LIFE : exp * 1000 }
}

const LIMIT = 1024 * 1024
/** Milliseconds, for a token that does not say when it ends. It lives for three hours. */
const LIFE = 2 * 60 * 60_000

/** What a JSON Web Token says of itself; nothing for any other text. */
function checkedClaims(token: string): z.infer<typeof CLAIMS> {
  const parsed = CLAIMS.safeParse(claimsOf(token))
  return parsed.success ? parsed.data : {}
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

interface EntraToken {
  readonly token: string
  readonly tenant?: string | undefined
  readonly origin: string
  /** Of the machine's managed identity, which it has whether or not it is to be used. */
  readonly ofMachine?: true
}

/** The registries' own audience, the same in every cloud. */
const AUDIENCE = 'https://containerregistry.azure.net'
const AUTHORITIES: readonly (readonly [RegExp, string])[] = [
  [/\.azurecr\.cn$/, 'https://login.chinacloudapi.cn'],
  [/\.azurecr\.us$/, 'https://login.microsoftonline.us'],
]
const PUBLIC_AUTHORITY = 'https://login.microsoftonline.com'

/** The first identity that is found; throws a `CredentialError` if there is no identity. */
async function neededToken(registry: Registry, tools: SignInTools): Promise<EntraToken> {
  const found = (await clientToken(registry, tools)) ?? (await serviceToken(tools)) ?? (await machineToken(tools))
  if (found) return found
  const library = await libraryToken(`${AUDIENCE}/.default`)
  if (library) return { token: library, origin: '@azure/identity' }
  throw new CredentialError(`registry ${registry.name}: no Azure identity: neither environment nor managed identity`, {
    hint: 'set AZURE_CLIENT_ID and AZURE_TENANT_ID with AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE, run on a machine with a managed identity, or install @azure/identity beside replicate to use `az login`',
  })
}

/** The same where nothing asks for an identity: only what costs no time is looked at, and a machine that has none is fine. */
async function foundToken(registry: Registry, tools: SignInTools): Promise<EntraToken | undefined> {
  const given = await clientToken(registry, tools)
  if (given) return given
  try {
    return (await serviceToken(tools)) ?? ((await isAzureMachine(tools)) ? await machineToken(tools) : undefined)
  } catch (error) {
    // Every machine of Azure has the service, and few have an identity.
    if (!(error instanceof CredentialError)) throw error
    return undefined
  }
}
/** A service principal's secret, or the token of a workload, exchanged at Entra. */
async function clientToken({ url = '' }: Registry, tools: SignInTools): Promise<EntraToken | undefined> {
  const { AZURE_CLIENT_ID: client, AZURE_TENANT_ID: tenant, AZURE_CLIENT_SECRET: secret } = tools.env
  const { AZURE_FEDERATED_TOKEN_FILE: file, AZURE_AUTHORITY_HOST: given } = tools.env
  if (!client || !tenant || (!secret && !file)) return undefined
  const origin = `environment (${secret ? 'AZURE_CLIENT_SECRET' : 'AZURE_FEDERATED_TOKEN_FILE'})`
  const { hostname } = new URL(url)
  const authority = given || (AUTHORITIES.find(([host]) => host.test(hostname))?.[1] ?? PUBLIC_AUTHORITY)
  const proof = secret
    ? { client_secret: secret }
    : {
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await readToken(file ?? ''),
      }
  const form = { grant_type: 'client_credentials', client_id: client, scope: `${AUDIENCE}/.default`, ...proof }
  const request = {
    method: 'POST',
    url: `/${encodeURIComponent(tenant)}/oauth2/v2.0/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: Buffer.from(new URLSearchParams(form).toString()),
  } as const
  const token = await ask(authority.replace(/\/+$/, ''), request, origin, tools)
  return { token, tenant, origin }
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    throw new CredentialError(`the token file that AZURE_FEDERATED_TOKEN_FILE names cannot be read: ${file}`, { cause })
  }
}

/** The managed identity of App Service and Container Apps. */
async function serviceToken(tools: SignInTools): Promise<EntraToken | undefined> {
  const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header } = tools.env
  if (!endpoint || !header || !URL.canParse(endpoint)) return undefined
  const { origin: address, pathname } = new URL(endpoint)
  const origin = 'managed identity (IDENTITY_ENDPOINT)'
  const url = `${pathname}?${identityQuery('2019-08-01', tools)}`
  const request = { method: 'GET', url, headers: { 'x-identity-header': header } } as const
  return { token: await ask(address, request, origin, tools), origin, ofMachine: true }
}

/** The service that gives a machine of Azure its identity; the variable is what Azure's own libraries look at. */
const MACHINE = 'http://169.254.169.254'
/** Milliseconds: elsewhere nothing answers there. */
const MACHINE_TIMEOUT = 1000

/** The managed identity of a machine; undefined where there is no such service. */
async function machineToken(tools: SignInTools): Promise<EntraToken | undefined> {
  const address = (tools.env.AZURE_POD_IDENTITY_AUTHORITY_HOST || MACHINE).replace(/\/+$/, '')
  const origin = 'managed identity'
  const url = `/metadata/identity/oauth2/token?${identityQuery('2018-02-01', tools)}`
  const request = { method: 'GET', url, headers: { metadata: 'true' }, retry: false } as const
  const signal = AbortSignal.any([tools.ctx.signal, AbortSignal.timeout(MACHINE_TIMEOUT)])
  try {
    const token = await ask(address, request, origin, { ...tools, ctx: { ...tools.ctx, signal } })
    return { token, origin, ofMachine: true }
  } catch (error) {
    if (error instanceof CredentialError || tools.ctx.signal.aborted) throw error
    return undefined
  }
}

/** The serial number that every virtual machine of Azure has for its case. */
const CASE = '7783-7084-3265-9085-8269-3286-77'

async function isAzureMachine({ env }: SignInTools): Promise<boolean> {
  if (env.AZURE_POD_IDENTITY_AUTHORITY_HOST) return true
  const tag = await readFile('/sys/class/dmi/id/chassis_asset_tag', 'utf8').catch(() => '')
  return tag.trim() === CASE
}

function identityQuery(version: string, { env }: SignInTools): URLSearchParams {
  const client = env.AZURE_CLIENT_ID
  return new URLSearchParams({
    'api-version': version,
    resource: AUDIENCE,
    ...(client ? { client_id: client } : {}),
  })
}

const TOKEN = z.looseObject({ access_token: z.string().min(1) })
const REFUSAL = z.looseObject({ error: z.string(), error_description: z.string().nullish() })

/** Throws a `CredentialError` with Entra's own words where it refuses. */
async function ask(
  address: string,
  request: Pick<HttpRequest, 'method' | 'url'> & Partial<HttpRequest>,
  origin: string,
  { api, ctx }: SignInTools,
): Promise<string> {
  const http = api({ url: address, name: 'entra', credential: async () => ({ kind: 'anonymous', origin: 'none' }) })
  const response = await http.request({ ...request, expect: [200, 400, 401, 403], whole: LIMIT }, ctx)
  const body = await response.json(LIMIT)
  const answer = TOKEN.safeParse(body)
  if (response.status === 200 && answer.success) return answer.data.access_token
  const refusal = REFUSAL.safeParse(body)
  const why = refusal.success
    ? (refusal.data.error_description ?? refusal.data.error).split(/\r?\n/)[0]
    : 'its answer has no token'
  throw new CredentialError(`Entra refused the ${origin}: ${why} (${response.status})`, {
    hint: 'check AZURE_CLIENT_ID and AZURE_TENANT_ID and that the secret or federation is still good; of several managed identities AZURE_CLIENT_ID names one',
  })
}

/** Azure's own library, which knows more ways to sign in (`az login` among them), where it is installed beside the program. It is not a
 *  dependency, as it is heavy and few need it. A variable, so that no tool looks for it beforehand. */
const LIBRARY: string = '@azure/identity'

interface Chain {
  getToken(scope: string): Promise<{ readonly token: string } | null>
}
const MODULE = z.looseObject({
  DefaultAzureCredential: z.custom<new () => Chain>((value) => typeof value === 'function'),
})

/** Undefined where it is not installed. Throws a `CredentialError` where it finds nothing either. */
export async function libraryToken(
  scope: string,
  load: () => Promise<unknown> = () => import(LIBRARY),
): Promise<string | undefined> {
  let loaded: unknown
  try {
    loaded = await load()
  } catch (cause) {
    if (hasCode(cause, 'ERR_MODULE_NOT_FOUND')) return undefined
    throw new CredentialError('@azure/identity is installed, but cannot be loaded', { cause })
  }
  const parsed = MODULE.safeParse(loaded)
  if (!parsed.success)
    throw new CredentialError('@azure/identity has no DefaultAzureCredential: install a newer version')
  try {
    const found = await new parsed.data.DefaultAzureCredential().getToken(scope)
    if (found) return found.token
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split(/\r?\n/)[0] : String(cause)
    throw new CredentialError(`@azure/identity found no Azure identity: ${why}`, { cause, hint: 'run `az login`' })
  }
  throw new CredentialError('@azure/identity gave no token', { hint: 'run `az login`' })
}
