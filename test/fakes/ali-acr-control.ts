/** The API of Alibaba Cloud Container Registry in memory, in the words of both editions. */

import type { MemoryRegistry, Reply } from '../support/memory-registry.ts'
import { json } from '../support/memory-reply.ts'

export const INSTANCE = 'cri-abc123def'

export interface AcrNamespace {
  autoCreate: boolean
  visibility: string
}

export interface AcrState {
  readonly content: MemoryRegistry
  readonly namespaces: Map<string, AcrNamespace>
  /** As they were created by the API: `PUBLIC` or `PRIVATE`. */
  readonly created: Map<string, string>
  readonly immutable: ReadonlySet<string>
  readonly looping: () => boolean
  /** Gives out a password of the registry. */
  readonly signIn: () => { readonly token: string; readonly expires: number }
}

export class AcrError extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message = code) {
    super(message)
    this.status = status
    this.code = code
  }
}

const PUSHED = 1_767_323_045_000
const SIZES = { default: 30, most: 100 } as const

function page<T>(all: readonly T[], number: unknown, size: unknown, looping: boolean): readonly T[] {
  const length = Math.min(SIZES.most, Number(size ?? SIZES.default))
  const at = looping ? 1 : Number(number ?? 1)
  return all.slice((at - 1) * length, at * length)
}

function repositoryOf({ content }: AcrState, name: string) {
  const found = content.repositories.get(name)
  if (!found) throw new AcrError(404, 'REPO_NOT_EXIST', 'repo does not exist')
  return found
}

function createRepository(state: AcrState, namespace: string, name: string, type: string, summary: unknown): void {
  if (!state.namespaces.has(namespace)) throw new AcrError(404, 'NAMESPACE_NOT_EXIST', 'namespace does not exist')
  if (typeof summary !== 'string' || summary === '') throw new AcrError(400, 'INVALID_PARAMETER', 'summary is missing')
  if (name.includes('/')) throw new AcrError(400, 'REPO_NAME_INVALID', 'repo name is invalid')
  const whole = `${namespace}/${name}`
  if (state.content.repositories.has(whole)) throw new AcrError(409, 'REPO_ALREADY_EXIST', 'repo already exists')
  state.content.repository(whole)
  state.created.set(whole, type)
}

function deleteTag(state: AcrState, repository: string, tag: string): void {
  const { tags, manifests } = repositoryOf(state, repository)
  const digest = tags.get(tag)
  if (!digest) throw new AcrError(404, 'TAG_NOT_EXIST', 'tag does not exist')
  tags.delete(tag)
  if (![...tags.values()].includes(digest)) manifests.delete(digest)
}

/** Without what a digest begins with. */
function bare(digest: string): string {
  return digest.replace(/^sha256:/, '')
}

const requestId = '00000000-0000-0000-0000-000000000000'

/** `GET /repos/…` and the like: camel case, and a status that says what is wrong. */
export function answerPersonal(state: AcrState, method: string, url: URL, body: unknown): Reply {
  const { content, namespaces, looping } = state
  const [kind, ...rest] = url.pathname.split('/').filter(Boolean).map(decodeURIComponent)
  const query = url.searchParams
  const shown = <T>(all: readonly T[]): readonly T[] =>
    page(all, query.get('Page') ?? 1, query.get('PageSize') ?? 30, looping())
  const paged = { page: Number(query.get('Page') ?? 1), pageSize: Number(query.get('PageSize') ?? 30) }
  const ok = (data: unknown): Reply => json(200, { data, requestId })
  const route = `${method} ${kind} ${rest.length}`
  const namespaceOf = (name = ''): AcrNamespace => {
    const found = namespaces.get(name)
    if (!found) throw new AcrError(404, 'NAMESPACE_NOT_EXIST', 'namespace does not exist')
    return found
  }
  switch (route) {
    case 'GET tokens 0': {
      const { token, expires } = state.signIn()
      return ok({ tempUserName: 'cr_temp_user', authorizationToken: token, expireDate: expires })
    }
    case 'GET namespace 0':
      return ok({
        namespaces: [...namespaces.keys()].map((namespace) => ({
          namespace,
          authorizeType: 'ADMIN',
          namespaceStatus: 'NORMAL',
        })),
      })
    case 'GET namespace 1': {
      const { autoCreate, visibility } = namespaceOf(rest[0])
      return ok({
        namespace: { namespace: rest[0], autoCreate, defaultVisibility: visibility, namespaceStatus: 'NORMAL' },
      })
    }
    case 'PUT namespace 0': {
      const { Namespace } = body as { Namespace: { Namespace: string } }
      if (namespaces.has(Namespace.Namespace)) throw new AcrError(409, 'NAMESPACE_ALREADY_EXIST', 'namespace exists')
      namespaces.set(Namespace.Namespace, { autoCreate: true, visibility: 'PRIVATE' })
      return ok({ namespaceId: namespaces.size })
    }
    case 'POST namespace 1': {
      const { AutoCreate, DefaultVisibility } = (
        body as { Namespace: { AutoCreate: boolean; DefaultVisibility: string } }
      ).Namespace
      Object.assign(namespaceOf(rest[0]), { autoCreate: AutoCreate, visibility: DefaultVisibility })
      return ok({})
    }
    case 'PUT repos 0': {
      const { RepoNamespace, RepoName, RepoType, Summary } = (body as { Repo: Record<string, string> }).Repo
      createRepository(state, String(RepoNamespace), String(RepoName), String(RepoType), Summary)
      return ok({ repoId: content.repositories.size })
    }
    case 'GET repos 0':
    case 'GET repos 1': {
      const all = [...content.repositories.keys()].filter((name) => rest.length === 0 || name.startsWith(`${rest[0]}/`))
      const repos = shown(all).map((name) => {
        const [repoNamespace, repoName] = name.split('/')
        return { repoNamespace, repoName, repoId: 7, repoType: 'PRIVATE', repoStatus: 'NORMAL' }
      })
      return ok({ ...paged, total: all.length, repos })
    }
    case 'GET repos 2':
      repositoryOf(state, rest.join('/'))
      return ok({ repo: { repoNamespace: rest[0], repoName: rest[1] } })
    case 'GET repos 3': {
      const all = [...repositoryOf(state, rest.slice(0, 2).join('/')).tags]
      const tags = shown(all).map(([tag, digest]) => ({
        ...{ tag, digest: bare(digest), imageId: 'f'.repeat(64), imageSize: 77 },
        ...{ imageCreate: PUSHED, imageUpdate: PUSHED, status: 'NORMAL' },
      }))
      return ok({ ...paged, total: looping() ? 1000 : all.length, tags })
    }
    case 'DELETE repos 4':
      deleteTag(state, rest.slice(0, 2).join('/'), rest[3] ?? '')
      return ok({})
    default:
      throw new AcrError(404, 'InvalidAction.NotFound', 'Specified api is not found')
  }
}

type Query = Readonly<Record<string, string | undefined>>

/** `POST /?…`: Pascal case, numbers as text, and refusals with status 200. */
export function answerEnterprise(state: AcrState, action: string, query: Query): Reply {
  const ok = (fields: Readonly<Record<string, unknown>>): Reply =>
    json(200, { ...fields, IsSuccess: true, Code: 'success', RequestId: requestId })
  try {
    if (query.InstanceId !== INSTANCE) throw new AcrError(200, 'INSTANCE_NOT_EXIST', 'instance does not exist')
    const run = ACTIONS[action]
    if (!run) throw new AcrError(404, 'InvalidAction.NotFound', 'Specified api is not found')
    return ok(run(state, query))
  } catch (error) {
    if (!(error instanceof AcrError) || error.code.startsWith('InvalidAction')) throw error
    return json(200, { IsSuccess: false, Code: error.code, Message: error.message, RequestId: requestId })
  }
}

type Action = (state: AcrState, query: Query) => Readonly<Record<string, unknown>>

const ids = { of: (name: string): string => `crr-${Buffer.from(name).toString('hex')}` }
const nameWith = (id = ''): string => Buffer.from(id.slice('crr-'.length), 'hex').toString()

const ACTIONS: Readonly<Record<string, Action>> = {
  GetAuthorizationToken(state) {
    const { token, expires } = state.signIn()
    return { TempUsername: 'cr_temp_user', AuthorizationToken: token, ExpireTime: expires }
  },
  ListNamespace({ namespaces, looping }, { PageNo, PageSize }) {
    const all = [...namespaces.keys()]
    const Namespaces = page(all, PageNo, PageSize, looping()).map((NamespaceName) => ({
      NamespaceName,
      AutoCreateRepo: true,
    }))
    return { Namespaces, TotalCount: String(all.length) }
  },
  GetNamespace({ namespaces }, { NamespaceName = '' }) {
    const found = namespaces.get(NamespaceName)
    if (!found) throw new AcrError(200, 'NAMESPACE_NOT_EXIST', 'namespace does not exist')
    return { NamespaceName, AutoCreateRepo: found.autoCreate, DefaultRepoType: found.visibility }
  },
  CreateNamespace({ namespaces }, { NamespaceName = '', AutoCreateRepo, DefaultRepoType = 'PRIVATE' }) {
    if (namespaces.has(NamespaceName)) throw new AcrError(200, 'NAMESPACE_ALREADY_EXIST', 'namespace exists')
    namespaces.set(NamespaceName, { autoCreate: AutoCreateRepo === 'true', visibility: DefaultRepoType })
    return {}
  },
  ListRepository({ content, looping }, { RepoNamespaceName, RepoStatus, PageNo, PageSize }) {
    if (RepoStatus !== 'NORMAL') throw new AcrError(200, 'INVALID_PARAMETER', 'RepoStatus')
    const all = [...content.repositories.keys()].filter(
      (name) => RepoNamespaceName === undefined || name.startsWith(`${RepoNamespaceName}/`),
    )
    const Repositories = page(all, PageNo, PageSize, looping()).map((name) => {
      const [namespace, repository] = name.split('/')
      return { RepoId: ids.of(name), RepoNamespaceName: namespace, RepoName: repository, RepoStatus: 'NORMAL' }
    })
    return { Repositories, TotalCount: String(all.length) }
  },
  GetRepository(state, { RepoNamespaceName, RepoName }) {
    const name = `${RepoNamespaceName}/${RepoName}`
    repositoryOf(state, name)
    return { RepoId: ids.of(name), RepoName, RepoNamespaceName, TagImmutability: state.immutable.has(name) }
  },
  CreateRepository(state, { RepoNamespaceName = '', RepoName = '', RepoType = '', Summary }) {
    createRepository(state, RepoNamespaceName, RepoName, RepoType, Summary)
    return { RepoId: ids.of(`${RepoNamespaceName}/${RepoName}`) }
  },
  ListRepoTag(state, { RepoId, PageNo, PageSize }) {
    const all = [...repositoryOf(state, nameWith(RepoId)).tags]
    const Images = page(all, PageNo, PageSize, state.looping()).map(([Tag, digest]) => ({
      ...{ Tag, Digest: bare(digest), ImageId: 'f'.repeat(64), ImageSize: 77, Status: 'NORMAL' },
      ...{ ImageCreate: String(PUSHED), ImageUpdate: String(PUSHED) },
    }))
    // In the vendor's own sample it is a number here.
    return { Images, TotalCount: state.looping() ? 1000 : all.length }
  },
  DeleteRepoTag(state, { RepoId, Tag = '' }) {
    const name = nameWith(RepoId)
    if (state.immutable.has(name)) throw new AcrError(200, 'TAG_IMMUTABLE', 'the tag is immutable')
    deleteTag(state, name, Tag)
    return {}
  },
}
