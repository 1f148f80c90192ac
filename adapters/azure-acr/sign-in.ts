/** Makes of what was found what a registry of Azure takes: for a token of Entra it gives a refresh token of its own.
 *
 *  https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md */

import { z } from 'zod'
import type { SignInTools } from '../../src/core/adapter.ts'
import { claimsOf } from '../../src/core/claims.ts'
import { ConfigurationError, CredentialError, RegistryError } from '../../src/core/errors.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { type EntraToken, entraToken } from './entra.ts'
import { explained } from './refusals.ts'

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
      return exchange(await entraToken(registry, true, tools), registry, tools)
    case 'anonymous': {
      if (registry.credential?.type === 'anonymous') return found
      const token = await entraToken(registry, false, tools)
      return token ? exchange(token, registry, tools) : found
    }
    default:
      throw new ConfigurationError(`registry ${registry.name}: azure-acr takes no credential of that type (${origin})`)
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
    const known = explained(blocked)
    if (known !== blocked) throw known
    throw new CredentialError(message, {
      hint: `give that identity a role at registry ${name}, such as AcrPull or AcrPush; it must belong to the registry's tenant`,
    })
  }
  const answer = ANSWER.safeParse(jsonOf(text))
  if (!answer.success) throw new CredentialError(`${host} gave no refresh token for the Azure identity from ${origin}`)
  const { refresh_token } = answer.data
  const { exp } = checkedClaims(refresh_token)
  // Without a time it is asked for anew in time all the same: it lives for three hours.
  const expires = exp === undefined ? Date.now() + LIFE : exp * 1000
  return { kind: 'identity', token: refresh_token, origin, expires }
}

const LIMIT = 1024 * 1024
const LIFE = 2 * 60 * 60_000

/** What a JSON Web Token says of itself; nothing for what is none. */
function checkedClaims(token: string): z.infer<typeof CLAIMS> {
  const parsed = CLAIMS.safeParse(claimsOf(token))
  return parsed.success ? parsed.data : {}
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
