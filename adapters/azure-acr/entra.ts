/** Tokens of Entra for the registries of Azure: by the environment, the machine's managed identity, or Azure's own library.
 *
 *  https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */

import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { SignInTools } from '../../src/core/adapter.ts'
import { CredentialError } from '../../src/core/errors.ts'
import type { HttpRequest } from '../../src/core/http.ts'
import type { Registry } from '../../src/core/registry.ts'
import { libraryToken } from './library.ts'

export interface EntraToken {
  readonly token: string
  readonly tenant?: string | undefined
  readonly origin: string
}

/** The registries' own audience, the same in every cloud. */
const AUDIENCE = 'https://containerregistry.azure.net'
const AUTHORITIES: readonly (readonly [RegExp, string])[] = [
  [/\.azurecr\.cn$/, 'https://login.chinacloudapi.cn'],
  [/\.azurecr\.us$/, 'https://login.microsoftonline.us'],
]
const PUBLIC_AUTHORITY = 'https://login.microsoftonline.com'

export function entraToken(registry: Registry, insist: true, tools: SignInTools): Promise<EntraToken>
export function entraToken(registry: Registry, insist: boolean, tools: SignInTools): Promise<EntraToken | undefined>
/** The first that has one. With `insist` all are tried, and none is a `CredentialError`; without, only what is sure to cost no time. */
export async function entraToken(
  registry: Registry,
  insist: boolean,
  tools: SignInTools,
): Promise<EntraToken | undefined> {
  const found =
    (await clientToken(registry, tools)) ??
    (await serviceToken(tools)) ??
    (insist || (await isAzureMachine(tools)) ? await machineToken(tools) : undefined)
  if (found || !insist) return found
  const library = await libraryToken(`${AUDIENCE}/.default`)
  if (library) return { token: library, origin: '@azure/identity' }
  throw new CredentialError(`registry ${registry.name}: no Azure identity: neither environment nor managed identity`, {
    hint: 'set AZURE_CLIENT_ID and AZURE_TENANT_ID with AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE, run on a machine with a managed identity, or install @azure/identity beside replicate to use `az login`',
  })
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
  return { token: await ask(address, request, origin, tools), origin }
}

/** Where a machine of Azure is told who it is; the variable is what Azure's own libraries look at. */
const MACHINE = 'http://169.254.169.254'
/** Milliseconds: elsewhere nobody answers there. */
const MACHINE_TIMEOUT = 1000

/** The managed identity of a machine; undefined where there is no such service. */
async function machineToken(tools: SignInTools): Promise<EntraToken | undefined> {
  const address = (tools.env.AZURE_POD_IDENTITY_AUTHORITY_HOST || MACHINE).replace(/\/+$/, '')
  const origin = 'managed identity'
  const url = `/metadata/identity/oauth2/token?${identityQuery('2018-02-01', tools)}`
  const request = { method: 'GET', url, headers: { metadata: 'true' }, retry: false } as const
  const signal = AbortSignal.any([tools.ctx.signal, AbortSignal.timeout(MACHINE_TIMEOUT)])
  try {
    return { token: await ask(address, request, origin, { ...tools, ctx: { ...tools.ctx, signal } }), origin }
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

const ANSWER = z.looseObject({ access_token: z.string().min(1) })
const REFUSAL = z.looseObject({ error: z.string(), error_description: z.string().nullish() })
const LIMIT = 1024 * 1024

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
  const answer = ANSWER.safeParse(body)
  if (response.status === 200 && answer.success) return answer.data.access_token
  const refusal = REFUSAL.safeParse(body)
  const why = refusal.success
    ? (refusal.data.error_description ?? refusal.data.error).split(/\r?\n/)[0]
    : 'no token came'
  throw new CredentialError(`Entra refused the ${origin}: ${why} (${response.status})`, {
    hint: 'check AZURE_CLIENT_ID and AZURE_TENANT_ID and that the secret or federation is still good; of several managed identities AZURE_CLIENT_ID names one',
  })
}
