/** GitLab's REST API, whose address the registry's challenge tells.
 *
 *  https://docs.gitlab.com/api/container_registry/ */

import { z } from 'zod'
import type { AdapterTools, Wanted } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError, CredentialError, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { Registry, SentCredential } from '../../src/core/registry.ts'
import { once } from '../../src/core/remembered.ts'
import { nextPage } from '../../src/oci/registry/listing.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { asToken } from '../access-token.ts'
import { addressOf } from '../address.ts'
import { explainedItems } from '../explain.ts'

const REPOSITORY = z.looseObject({ path: z.string(), status: z.string().nullish() })
const PROJECT = z.looseObject({
  id: z.number(),
  path_with_namespace: z.string(),
  container_registry_access_level: z.string().nullish(),
})

const NAME_THEM = 'name the repositories in the filter (name: [group/project/app, …])'

export type ListRepositories = (wanted: Wanted, ctx: Context) => AsyncIterable<string>

/** Lists the groups that the patterns spell out, subgroups included; else all projects that the token is a member of. */
export function createRepositoryListing(registry: Registry, tools: AdapterTools): ListRepositories {
  const token = async (): Promise<SentCredential> => asToken(await tools.credential())
  const address = once(async (ctx) =>
    registry.options?.api_url === undefined ? toldAddress(registry, tools, ctx) : addressOf(registry, ''),
  )

  /** All items of a list below `/api/v4`. */
  async function* items<T>(path: string, form: z.ZodType<T>, what: string, ctx: Context): AsyncIterable<T> {
    const http = tools.api({ url: await address(ctx), name: 'api', credential: token })
    const first = `/api/v4${path}${path.includes('?') ? '&' : '?'}per_page=100`
    const read = async (url: string) => {
      const { value, response } = await askJson(http, { url }, z.array(form), what, ctx)
      return { items: value, next: nextPage(http, response.url, response.headers.link) }
    }
    yield* itemsOf(first, read, what)
  }

  /** A name that is not a group's may be a user's. */
  async function* ofGroup(group: string, ctx: Context): AsyncIterable<string> {
    const path = `/groups/${encodeURIComponent(group)}/registry/repositories`
    try {
      for await (const one of items(path, REPOSITORY, `repositories of ${group}`, ctx)) yield* named(one)
    } catch (error) {
      if (!(error instanceof RegistryError) || error.status !== 404) throw error
      yield* ofProjects(group, ctx)
    }
  }

  async function* ofProjects(owner: string | undefined, ctx: Context): AsyncIterable<string> {
    const path = '/projects?membership=true&simple=false&pagination=keyset&order_by=id&sort=asc'
    for await (const project of items(path, PROJECT, 'projects', ctx)) {
      const { id, path_with_namespace: path, container_registry_access_level: level } = project
      if (level === 'disabled' || (owner !== undefined && path.split('/')[0]?.toLowerCase() !== owner)) continue
      try {
        const repositories = `/projects/${id}/registry/repositories`
        for await (const one of items(repositories, REPOSITORY, `repositories of ${path}`, ctx)) yield* named(one)
      } catch (error) {
        // A project without a registry: https://github.com/goharbor/harbor/issues/14328
        if (!(error instanceof RegistryError) || (error.status !== 403 && error.status !== 404)) throw error
      }
    }
  }

  async function* repositories(wanted: Wanted, ctx: Context): AsyncIterable<string> {
    const groups = topsOf(wanted)
    if (groups) for (const group of groups) yield* ofGroup(group, ctx)
    else yield* ofProjects(undefined, ctx)
  }

  return async function* listRepositories(wanted, ctx) {
    if ((await token()).kind !== 'bearer') {
      throw new UnsupportedError('GitLab lists repositories only with a token', { hint: NAME_THEM })
    }
    yield* explainedItems(repositories(wanted, ctx), refused)
  }
}

function* named({ path, status }: z.output<typeof REPOSITORY>): Iterable<string> {
  if (!status?.startsWith('delete_')) yield path.toLowerCase()
}

function refused(error: unknown): unknown {
  const hint = `the token needs read_api; or ${NAME_THEM}`
  if (error instanceof CredentialError) return new CredentialError(error.message, { cause: error, hint })
  if (!(error instanceof RegistryError)) return error
  // After 50,000 entries: https://docs.gitlab.com/api/rest/#pagination
  if (/maximum allowed offset/i.test(error.message)) {
    return restated(error, error.message, 'give the subgroups or repositories in the policy, one policy for each part')
  }
  return error.status === 403 ? restated(error, error.message, hint) : error
}

/** What the registry's challenge says before `/jwt/auth`, where tokens are given out. */
async function toldAddress(registry: Registry, tools: AdapterTools, ctx: Context): Promise<string> {
  const anonymous = async (): Promise<SentCredential> => ({ kind: 'anonymous', origin: 'none' })
  const http = tools.api({ url: registry.url ?? '', name: 'challenge', credential: anonymous })
  const response = await http.request({ method: 'GET', url: '/v2/', expect: [200, 401] }, ctx)
  await response.discard()
  const realm = /realm="([^"]*)"/.exec(response.headers['www-authenticate'] ?? '')?.[1]
  const url = realm?.replace(/\/jwt\/auth\/?$/, '')
  if (url && URL.canParse(url) && !(url.startsWith('http:') && registry.url?.startsWith('https:'))) return url
  throw new ConfigurationError(`registry ${registry.name} does not tell where its GitLab is`, {
    hint: 'set options: {api_url: https://gitlab.example.com}',
  })
}
