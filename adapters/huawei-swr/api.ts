/** SWR's API of organizations, repositories and tags: the signed one with an access key, or the one that the registry has beside it, which
 *  takes the password of `docker login`.
 *
 *  https://support.huaweicloud.com/api-swr/swr_02_0001.html */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { doing, restated } from '../../src/oci/registry/restate.ts'
import { countedItems } from '../counted.ts'
import { ensured } from '../ensured.ts'
import type { Cloud, CloudCall, CloudKey } from '../signed.ts'
import { openSwrApi, swrKey } from './sign-in.ts'

export interface Swr {
  /** False: there is no access key, and only names are listed. */
  hasKey(): Promise<boolean>
  /** Throws a `CredentialError` where the key is refused. A key that may not list is fine. */
  check(ctx: Context): Promise<void>
  organizations(ctx: Context): Promise<readonly string[]>
  /** Of one organization, or all that the account sees. */
  repositories(organization: string | undefined, ctx: Context): AsyncIterable<string>
  /** Only with a key. */
  tags(repository: string, ctx: Context): AsyncIterable<Tag>
  /** Only with a key. What is gone is deleted already. */
  deleteTag(repository: string, tag: string, ctx: Context): Promise<void>
  /** What a refusal of the registry means: one of a missing organization is told as if the account had no right to it. */
  meaning(error: unknown, repository: string, ctx: Context): Promise<unknown>
  /** Creates it unless it exists. Throws where another customer has the name. */
  ensureOrganization(name: string, ctx: Context): Promise<void>
}

const ORGANIZATION = z.looseObject({ name: z.string().nullish() })
const ORGANIZATIONS = z.looseObject({ namespaces: z.array(ORGANIZATION).nullish() })
const REPOSITORY = z.looseObject({ name: z.string(), namespace: z.string() })
const TAG = z.looseObject({ Tag: z.string(), digest: z.string().nullish(), updated: z.string().nullish() })
type Tag = z.output<typeof TAG>

/** Repositories have hardly more on a page than their names; each tag has its whole manifest. */
const REPOSITORIES_PAGE = 1000
const TAGS_PAGE = 200

export function openSwr(registry: Registry, tools: AdapterTools): Swr {
  const hasKey = async (): Promise<boolean> => swrKey(await tools.credential()) !== undefined
  let cloud: Cloud | undefined

  async function ask<T>(call: CloudCall<T>, ctx: Context) {
    cloud ??= openSwrApi(registry, neededKey, tools.api)
    return cloud.ask(call, ctx)
  }

  async function neededKey(): Promise<CloudKey> {
    const found = swrKey(await tools.credential())
    if (found) return found
    throw new UnsupportedError(`registry ${registry.name}: SWR's API takes only an access key`)
  }

  async function answerTo<T>(call: CloudCall<T>, ctx: Context): Promise<T> {
    return (await ask(call, ctx)).value
  }

  /** What the registry itself answers, which is not documented. */
  async function askRegistry<T>(path: string, form: z.ZodType<T>, what: string, ctx: Context): Promise<T> {
    const found = await tools.credential()
    if (found.kind !== 'basic') throw cannotList()
    const http = tools.api({ url: registry.url ?? '', name: 'dockyard' })
    return (await askJson(http, { url: `/dockyard/v2${path}` }, form, what, ctx)).value
  }

  async function* counted<T>(list: Omit<CloudCall<readonly T[]>, 'method' | 'body'> & List<T>, ctx: Context) {
    const { path, size, key: known, what } = list
    yield* countedItems({
      ...{ size, what, path, key: known },
      async read(page) {
        const paged = `${path}${path.includes('?') ? '&' : '?'}offset=${(page - 1) * size}&limit=${size}`
        const { value, response } = await ask({ ...list, path: paged, what: `list the ${what}` }, ctx)
        const total = /\/(\d+)$/.exec(response.headers['content-range'] ?? '')?.[1]
        return { items: value, total: total === undefined ? undefined : Number(total) }
      },
    })
  }

  async function exists(name: string, ctx: Context): Promise<boolean> {
    const path = `/namespaces/${encodeURIComponent(name)}`
    const what = `organization ${name}`
    try {
      const found = (await hasKey())
        ? (
            await ask(
              {
                path: `/v2/manage${path}`,
                operation: 'showNamespace',
                what: `look at the ${what}`,
                form: ORGANIZATION,
              },
              ctx,
            )
          ).value
        : await askRegistry(path, ORGANIZATION, what, ctx)
      // The registry answers with an empty object for one that is not there.
      return found.name === name
    } catch (error) {
      // One that another customer has may not be looked at.
      if (isNotFound(error) || (error instanceof RegistryError && error.status === 403)) return false
      throw error
    }
  }

  async function create(name: string, ctx: Context): Promise<void> {
    const body = { namespace: name }
    const what = `create the organization ${name}`
    if (await hasKey()) {
      const path = '/v2/manage/namespaces'
      await ask({ method: 'POST', path, body, operation: 'createNamespace', what, form: z.unknown() }, ctx)
      return
    }
    const http = tools.api({ url: registry.url ?? '', name: 'dockyard' })
    const headers = { 'content-type': 'application/json' }
    const bytes = Buffer.from(JSON.stringify(body))
    const request = { method: 'POST', url: '/dockyard/v2/namespaces', headers, body: bytes } as const
    await (await doing(what, http.request(request, ctx))).discard()
  }

  return {
    hasKey,
    async check(ctx) {
      if (!(await hasKey())) return
      const path = '/v2/manage/repos?offset=0&limit=1'
      const form = z.array(z.unknown())
      try {
        await ask({ path, operation: 'listReposDetails', what: 'list the repositories', form }, ctx)
      } catch (error) {
        if (!(error instanceof RegistryError) || error.status !== 403) throw error
      }
    },
    async organizations(ctx) {
      const call = { operation: 'listNamespaces', what: 'list the organizations', form: ORGANIZATIONS }
      const { namespaces } = (await hasKey())
        ? await answerTo({ ...call, path: '/v2/manage/namespaces' }, ctx)
        : await askRegistry('/visible/namespaces', ORGANIZATIONS, 'organizations', ctx)
      return (namespaces ?? []).flatMap(({ name }) => (name ? [name] : []))
    },
    async *repositories(organization, ctx) {
      const found = (await hasKey())
        ? counted(
            {
              path: `/v2/manage/repos${organization === undefined ? '' : `?namespace=${encodeURIComponent(organization)}`}`,
              operation: 'listReposDetails',
              what: organization === undefined ? 'repositories' : `repositories of ${organization}`,
              form: z.array(REPOSITORY),
              size: REPOSITORIES_PAGE,
              key: nameOf,
            },
            ctx,
          )
        : await askRegistry('/repositories?filter=center::self', z.array(REPOSITORY), 'repositories', ctx)
      for await (const one of found) {
        if (organization === undefined || one.namespace === organization) yield nameOf(one)
      }
    },
    tags(repository, ctx) {
      const path = `${pathOf(repository)}/tags`
      const form = z.array(TAG)
      const what = `tags of ${repository}`
      return counted(
        { path, operation: 'listRepositoryTags', what, form, size: TAGS_PAGE, key: ({ Tag }: Tag) => Tag },
        ctx,
      )
    },
    async deleteTag(repository, tag, ctx) {
      const path = `${pathOf(repository)}/tags/${encodeURIComponent(tag)}`
      const what = `delete ${repository}:${tag}`
      try {
        await ask({ method: 'DELETE', path, operation: 'deleteRepoTag', what, form: z.unknown() }, ctx)
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    },
    async meaning(error, repository, ctx) {
      if (!(error instanceof CredentialError) || error.missing) return hinted(error)
      const [organization = ''] = repository.split('/')
      if (await exists(organization, ctx).catch(() => true)) return error
      return new RegistryError(`there is no organization ${organization}, or another customer has it`, {
        ...{ status: 404, method: 'GET', path: `/v2/${repository}`, cause: error },
        hint: 'create it, or leave `destination.create` on',
      })
    },
    async ensureOrganization(name, ctx) {
      try {
        await ensured(
          (asked) => exists(name, asked),
          (asked) => create(name, asked),
          ctx,
        )
      } catch (error) {
        if (!(error instanceof RegistryError) || error.status !== 409) throw error
        // Its own it would see.
        const text = `the name ${name} is taken: another customer of Huawei Cloud has that organization`
        const hint = 'set destination.namespace to another name: organizations are unique in a region'
        throw restated(error, text, hint)
      }
    },
  }
}

interface List<T> {
  readonly size: number
  readonly key: (item: T) => unknown
}

function nameOf({ namespace, name }: z.output<typeof REPOSITORY>): string {
  return `${namespace}/${name}`
}

/** A slash in the name of a repository is written as `$`. */
function pathOf(repository: string): string {
  const [organization = '', ...rest] = repository.split('/')
  return `/v2/manage/namespaces/${encodeURIComponent(organization)}/repos/${encodeURIComponent(rest.join('$'))}`
}

function cannotList(): UnsupportedError {
  return new UnsupportedError('SWR lists nothing to anonymous access', {
    hint: "give repository names in the policy's name filter, or a credential of the account",
  })
}

/** What the basic edition cannot read is told in words that do not say so. */
function hinted(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.method !== 'PUT') return error
  const isRefused = error.codes.includes('MANIFEST_INVALID') || /fail to parse 'manifest\.json'/.test(error.message)
  if (!isRefused) return error
  return restated(
    error,
    error.message,
    "SWR's basic edition takes images, and neither charts nor most indexes of BuildKit: leave out its attestations (filters: { attestations: false }), or select by `resource` and `platforms`",
  )
}
