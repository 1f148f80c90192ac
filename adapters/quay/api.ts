/** Quay's API, which takes only OAuth tokens of applications; it shows public data without a token.
 *
 *  https://docs.quay.io/api/swagger/ */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry, SentCredential } from '../../src/core/registry.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { asToken } from '../access-token.ts'
import { type Explain, explained } from '../explain.ts'

/** The user name under which an OAuth token is a password. */
export const OAUTH_USER = '$oauthtoken'

export interface Quay {
  readonly http: HttpClient
  /** false: the API sees what is public. */
  hasToken(): Promise<boolean>
  /** The user or robot, which the registry knows and the API does not; undefined for anonymous access. */
  account(): Promise<string | undefined>
}

export function openQuay(registry: Registry, tools: AdapterTools): Quay {
  const { origin } = new URL(registry.url ?? 'https://quay.io')
  const token = async (): Promise<SentCredential> => asToken(await tools.credential(), OAUTH_USER)
  return {
    get http() {
      return tools.api({ url: origin, name: 'api', credential: token })
    },
    hasToken: async () => (await token()).kind === 'bearer',
    async account() {
      const found = await tools.credential()
      return found.kind === 'basic' ? found.username : undefined
    },
  }
}

/** Says which permission the token lacks. */
function lacking(permission: string): Explain {
  return (error) =>
    error instanceof RegistryError && error.status === 403
      ? restated(error, error.message, `the OAuth token needs the permission ${permission}`)
      : error
}

const USER = z.looseObject({
  username: z.string(),
  organizations: z.array(z.looseObject({ name: z.string() })).nullish(),
})

/** The user's own namespace and the organizations. */
export async function ownNamespaces({ http }: Quay, ctx: Context): Promise<readonly string[]> {
  const asked = askJson(http, { url: '/api/v1/user/' }, USER, 'organizations of the account', ctx)
  const { value } = await explained(asked, lacking('user:read'))
  return [value.username, ...(value.organizations ?? []).map(({ name }) => name)]
}

const REPOSITORIES = z.looseObject({
  repositories: z.array(z.looseObject({ namespace: z.string(), name: z.string() })),
  next_page: z.string().nullish(),
})

export async function* repositoriesOf(namespace: string, { http }: Quay, ctx: Context): AsyncIterable<string> {
  const what = `repositories of ${namespace}`
  const base = `/api/v1/repository?namespace=${encodeURIComponent(namespace)}&public=true`
  const read = async (url: string) => {
    const { value } = await explained(askJson(http, { url }, REPOSITORIES, what, ctx), lacking('repo:read'))
    const next = value.next_page ? `${base}&next_page=${encodeURIComponent(value.next_page)}` : undefined
    return { items: value.repositories, next }
  }
  // `public=true` beside a namespace means: also the public ones.
  for await (const one of itemsOf(base, read, what)) {
    if (one.namespace === namespace) yield `${one.namespace}/${one.name}`
  }
}

const TAG = z.looseObject({
  name: z.string(),
  manifest_digest: z.string(),
  /** Seconds since 1970. */
  start_ts: z.number().nullish(),
})
const TAGS = z.looseObject({ tags: z.array(TAG), page: z.number(), has_additional: z.boolean().nullish() })

export function tagsOf(repository: string, { http }: Quay, ctx: Context): AsyncIterable<z.output<typeof TAG>> {
  const what = `tags of ${repository}`
  // Slashes in a name stay as they are. Without `onlyActiveTags` the list holds every tag there ever was.
  const path = repository.split('/').map(encodeURIComponent).join('/')
  const base = `/api/v1/repository/${path}/tag/?onlyActiveTags=true&limit=100`
  const read = async (url: string) => {
    const { value } = await explained(askJson(http, { url }, TAGS, what, ctx), lacking('repo:read'))
    return { items: value.tags, next: value.has_additional ? `${base}&page=${value.page + 1}` : undefined }
  }
  return itemsOf(`${base}&page=1`, read, what)
}

/** Creates the organization, unless there is one, or a user of that name. Without a token it asks nothing. */
export async function ensureOrganization(namespace: string, api: Quay, ctx: Context): Promise<void> {
  const [name = ''] = namespace.split('/')
  if (!(await api.hasToken()) || (await exists(name, api, ctx))) return
  const body = Buffer.from(JSON.stringify({ name, email: `${name}@example.com` }))
  const headers = { 'content-type': 'application/json' }
  try {
    const request = { method: 'POST', url: '/api/v1/organization/', headers, body } as const
    const response = await explained(api.http.request(request, ctx), lacking('user:admin'))
    await response.discard()
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    if (error.status === 400 && /already exists/i.test(error.message)) return
    throw restated(error, `cannot create the organization ${name}: ${error.message}`)
  }
}

async function exists(name: string, api: Quay, ctx: Context): Promise<boolean> {
  for (const kind of ['organization', 'users']) {
    try {
      const url = `/api/v1/${kind}/${encodeURIComponent(name)}`
      const response = await api.http.request({ method: 'GET', url, whole: 1024 * 1024 }, ctx)
      await response.discard()
      return true
    } catch (error) {
      // 403: it exists, and this token may not see it.
      if (error instanceof RegistryError && error.status === 403) return true
      if (!isNotFound(error)) throw error
    }
  }
  return false
}

export function cannotListAll(): UnsupportedError {
  return new UnsupportedError('Quay does not list all its repositories to anonymous access', {
    hint: 'name the namespaces (source.namespaces, or name: group/*), or give a credential',
  })
}
