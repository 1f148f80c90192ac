/** GitHub's REST API as far as packages need it: accounts, packages, and their versions, each a manifest with its digest and tags.
 *
 *  https://docs.github.com/en/rest/packages/packages */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient, HttpRequest } from '../../src/core/http.ts'
import type { Registry, SentCredential } from '../../src/core/registry.ts'
import { once, remembered } from '../../src/core/remembered.ts'
import { nextPage } from '../../src/oci/registry/listing.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { asToken } from '../access-token.ts'
import { addressOf } from '../address.ts'
import { type Explain, explained } from '../explain.ts'

export interface GitHub {
  /** false: only the registry may be asked. */
  hasToken(): Promise<boolean>
  /** Throws a `CredentialError` where the token is not valid. The token of a workflow may not ask for its account, which is fine. */
  check(ctx: Context): Promise<void>
  /** The token's own account in lower case; undefined for the token of a workflow, which belongs to no account. */
  login(ctx: Context): Promise<string | undefined>
  /** The organizations of that account. Without the scope read:org GitHub tells none, which is a warning. */
  organizations(ctx: Context): Promise<readonly string[]>
  /** Where the packages of an account are: `/orgs/NAME`, `/users/NAME`, or `/user` for the token's own; undefined for an account that does not exist. */
  owner(name: string, ctx: Context): Promise<string | undefined>
  packages(base: string, owner: string, ctx: Context): AsyncIterable<string>
  /** The versions of a package; `read` sees each page's link, and ends the list by throwing. */
  versions(repository: string, ctx: Context, read?: (link: string) => void): AsyncIterable<Version>
  /** Deletes a manifest with its tags; what is gone is deleted already. */
  deleteVersion(repository: string, digest: string, ctx: Context): Promise<void>
}

const HEADERS = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' } as const
const ACCOUNT = z.looseObject({ type: z.string() })
const LOGIN = z.looseObject({ login: z.string() })
const PACKAGE = z.looseObject({ name: z.string() })
const VERSION = z.looseObject({
  id: z.number(),
  /** The digest. */
  name: z.string(),
  created_at: z.string().nullish(),
  metadata: z.looseObject({ container: z.looseObject({ tags: z.array(z.string()).nullish() }).nullish() }).nullish(),
})
type Version = z.output<typeof VERSION>

export function openGitHub(registry: Registry, tools: AdapterTools): GitHub {
  const url = addressOf(registry, 'https://api.github.com')
  /** The token stands in the place of a password. */
  const token = async (): Promise<SentCredential> => asToken(await tools.credential())
  const client = (): HttpClient => tools.api({ url, credential: token })

  function ask<T>(path: string, form: z.ZodType<T>, what: string, ctx: Context) {
    return askJson(client(), { url: path, headers: HEADERS }, form, what, ctx)
  }

  const login = once(async (ctx) => {
    try {
      return (await ask('/user', LOGIN, 'account of the token', ctx)).value.login.toLowerCase()
    } catch (error) {
      if (error instanceof RegistryError && error.status === 403) return undefined
      throw error
    }
  })

  const owners = remembered(async (name: string, ctx) => {
    // What is private is listed below /user alone.
    if (name === (await login(ctx))) return '/user'
    const path = `/users/${encodeURIComponent(name)}`
    try {
      const { value } = await explained(ask(path, ACCOUNT, `account ${name}`, ctx), refusal())
      return value.type === 'Organization' ? `/orgs/${encodeURIComponent(name)}` : path
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  })

  function items<T>(
    path: string,
    form: z.ZodType<T>,
    what: string,
    ctx: Context,
    read: (link: string) => void = () => {},
  ): AsyncIterable<T> {
    const http = client()
    const page = async (at: string) => {
      const { value, response } = await explained(ask(at, z.array(form), what, ctx), refusal())
      const { link } = response.headers
      read(link ?? '')
      return { items: value, next: nextPage(http, response.url, link) }
    }
    return itemsOf(`${path}${path.includes('?') ? '&' : '?'}per_page=100`, page, what)
  }

  /** Undefined where GitHub does not know the owner. */
  async function packagePath(repository: string, ctx: Context): Promise<string | undefined> {
    const [owner = '', ...rest] = repository.split('/')
    const base = await owners(owner, ctx)
    return base && `${base}/packages/container/${encodeURIComponent(rest.join('/'))}`
  }

  async function* versions(repository: string, ctx: Context, read?: (link: string) => void): AsyncIterable<Version> {
    const path = await packagePath(repository, ctx)
    if (path === undefined) throw unknownOwner(repository)
    yield* items(`${path}/versions?state=active`, VERSION, `tags of ${repository}`, ctx, read)
  }

  async function send(request: HttpRequest, ctx: Context, explain: Explain): Promise<void> {
    const sent = { ...request, headers: HEADERS }
    await (await explained(client().request(sent, ctx), explain)).discard()
  }

  return {
    hasToken: async () => (await token()).kind === 'bearer',
    async check(ctx) {
      if ((await token()).kind !== 'bearer') return
      await send({ method: 'GET', url: '/user', expect: [200, 403] }, ctx, (error) => error)
    },
    login,
    async organizations(ctx) {
      const found: string[] = []
      try {
        for await (const one of items('/user/orgs', LOGIN, 'organizations of the account', ctx)) found.push(one.login)
      } catch (error) {
        if (!(error instanceof RegistryError) || error.status !== 403 || isRateLimit(error)) throw error
        const text = `the organizations of the account are left out: ${error.message}; give the token the scope read:org, or name them in the policy`
        ctx.emit({ type: 'log', level: 'warning', text })
      }
      return found
    },
    owner: owners,
    async *packages(base, owner, ctx) {
      const path = `${base}/packages?package_type=container`
      for await (const { name } of items(path, PACKAGE, `packages of ${owner}`, ctx)) {
        yield `${owner}/${name}`.toLowerCase()
      }
    },
    versions,
    async deleteVersion(repository, digest, ctx) {
      const path = await packagePath(repository, ctx)
      if (path === undefined) return
      try {
        for await (const { name, id } of versions(repository, ctx)) {
          if (name !== digest) continue
          const request = { method: 'DELETE', url: `${path}/versions/${id}`, expect: [204, 404] } as const
          return await send(request, ctx, refusal('delete:packages'))
        }
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    },
  }
}

function unknownOwner(repository: string): RegistryError {
  const path = `/users/${repository.split('/', 1)[0]}`
  return new RegistryError(`GitHub has no account for ${repository}`, { status: 404, method: 'GET', path })
}

function isRateLimit(error: RegistryError): boolean {
  return /rate limit/i.test(error.message)
}

/** Says what the token lacks. */
function refusal(needs = 'read:packages'): Explain {
  return (error) => {
    if (error instanceof CredentialError) {
      const hint = 'check the personal access token: it may have expired'
      return new CredentialError(error.message, { cause: error, hint })
    }
    if (!(error instanceof RegistryError)) return error
    if (/last tagged version|5,?000 downloads/i.test(error.message)) {
      return restated(error, error.message, 'only the whole package can be deleted, on github.com')
    }
    if (error.status !== 403) return error
    if (isRateLimit(error)) {
      return restated(error, error.message, "GitHub's limit of requests an hour is reached: run again later")
    }
    const hint = /SSO|SAML/i.test(error.message)
      ? 'authorize the token for the organization (SSO) on github.com'
      : `the token needs the scope ${needs}, and its account the permission for the package`
    return restated(error, error.message, hint)
  }
}
