/** Docker Hub's API: signs in, lists, and says what a refusal means.
 *
 *  https://docs.docker.com/reference/api/hub/latest/ */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import { claimsOf } from '../../src/core/claims.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry, SentCredential } from '../../src/core/registry.ts'
import { whoSigns } from '../../src/http/auth/who.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { addressOf } from '../address.ts'
import { type Explain, explained } from '../explain.ts'

export interface HubApi {
  readonly http: HttpClient
  /** The account or organization that is signed in; undefined for anonymous access. */
  account(): Promise<string | undefined>
  /** The namespaces of that account. */
  namespaces(ctx: Context): Promise<readonly string[]>
  /** Every result below `path`, in order. */
  results<T>(path: string, form: z.ZodType<T>, what: string, ctx: Context): AsyncIterable<T>
}

const NAMESPACES = z.looseObject({ namespaces: z.array(z.string()) })
/** The API gives no more, whatever is asked for. */
const PAGE_SIZE = 100

export function openHubApi(registry: Registry, tools: AdapterTools): HubApi {
  const url = addressOf(registry, 'https://hub.docker.com')
  const client = (): HttpClient => tools.api({ url, credential: () => signIn(tools, url) })
  return {
    get http() {
      return client()
    },
    async account() {
      const found = await tools.credential()
      return found.kind === 'basic' ? found.username : undefined
    },
    async namespaces(ctx) {
      const request = { url: '/v2/repositories/namespaces' }
      const asked = askJson(client(), request, NAMESPACES, 'namespaces of the account', ctx)
      return (await explained(asked, lacking('to read repositories'))).value.namespaces
    },
    results(path, form, what, ctx) {
      const page = z.looseObject({ next: z.string().nullish(), results: z.array(form) })
      const first = `${path}?page_size=${PAGE_SIZE}`
      const read = async (at: string) => {
        try {
          const { value } = await askJson(client(), { url: at }, page, what, ctx)
          return { items: value.results, next: value.next ? belowApi(value.next) : undefined }
        } catch (error) {
          // The page after the last one, when results were deleted meanwhile.
          if (at !== first && isNotFound(error)) return { items: [], next: undefined }
          throw error
        }
      }
      return itemsOf(first, read, what)
    },
  }
}

/** Only path and query of the link count: the API may be reached under another name. */
function belowApi(link: string): string {
  const { pathname, search } = new URL(link, 'https://hub.docker.com')
  return pathname + search
}

/** Milliseconds, for a token that does not say when it ends. They live for ten minutes. */
const LIFE = 9 * 60_000
const TOKEN = z.looseObject({ access_token: z.string().min(1) })
const CLAIMS = z.looseObject({ exp: z.number() })

/** Exchanges user and password, or an access token as the password, for a token of the API. */
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
    throw new CredentialError(`Docker Hub refused ${whoSigns(found)}: ${response.status}`, {
      hint: /MFA|2fa|two.factor/i.test(said)
        ? 'the account wants a second factor: use a personal access token as the password'
        : 'check user name and password; a personal access token may stand in place of the password',
    })
  }
  const parsed = TOKEN.safeParse(await response.json())
  if (!parsed.success) throw new CredentialError('Docker Hub answered without a token')
  const { access_token: token } = parsed.data
  const claims = CLAIMS.safeParse(claimsOf(token))
  const expires = claims.success ? claims.data.exp * 1000 : Date.now() + LIFE
  return { kind: 'bearer', token, origin: found.origin, expires }
}

/** Says which permission an access token lacks. */
export function lacking(permission: string): Explain {
  return (error) =>
    error instanceof RegistryError && error.status === 403
      ? restated(error, error.message, `an access token of Docker Hub needs the permission ${permission}`)
      : error
}
