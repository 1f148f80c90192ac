/** Docker Hub's API: signs in, asks, and names what a refusal means.
 *
 *  https://docs.docker.com/reference/api/hub/latest/ */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import { claimsOf } from '../../src/core/claims.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry, SentCredential } from '../../src/core/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'

export interface HubApi {
  readonly http: HttpClient
  /** The account or organization that is signed in; undefined for nobody. */
  account(): Promise<string | undefined>
}

export function openHubApi(registry: Registry, tools: AdapterTools): HubApi {
  const given = registry.options?.api_url
  const url = typeof given === 'string' ? given.replace(/\/+$/, '') : 'https://hub.docker.com'
  return {
    get http() {
      return tools.api({ url, credential: () => signIn(tools, url) })
    },
    async account() {
      const found = await tools.credential()
      return found.kind === 'basic' ? found.username : undefined
    },
  }
}

/** A token lives for ten minutes where it does not say otherwise. */
const LIFE = 9 * 60_000
const TOKEN = z.looseObject({ access_token: z.string().min(1) })

/** User and password, or an access token as the password, are exchanged for a token of the API. */
async function signIn(tools: AdapterTools, url: string): Promise<SentCredential> {
  const found = await tools.credential()
  if (found.kind !== 'basic') return { kind: 'anonymous', origin: found.origin }
  const http = tools.api({ url, name: 'sign-in', credential: async () => ({ kind: 'anonymous', origin: 'none' }) })
  const body = Buffer.from(JSON.stringify({ identifier: found.username, secret: found.password }))
  const headers = { 'content-type': 'application/json' }
  const ctx: Context = { signal: new AbortController().signal, emit: () => {} }
  const request = { method: 'POST', url: '/v2/auth/token', headers, body, expect: [200, 400, 401, 403] } as const
  const response = await http.request(request, ctx)
  if (response.status !== 200) {
    const said = Buffer.from(await response.bytes(65_536)).toString('utf8')
    throw new CredentialError(`Docker Hub refused the credential from ${found.origin} (${response.status})`, {
      hint: /MFA|2fa|two.factor/i.test(said)
        ? 'the account wants a second factor: use a personal access token as the password'
        : 'check user name and password; a personal access token may stand in place of the password',
    })
  }
  const parsed = TOKEN.safeParse(await response.json())
  if (!parsed.success) throw new CredentialError('Docker Hub gave no token')
  const { access_token: token } = parsed.data
  return { kind: 'bearer', token, origin: found.origin, expires: expiryOf(token) ?? Date.now() + LIFE }
}

/** When a JSON Web Token says that it runs out, in milliseconds since 1970. */
function expiryOf(token: string): number | undefined {
  const parsed = z.looseObject({ exp: z.number() }).safeParse(claimsOf(token))
  return parsed.success ? parsed.data.exp * 1000 : undefined
}

/** A refusal of the API in words that say what the token lacks. */
export async function explained<T>(answer: Promise<T>, needs: string): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status !== 403) throw error
    throw restated(error, error.message, `an access token of Docker Hub needs the permission ${needs}`)
  }
}

/** Path of a repository below the API; its names need no encoding. */
export function repositoryPath(repository: string): string {
  const [namespace = '', ...rest] = repository.split('/')
  return `/v2/namespaces/${encodeURIComponent(namespace)}/repositories/${encodeURIComponent(rest.join('/'))}`
}
