/** The API of Mirantis Secure Registry, and that of its accounts (eNZi).
 *
 *  https://docs.mirantis.com/msr/2.9/api-ref.html */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient, HttpRequest } from '../../src/core/http.ts'
import { isIndex } from '../../src/core/manifest.ts'
import type { Registry } from '../../src/core/registry.ts'
import { malformedAnswer } from '../../src/oci/registry/listing.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { doing, restated } from '../../src/oci/registry/restate.ts'
import { ensured } from '../ensured.ts'

export interface Dtr {
  /** False for anonymous access, to which only the registry answers. */
  isSignedIn(): Promise<boolean>
  /** Throws a `CredentialError` where user or password is refused, and a `RegistryError` where this API is not there. */
  check(ctx: Context): Promise<void>
  accounts(ctx: Context): AsyncIterable<string>
  /** Of one account, or all that the user sees. */
  repositories(account: string | undefined, ctx: Context): AsyncIterable<string>
  tags(repository: string, ctx: Context): AsyncIterable<Tag>
  hasRepository(repository: string, ctx: Context): Promise<boolean>
  /** What is gone is deleted already. */
  deleteTag(repository: string, tag: string, ctx: Context): Promise<void>
  ensureOrganization(name: string, ctx: Context): Promise<void>
  ensureRepository(repository: string, isPublic: boolean, ctx: Context): Promise<void>
}

const REPOSITORY = z.looseObject({ namespace: z.string(), name: z.string() })
const REPOSITORIES = z.looseObject({ repositories: z.array(REPOSITORY).nullish() })
const TAG = z.looseObject({
  name: z.string(),
  digest: z.string().nullish(),
  updatedAt: z.string().nullish(),
  manifest: z.looseObject({ mediaType: z.string().nullish() }).nullish(),
})
type Tag = z.output<typeof TAG>
const ACCOUNTS = z.looseObject({
  accounts: z.array(z.looseObject({ name: z.string(), isOrg: z.boolean().nullish() })).nullish(),
  nextPageStart: z.string().nullish(),
})

const PAGE_SIZE = 100
const NEXT = 'x-next-page-start'

export function openDtr(registry: Registry, tools: AdapterTools): Dtr {
  const http = (): HttpClient => tools.api({ url: registry.url ?? '', name: 'api' })

  /** The items of all pages. A proxy that takes the header with the next one away would cut the list short: the count tells. */
  function items<T>(path: string, form: z.ZodType<readonly T[]>, what: string, ctx: Context): AsyncIterable<T> {
    const base = `${path}${path.includes('?') ? '&' : '?'}pageSize=${PAGE_SIZE}&count=true`
    let read = 0
    return itemsOf(
      base,
      async (url) => {
        const { value, response } = await askJson(http(), { url }, form, what, ctx)
        read += value.length
        const start = response.headers[NEXT]
        const total = Number(response.headers['x-resource-count'] ?? Number.NaN)
        if (!start && value.length >= PAGE_SIZE && total > read) {
          const why = `it has ${read} of ${total}, and no answer has the header ${NEXT}: does a proxy take it away?`
          throw malformedAnswer(what, path, why)
        }
        return { items: value, next: start ? `${base}&pageStart=${encodeURIComponent(start)}` : undefined }
      },
      what,
    )
  }

  async function send(request: HttpRequest, what: string, ctx: Context): Promise<void> {
    await (await doing(what, http().request(request, ctx))).discard()
  }

  async function post(url: string, body: unknown, what: string, ctx: Context): Promise<void> {
    const headers = { 'content-type': 'application/json' }
    await send({ method: 'POST', url, headers, body: Buffer.from(JSON.stringify(body)) }, what, ctx)
  }

  async function exists(url: string, what: string, ctx: Context): Promise<boolean> {
    try {
      await askJson(http(), { url }, z.looseObject({}), what, ctx)
      return true
    } catch (error) {
      if (isNotFound(error)) return false
      throw error
    }
  }

  const hasRepository = (repository: string, ctx: Context): Promise<boolean> =>
    exists(pathOf(repository), `repository ${repository}`, ctx)

  async function isHarbor(ctx: Context): Promise<boolean> {
    return exists('/api/v2.0/systeminfo', 'facts of the system', ctx).catch(() => false)
  }

  return {
    isSignedIn: async () => (await tools.credential()).kind !== 'anonymous',
    async check(ctx) {
      try {
        await askJson(http(), { url: '/api/v0/repositories?pageSize=1' }, REPOSITORIES, 'repositories', ctx)
      } catch (error) {
        if (!isNotFound(error) || !(error instanceof RegistryError)) throw error
        const hint = (await isHarbor(ctx))
          ? 'this is Mirantis Secure Registry 4 or a Harbor: use `type: harbor`'
          : 'check `url`: the address of its web pages, without a path; `type: docker-registry` suits any registry'
        throw restated(error, `${http().host} has no API of Mirantis Secure Registry: ${error.message}`, hint)
      }
    },
    async *accounts(ctx) {
      const what = 'accounts'
      const base = `/enzi/v0/accounts?limit=${PAGE_SIZE}`
      const pages = itemsOf(
        base,
        async (url) => {
          const { value, response } = await askJson(http(), { url }, ACCOUNTS, what, ctx)
          const start = value.nextPageStart || response.headers[NEXT]
          return {
            items: value.accounts ?? [],
            next: start ? `${base}&start=${encodeURIComponent(start)}` : undefined,
          }
        },
        what,
      )
      for await (const { name } of pages) yield name
    },
    async *repositories(account, ctx) {
      const path = `/api/v0/repositories${account === undefined ? '' : `/${encodeURIComponent(account)}`}`
      const form = REPOSITORIES.transform(({ repositories }) => repositories ?? [])
      const what = account === undefined ? 'repositories' : `repositories of ${account}`
      for await (const { namespace, name } of items(path, form, what, ctx)) yield `${namespace}/${name}`
    },
    tags(repository, ctx) {
      const path = `${pathOf(repository)}/tags?includeManifests=true`
      return items(path, z.array(TAG), `tags of ${repository}`, ctx)
    },
    hasRepository,
    async deleteTag(repository, tag, ctx) {
      const url = `${pathOf(repository)}/tags/${encodeURIComponent(tag)}`
      const request = { method: 'DELETE', url, expect: [200, 202, 204, 404] } as const
      await send(request, `delete ${repository}:${tag}`, ctx).catch(rethrown)
    },
    async ensureOrganization(name, ctx) {
      const what = `account ${name}`
      const create = (asked: Context) =>
        post('/enzi/v0/accounts', { name, fullName: name, isOrg: true }, `create the organization ${name}`, asked)
      const url = `/enzi/v0/accounts/${encodeURIComponent(name)}`
      try {
        await ensured((asked) => exists(url, what, asked), create, ctx)
      } catch (error) {
        const isRefused = error instanceof CredentialError || (error instanceof RegistryError && error.status === 403)
        if (!isRefused) throw error
        const hint = `only an administrator creates organizations: have ${name} created, or set destination.namespace to one that exists`
        if (error instanceof RegistryError) throw restated(error, error.message, hint)
        throw error
      }
    },
    async ensureRepository(repository, isPublic, ctx) {
      const [account = '', name = ''] = repository.split('/')
      // Without `enableManifestLists`, with which version 2.6 makes a list of its own of every push.
      const visibility = isPublic ? 'public' : 'private'
      const body = { name, visibility, shortDescription: '', scanOnPush: false, immutableTags: false }
      const create = (asked: Context) =>
        post(`/api/v0/repositories/${encodeURIComponent(account)}`, body, `create the repository ${repository}`, asked)
      await ensured((asked) => hasRepository(repository, asked), create, ctx).catch(rethrown)
    },
  }
}

function pathOf(repository: string): string {
  return `/api/v0/repositories/${repository.split('/').map(encodeURIComponent).join('/')}`
}

/** True where the digest of a tag is told for sure. What versions tell of an image for several platforms differs. */
export function isCertain({ manifest }: Tag): boolean {
  const type = manifest?.mediaType
  return !!type && !isIndex(type)
}

const HINTS: readonly (readonly [RegExp, string])[] = [
  [/TAG_IN_NOTARY/, 'remove its signature from Notary first'],
  [/NOT_AUTHORIZED/, 'give the user read-write access to the repository; to create some, admin access'],
  [/immutable/i, "the repository's tags are immutable: exclude the tag, or set override: false"],
  [/read.?only/i, 'the registry is read-only, perhaps while it collects garbage: run again later'],
  [/NO_SUCH_ACCOUNT/, 'have the organization created, or set destination.namespace to one that exists'],
]

/** With a hint where its words are known. */
export function hinted(error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error
  const text = `${error.codes.join(' ')} ${error.message}`
  const isOfFormat = error.method === 'PUT' && [400, 415].includes(error.status) && /manifest|media/i.test(text)
  const hint = isOfFormat
    ? 'versions before 2.9 take only images in the format of Docker'
    : HINTS.find(([words]) => words.test(text))?.[1]
  return hint === undefined ? error : restated(error, error.message, hint)
}

function rethrown(error: unknown): never {
  throw hinted(error)
}
