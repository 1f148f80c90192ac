/** What the API knows of namespaces, repositories and tags, in the words of either edition.
 *
 *  https://www.alibabacloud.com/help/en/acr/developer-reference/api-cr-2018-12-01-overview */

import { z } from 'zod'
import type { Context } from '../../src/core/context.ts'
import { isNotFound, RegistryError } from '../../src/core/errors.ts'
import { remembered } from '../../src/core/remembered.ts'
import { countedItems } from '../counted.ts'
import type { AcrApi, AcrQuestion } from './api.ts'

export interface Edition {
  /** User and password of the registry; until when they are good, in milliseconds since 1970. */
  token(ctx: Context): Promise<{ readonly username: string; readonly password: string; readonly expires: number }>
  namespaces(ctx: Context): AsyncIterable<string>
  hasNamespace(name: string, ctx: Context): Promise<boolean>
  createNamespace(name: string, isPublic: boolean, ctx: Context): Promise<void>
  /** Of one namespace, or of all. */
  repositories(namespace: string | undefined, ctx: Context): AsyncIterable<string>
  hasRepository(name: string, ctx: Context): Promise<boolean>
  /** Whether no tag of it can be moved; false where it does not exist. Absent: the edition has no such rule. */
  isImmutable?(repository: string, ctx: Context): Promise<boolean>
  createRepository(name: string, isPublic: boolean, ctx: Context): Promise<void>
  tags(repository: string, ctx: Context): AsyncIterable<Tag>
  deleteTag(repository: string, tag: string, ctx: Context): Promise<void>
}

export interface Tag {
  readonly tag: string
  readonly digest: string | undefined
  /** In seconds since 1970. */
  readonly pushed: number | undefined
}

/** The API gives no more at once. */
const PAGE_SIZE = 100
/** Milliseconds, for a token that does not say when it ends. It lives for an hour. */
const LIFE = 50 * 60_000
/** The API wants one of every repository. */
const SUMMARY = 'created by replicate'

/** A number, also as text, as the editions differ. */
const NUMBER = z
  .union([z.number(), z.string()])
  .nullish()
  .transform((value) => {
    const number = Number(value ?? Number.NaN)
    return value === '' || !Number.isFinite(number) ? undefined : number
  })
const FLAG = z
  .union([z.boolean(), z.string()])
  .nullish()
  .transform((value) => value === true || value === 'true')
const TEXT = z.string().nullish()

/** The API leaves out how a digest is made. */
function digestOf(told: string | null | undefined): string | undefined {
  return told ? (told.includes(':') ? told : `sha256:${told}`) : undefined
}

function visibility(wanted: boolean): string {
  return wanted ? 'PUBLIC' : 'PRIVATE'
}

/** What is still being written, or was deleted, is not listed. */
function isNormal(status: string | null | undefined): boolean {
  return !status || status.toUpperCase() === 'NORMAL'
}

function partsOf(repository: string): readonly [namespace: string, name: string] {
  const [namespace = '', ...rest] = repository.split('/')
  return [namespace, rest.join('/')]
}

/** Undefined where the answer says that it does not exist. */
async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

const ANY = z.unknown()

const PERSONAL_TOKEN = z.looseObject({
  data: z.looseObject({
    tempUserName: z.string().min(1),
    authorizationToken: z.string().min(1),
    /** Milliseconds since 1970. */
    expireDate: NUMBER,
  }),
})
const PERSONAL_NAMESPACES = z.looseObject({
  data: z.looseObject({ namespaces: z.array(z.looseObject({ namespace: z.string() })).nullish() }),
})
const PERSONAL_REPOSITORY = z.looseObject({ repoNamespace: z.string(), repoName: z.string() })
const PERSONAL_REPOSITORIES = z.looseObject({
  data: z.looseObject({ total: NUMBER, repos: z.array(PERSONAL_REPOSITORY).nullish() }),
})
const PERSONAL_TAG = z.looseObject({ tag: z.string(), digest: TEXT, imageUpdate: NUMBER, status: TEXT })
const PERSONAL_TAGS = z.looseObject({
  data: z.looseObject({ total: NUMBER, tags: z.array(PERSONAL_TAG).nullish() }),
})

export function personalEdition(api: AcrApi): Edition {
  type Question<T> = Omit<AcrQuestion<T>, 'version' | 'method'> & { readonly method?: AcrQuestion<T>['method'] }
  const ask = <T>(question: Question<T>, ctx: Context): Promise<T> =>
    api.ask({ method: 'GET', ...question, version: '2016-06-07' }, ctx)
  const path = (...parts: readonly string[]): string => `/${parts.map(encodeURIComponent).join('/')}`

  return {
    async token(ctx) {
      const what = 'sign in to the registry'
      const question = { operation: 'GetAuthorizationToken', path: '/tokens', what, form: PERSONAL_TOKEN }
      const { tempUserName: username, authorizationToken: password, expireDate } = (await ask(question, ctx)).data
      return { username, password, expires: expireDate ?? Date.now() + LIFE }
    },
    async *namespaces(ctx) {
      const what = 'list the namespaces'
      const question = { operation: 'GetNamespaceList', path: '/namespace', what, form: PERSONAL_NAMESPACES }
      const { data } = await ask(question, ctx)
      for (const { namespace } of data.namespaces ?? []) yield namespace
    },
    async hasNamespace(name, ctx) {
      const what = `look for the namespace ${name}`
      const question = { operation: 'GetNamespace', path: path('namespace', name), what, form: ANY }
      return (await ifThere(ask(question, ctx).then(() => true))) === true
    },
    async createNamespace(name, wanted, ctx) {
      const what = `create the namespace ${name}`
      const created = { operation: 'CreateNamespace', method: 'PUT', path: '/namespace', what, form: ANY } as const
      await ask({ ...created, body: { Namespace: { Namespace: name } } }, ctx)
      const settings = { AutoCreate: true, DefaultVisibility: visibility(wanted) }
      const set = { operation: 'UpdateNamespace', method: 'POST', path: path('namespace', name), form: ANY } as const
      try {
        await ask(
          { ...set, body: { Namespace: settings }, what: `make the namespace ${name} ${settings.DefaultVisibility}` },
          ctx,
        )
      } catch (error) {
        // It exists by now, and would be found with its own settings.
        if (!(error instanceof RegistryError)) throw error
        ctx.emit({
          type: 'log',
          level: 'warning',
          text: `${error.message}; it was created, and keeps the settings of the service`,
        })
      }
    },
    async *repositories(namespace, ctx) {
      const what = namespace === undefined ? 'repositories' : `repositories of ${namespace}`
      const where = namespace === undefined ? '/repos' : path('repos', namespace)
      const operation = namespace === undefined ? 'GetRepoList' : 'GetRepoListByNamespace'
      const read = async (page: number) => {
        const query = { Page: page, PageSize: PAGE_SIZE }
        const question = { operation, path: where, query, what: `list the ${what}`, form: PERSONAL_REPOSITORIES }
        const { repos, total } = (await ask(question, ctx)).data
        return { items: (repos ?? []).map(({ repoNamespace, repoName }) => `${repoNamespace}/${repoName}`), total }
      }
      yield* countedItems({ size: PAGE_SIZE, key: (name) => name, what, path: where, read })
    },
    async hasRepository(name, ctx) {
      const what = `look for the repository ${name}`
      const question = { operation: 'GetRepo', path: path('repos', ...partsOf(name)), what, form: ANY }
      return (await ifThere(ask(question, ctx).then(() => true))) === true
    },
    async createRepository(name, wanted, ctx) {
      const [RepoNamespace, RepoName] = partsOf(name)
      const body = { Repo: { RepoNamespace, RepoName, Summary: SUMMARY, RepoType: visibility(wanted) } }
      const what = `create the repository ${name}`
      await ask({ operation: 'CreateRepo', method: 'PUT', path: '/repos', body, what, form: ANY }, ctx)
    },
    async *tags(repository, ctx) {
      const what = `tags of ${repository}`
      const where = `${path('repos', ...partsOf(repository))}/tags`
      const read = async (page: number) => {
        const query = { Page: page, PageSize: PAGE_SIZE }
        const question = { operation: 'GetRepoTags', path: where, query, what: `list the ${what}`, form: PERSONAL_TAGS }
        const { tags, total } = (await ask(question, ctx)).data
        return { items: tags ?? [], total }
      }
      for await (const { tag, digest, imageUpdate, status } of countedItems({
        ...{ size: PAGE_SIZE, key: (one: z.output<typeof PERSONAL_TAG>) => one.tag, what, path: where, read },
      })) {
        if (isNormal(status)) yield { tag, digest: digestOf(digest), pushed: secondsOf(imageUpdate) }
      }
    },
    async deleteTag(repository, tag, ctx) {
      const what = `delete ${repository}:${tag}`
      const where = path('repos', ...partsOf(repository), 'tags', tag)
      await ask({ operation: 'DeleteRepoTag', method: 'DELETE', path: where, what, form: ANY }, ctx)
    },
  }
}

const TOKEN = z.looseObject({
  TempUsername: z.string().min(1),
  AuthorizationToken: z.string().min(1),
  /** Milliseconds since 1970. */
  ExpireTime: NUMBER,
})
const NAMESPACES = z.looseObject({
  TotalCount: NUMBER,
  Namespaces: z.array(z.looseObject({ NamespaceName: z.string() })).nullish(),
})
const REPOSITORY = z.looseObject({ RepoId: z.string(), TagImmutability: FLAG })
const REPOSITORIES = z.looseObject({
  TotalCount: NUMBER,
  Repositories: z
    .array(z.looseObject({ RepoId: z.string(), RepoName: z.string(), RepoNamespaceName: z.string() }))
    .nullish(),
})
const IMAGE = z.looseObject({ Tag: z.string(), Digest: TEXT, ImageUpdate: NUMBER, Status: TEXT })
const IMAGES = z.looseObject({ TotalCount: NUMBER, Images: z.array(IMAGE).nullish() })

export function enterpriseEdition(api: AcrApi, instance: string): Edition {
  type Question<T> = Omit<AcrQuestion<T>, 'version' | 'method' | 'path'>
  const ask = <T>({ query, ...question }: Question<T>, ctx: Context): Promise<T> => {
    const asked = { ...question, query: { InstanceId: instance, ...query } }
    return api.ask({ ...asked, method: 'POST', path: '/', version: '2018-12-01' }, ctx)
  }
  const known = remembered((name: string, ctx) => {
    const [RepoNamespaceName, RepoName] = partsOf(name)
    const query = { RepoNamespaceName, RepoName }
    const what = `look for the repository ${name}`
    return ifThere(ask({ operation: 'GetRepository', query, what, form: REPOSITORY }, ctx))
  })

  /** Undefined where it does not exist: then it is asked for again the next time. */
  async function look(name: string, ctx: Context): Promise<z.output<typeof REPOSITORY> | undefined> {
    const found = await known(name, ctx)
    if (!found) known.forget(name)
    return found
  }

  async function idOf(repository: string, ctx: Context): Promise<string> {
    const found = await look(repository, ctx)
    if (found) return found.RepoId
    const details = { status: 404, method: 'POST', path: '/', codes: ['REPO_NOT_EXIST'] }
    throw new RegistryError(`there is no repository ${repository}`, details)
  }

  return {
    async token(ctx) {
      const question = { operation: 'GetAuthorizationToken', what: 'sign in to the registry', form: TOKEN }
      const { TempUsername: username, AuthorizationToken: password, ExpireTime } = await ask(question, ctx)
      return { username, password, expires: ExpireTime ?? Date.now() + LIFE }
    },
    async *namespaces(ctx) {
      const what = 'namespaces'
      const read = async (page: number) => {
        const query = { PageNo: page, PageSize: PAGE_SIZE }
        const question = { operation: 'ListNamespace', query, what: `list the ${what}`, form: NAMESPACES }
        const { Namespaces, TotalCount: total } = await ask(question, ctx)
        return { items: (Namespaces ?? []).map(({ NamespaceName }) => NamespaceName), total }
      }
      yield* countedItems({ size: PAGE_SIZE, key: (name) => name, what, path: '/', read })
    },
    async hasNamespace(NamespaceName, ctx) {
      const what = `look for the namespace ${NamespaceName}`
      const question = { operation: 'GetNamespace', query: { NamespaceName }, what, form: ANY }
      return (await ifThere(ask(question, ctx).then(() => true))) === true
    },
    async createNamespace(NamespaceName, wanted, ctx) {
      const query = { NamespaceName, AutoCreateRepo: true, DefaultRepoType: visibility(wanted) }
      const what = `create the namespace ${NamespaceName}`
      await ask({ operation: 'CreateNamespace', query, what, form: ANY }, ctx)
    },
    async *repositories(namespace, ctx) {
      const what = namespace === undefined ? 'repositories' : `repositories of ${namespace}`
      const read = async (page: number) => {
        const paged = { PageNo: page, PageSize: PAGE_SIZE, RepoStatus: 'NORMAL' }
        const query = { ...paged, RepoNamespaceName: namespace }
        const question = { operation: 'ListRepository', query, what: `list the ${what}`, form: REPOSITORIES }
        const { Repositories, TotalCount: total } = await ask(question, ctx)
        return {
          items: (Repositories ?? []).map(({ RepoNamespaceName, RepoName }) => `${RepoNamespaceName}/${RepoName}`),
          total,
        }
      }
      yield* countedItems({ size: PAGE_SIZE, key: (name) => name, what, path: '/', read })
    },
    hasRepository: async (name, ctx) => (await look(name, ctx)) !== undefined,
    isImmutable: async (repository, ctx) => (await look(repository, ctx))?.TagImmutability ?? false,
    async createRepository(name, wanted, ctx) {
      const [RepoNamespaceName, RepoName] = partsOf(name)
      const query = { RepoNamespaceName, RepoName, RepoType: visibility(wanted), Summary: SUMMARY }
      await ask({ operation: 'CreateRepository', query, what: `create the repository ${name}`, form: ANY }, ctx)
    },
    async *tags(repository, ctx) {
      const RepoId = await idOf(repository, ctx)
      const what = `tags of ${repository}`
      const read = async (page: number) => {
        const query = { RepoId, PageNo: page, PageSize: PAGE_SIZE }
        const question = { operation: 'ListRepoTag', query, what: `list the ${what}`, form: IMAGES }
        const { Images, TotalCount: total } = await ask(question, ctx)
        return { items: Images ?? [], total }
      }
      const key = ({ Tag: tag }: z.output<typeof IMAGE>): string => tag
      for await (const { Tag: tag, Digest, ImageUpdate, Status } of countedItems({
        ...{ size: PAGE_SIZE, key, what, path: '/', read },
      })) {
        if (isNormal(Status)) yield { tag, digest: digestOf(Digest), pushed: secondsOf(ImageUpdate) }
      }
    },
    async deleteTag(repository, tag, ctx) {
      const query = { RepoId: await idOf(repository, ctx), Tag: tag }
      await ask({ operation: 'DeleteRepoTag', query, what: `delete ${repository}:${tag}`, form: ANY }, ctx)
    },
  }
}

function secondsOf(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1000
}
