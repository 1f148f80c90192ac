/** GitHub's REST API as far as packages need it.
 *
 *  https://docs.github.com/en/rest/packages/packages */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry, SentCredential } from '../../src/core/registry.ts'
import { nextPage } from '../../src/oci/registry/listing.ts'
import { askJson, itemsOf, type Page } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { asToken } from '../access-token.ts'

export interface GitHub {
  readonly http: HttpClient
  /** false: only the registry may be asked. */
  hasToken(): Promise<boolean>
  /** Throws a `CredentialError` where the token is no good. One that belongs to a workflow may not ask who it is, which is fine. */
  check(ctx: Context): Promise<void>
  /** `/orgs/NAME` or `/users/NAME`; undefined where there is no such account. */
  owner(name: string, ctx: Context): Promise<string | undefined>
  /** All items of a list; `read` may look at each page's answer, and end the list by throwing. */
  items<T>(
    path: string,
    form: z.ZodType<T>,
    what: string,
    ctx: Context,
    read?: (link: string) => void,
  ): AsyncIterable<T>
}

export const HEADERS = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' } as const
const ACCOUNT = z.looseObject({ type: z.string() })

export function openGitHub(registry: Registry, tools: AdapterTools): GitHub {
  const given = registry.options?.api_url
  const url = typeof given === 'string' ? given.replace(/\/+$/, '') : 'https://api.github.com'
  const owners = new Map<string, Promise<string | undefined>>()
  const client = (): HttpClient => tools.api({ url, credential: () => tokenOf(tools) })

  async function hasToken(): Promise<boolean> {
    return (await tokenOf(tools)).kind === 'bearer'
  }

  async function findOwner(name: string, ctx: Context): Promise<string | undefined> {
    const asked = { url: `/users/${encodeURIComponent(name)}`, headers: HEADERS }
    try {
      const { value } = await explained(askJson(client(), asked, ACCOUNT, `account ${name}`, ctx))
      return `/${value.type === 'Organization' ? 'orgs' : 'users'}/${encodeURIComponent(name)}`
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  return {
    get http() {
      return client()
    },
    hasToken,
    async check(ctx) {
      if (!(await hasToken())) return
      const request = { method: 'GET', url: '/user', headers: HEADERS, expect: [200, 403] } as const
      await (await client().request(request, ctx)).discard()
    },
    owner(name, ctx) {
      const known = owners.get(name) ?? findOwner(name, ctx)
      owners.set(name, known)
      known.catch(() => owners.delete(name))
      return known
    },
    items: (path, form, what, ctx, read = () => {}) =>
      itemsOf(
        `${path}${path.includes('?') ? '&' : '?'}per_page=100`,
        async (page): Promise<Page<z.output<typeof form>>> => {
          const http = client()
          const asked = askJson(http, { url: page, headers: HEADERS }, z.array(form), what, ctx)
          const { value, response } = await explained(asked)
          const { link } = response.headers
          read(link ?? '')
          return { items: value, next: nextPage(http, response.url, link) }
        },
        what,
      ),
  }
}

/** What the API is asked with: the token, which stands in the place of a password. */
async function tokenOf(tools: AdapterTools): Promise<SentCredential> {
  return asToken(await tools.credential())
}

/** A refusal in words that say what the token lacks. */
export async function explained<T>(answer: Promise<T>, needs = 'read:packages'): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof CredentialError) {
      throw new CredentialError(error.message, {
        cause: error,
        hint: 'check the personal access token: it may have expired',
      })
    }
    if (!(error instanceof RegistryError) || error.status !== 403) throw error
    if (/rate limit/i.test(error.message)) {
      throw restated(error, error.message, "GitHub's limit of requests an hour is reached: run again later")
    }
    const hint = /SSO|SAML/i.test(error.message)
      ? 'authorize the token for the organization (SSO) on github.com'
      : `the token needs the scope ${needs}, and its account the permission for the package`
    throw restated(error, error.message, hint)
  }
}
