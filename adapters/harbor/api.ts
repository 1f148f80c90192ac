/** Harbor's API: whether it is one and takes the credential, its lists, projects, and what a refusal means. */

import { z } from 'zod'
import type { AdapterTools, CreateOptions } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry } from '../../src/core/registry.ts'
import { once, remembered } from '../../src/core/remembered.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { doing, restated } from '../../src/oci/registry/restate.ts'
import { countedItems } from '../counted.ts'
import type { Right } from '../explain.ts'

export interface Harbor {
  /** Its name in the configuration. */
  readonly name: string
  /** Sends user name and password with every request, which Harbor takes below `/v2/`, too. */
  readonly http: HttpClient
  /** For what is listed below `/v2/`: as `http`, but with tokens for anonymous access. A client that knows tokens would ask for one at the
   *  API, too. */
  v2(): Promise<HttpClient>
  /** Asked once; throws if this is not a Harbor 2, or if it refuses the credential. */
  info(ctx: Context): Promise<SystemInfo>
  /** Throws a `CredentialError` where the credential is refused below `/v2/`. */
  checkV2(ctx: Context): Promise<void>
  /** Whether the project exists, for every account, whether it may see the project or not. Asked once. */
  exists(project: string, ctx: Context): Promise<boolean>
  /** Of a deeper namespace only the project must exist; the rest comes with the push. Twice is fine, also at the same time. */
  ensureProject(namespace: string, options: CreateOptions, ctx: Context): Promise<void>
  /** `"robot$mirror"`, or `anonymous access`. */
  who(): Promise<string>
  /** What a refusal below `/v2/` means: 401 stands for a wrong credential, a missing right and a missing project alike. */
  meaning(error: unknown, repository: string, right: Right, ctx: Context): Promise<unknown>
}

const INFO = z.object({
  /** Told only to accounts that Harbor knows. */
  harbor_version: z.string().optional(),
  read_only: z.boolean().nullish(),
})
type SystemInfo = z.infer<typeof INFO>

export function openHarbor({ name, url = '' }: Registry, tools: AdapterTools): Harbor {
  let client: HttpClient | undefined
  const http = (): HttpClient => {
    client ??= tools.api({ url })
    return client
  }
  const isAnonymous = async (): Promise<boolean> => (await tools.credential()).kind === 'anonymous'
  const system = once((ctx) => systemInfo(http(), ctx))
  const exists = remembered((project: string, ctx) => hasProject(http(), project, ctx))

  async function checkV2(ctx: Context): Promise<void> {
    await (await http().request({ method: 'GET', url: '/v2/' }, ctx)).discard()
  }

  async function who(): Promise<string> {
    const found = await tools.credential()
    return found.kind === 'basic' ? JSON.stringify(found.username) : 'anonymous access'
  }

  async function meaning(error: unknown, repository: string, right: Right, ctx: Context): Promise<unknown> {
    const known = hinted(error)
    if (known !== error || !(error instanceof CredentialError) || (await isAnonymous())) return known
    const project = projectOf(repository)
    const place = { method: 'GET', path: `/v2/${repository}`, cause: error } as const
    try {
      const { harbor_version } = await system(ctx)
      if (harbor_version === undefined) return error
      if (!(await exists(project, ctx))) {
        const hint = `create the project, or set \`destination.create: true\` with an account that may`
        return new RegistryError(`project ${project} is not there`, { ...place, status: 404, hint })
      }
    } catch {
      return error
    }
    const needed = right === 'list' ? 'pull' : right
    const hint = rightHint(needed)
    return new RegistryError(`${await who()} may not ${needed} in project ${project}`, { ...place, status: 403, hint })
  }

  return {
    name,
    get http() {
      return http()
    },
    v2: async () => ((await isAnonymous()) ? tools.http() : http()),
    info: once(async (ctx) => {
      const value = await system(ctx)
      // Harbor takes a wrong credential for anonymous access, and robots of old versions are known below /v2/ alone: so it must be asked.
      if (value.harbor_version === undefined && !(await isAnonymous())) await checkV2(ctx)
      return value
    }),
    checkV2,
    exists,
    async ensureProject(namespace, options, ctx) {
      const project = projectOf(namespace)
      await system(ctx)
      // It may have been created since the plan.
      exists.forget(project)
      if (await exists(project, ctx)) return
      exists.forget(project)
      await createProject(http(), project, options, await who(), ctx)
    },
    who,
    meaning,
  }
}

export function projectOf(repository: string): string {
  return repository.split('/', 1)[0] ?? ''
}

/** Throws a `CredentialError` for anonymous access. */
async function hasProject(http: HttpClient, project: string, ctx: Context): Promise<boolean> {
  const url = `/api/v2.0/projects?${new URLSearchParams({ project_name: project })}`
  const response = await http.request({ method: 'HEAD', url, expect: [200, 404] }, ctx)
  await response.discard()
  return response.status === 200
}

async function systemInfo(http: HttpClient, ctx: Context): Promise<SystemInfo> {
  try {
    return (await askJson(http, { url: '/api/v2.0/systeminfo' }, INFO, 'facts of the system', ctx)).value
  } catch (error) {
    if (!(error instanceof RegistryError) || error.retryable || error.status === 403) throw error
    if (isNotFound(error) && (await isHarbor1(http, ctx))) {
      const { status, method, path } = error
      throw new RegistryError(`${http.host} is a Harbor 1.x, which is too old`, {
        ...{ status, method, path, cause: error },
        hint: 'upgrade it to 2.x, or use `type: docker-registry`, which needs nothing but /v2/',
      })
    }
    const hint = 'check `url`: the address of its web pages, without a path; `type: docker-registry` suits any registry'
    throw restated(error, `${http.host} does not answer as Harbor 2: ${error.message}`, hint)
  }
}

async function isHarbor1(http: HttpClient, ctx: Context): Promise<boolean> {
  try {
    const { value } = await askJson(http, { url: '/api/systeminfo' }, z.object({ auth_mode: z.string() }), 'facts', ctx)
    return value.auth_mode !== ''
  } catch {
    return false
  }
}

export const PROJECT = z.object({ project_id: z.number(), name: z.string(), registry_id: z.number().nullish() })

export interface Project {
  readonly id: number
  /** It caches another registry: nothing can be pushed to it. */
  readonly isCache: boolean
}

/** Undefined where the account does not see it, whether or not it exists. */
export async function findProject({ http }: Harbor, name: string, ctx: Context): Promise<Project | undefined> {
  // The list shows a robot its own project, of which it may not ask otherwise.
  const url = `/api/v2.0/projects?${new URLSearchParams({ with_detail: 'false', q: `name=${name}` })}`
  const { value } = await askJson(http, { url }, z.array(PROJECT).nullish(), `project ${name}`, ctx)
  const found = value?.find((project) => project.name === name)
  return found && { id: found.project_id, isCache: (found.registry_id ?? 0) > 0 }
}

/** Stricter than names of repositories, in which `__` and `--` are allowed. */
export function mayBeProject(name: string): boolean {
  return /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name)
}

export const PROJECT_NAME =
  'a project is lower case letters and digits, joined by single `.`, `_` or `-`: set destination.namespace'

async function createProject(
  http: HttpClient,
  name: string,
  options: CreateOptions,
  who: string,
  ctx: Context,
): Promise<void> {
  const body = Buffer.from(JSON.stringify({ project_name: name, metadata: { public: String(options.public) } }))
  const headers = { 'content-type': 'application/json' }
  const request = { method: 'POST', url: '/api/v2.0/projects', headers, body, expect: [201, 409] } as const
  try {
    await (await doing(`create project ${name}`, http.request(request, ctx))).discard()
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    if (error.status === 400) throw restated(error, error.message, PROJECT_NAME)
    if (error.status !== 403) throw error
    const hint =
      'let an administrator create it, or allow everyone to create projects, or give a system robot account the system permission create of project'
    throw restated(error, `${who} ${error.message}`, hint)
  }
}

export interface List<T> {
  /** With a query, without its page. */
  readonly url: string
  readonly form: z.ZodType<T>
  /** By which an item is known again on another page. */
  readonly key: (item: T) => unknown
  /** For messages: `artifacts of library/alpine`. */
  readonly what: string
}

/** More are refused (422). */
const PAGE_SIZE = 100

/** Each item of a list once. Pages are counted: the `Link` header has a decoded query that cannot be sent again. Ask for a stable order
 *  (`sort=id`). */
export function itemsIn<T>({ http }: Harbor, { url, form, key, what }: List<T>, ctx: Context): AsyncIterable<T> {
  const items = z.array(form).nullish()
  return countedItems({
    ...{ size: PAGE_SIZE, key, what, path: url },
    async read(page) {
      const paged = `${url}${url.includes('?') ? '&' : '?'}page=${page}&page_size=${PAGE_SIZE}`
      const { value, response } = await askJson(http, { url: paged, headers: BY_NAME }, items, what, ctx)
      const told = Number(response.headers['x-total-count'] ?? Number.NaN)
      return { items: value ?? [], total: Number.isNaN(told) ? undefined : told }
    },
  })
}

/** Without it a project whose name is a number would be the one of that number. */
export const BY_NAME = { 'x-is-resource-name': 'true' } as const

/** In Harbor's words, for people and for robots. */
export function rightHint(right: 'pull' | 'push' | 'delete'): string {
  const role = { pull: 'Limited Guest', push: 'Developer', delete: 'Maintainer' }[right]
  return `make the user at least ${role} of the project, or give the robot account the permission ${right} of repository`
}

/** By words: the codes are the same for many refusals. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /exceed the configured upper limit/,
    "raise the project's storage quota (Administration → Project Quotas), or delete artifacts and run the garbage collection",
  ],
  [/configured as immutable/, "exclude the tag, set override: false, or change the project's tag immutability rules"],
  [/system is in read only mode/, 'an administrator has switched it to read only: run again when that is over'],
  [/artifact to a proxy project/, 'choose a project that is not a proxy cache: destination.namespace'],
  [/deleting artifact is referenced by others/, 'it belongs to an index: delete that first'],
]

/** With a hint where Harbor's words are known. */
export function hinted(error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error
  if (error.codes.includes('PROJECTPOLICYVIOLATION')) return restated(error, error.message, SECURITY)
  const hint = HINTS.find(([words]) => words.test(error.message))?.[1]
  return hint === undefined ? error : restated(error, error.message, hint)
}

export const SECURITY =
  "the project's deployment security keeps it from being pulled (vulnerabilities, or a missing signature)"
