/** What Harbor's API knows of projects and repositories: lists, artifacts with their tags and labels, and what a push would meet. */

import { z } from 'zod'
import type { TagInfo, Wanted, WriteRules } from '../../src/core/adapter.ts'
import { claimsOf } from '../../src/core/claims.ts'
import { gathered } from '../../src/core/concurrent.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import { compilePattern } from '../../src/core/pattern.ts'
import { listNames, malformedAnswer } from '../../src/oci/registry/listing.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explainedItems, ifAllowed } from '../explain.ts'
import { untaggedInfo } from '../told.ts'
import {
  BY_NAME,
  findProject,
  type Harbor,
  itemsIn,
  mayBeProject,
  PROJECT,
  PROJECT_NAME,
  projectOf,
  rightHint,
} from './api.ts'

const idOf = ({ id }: { readonly id: number }): number => id

export async function* listNamespaces(harbor: Harbor, ctx: Context): AsyncIterable<string> {
  await harbor.info(ctx)
  const list = { url: '/api/v2.0/projects?with_detail=false&sort=project_id', what: `projects of ${harbor.name}` }
  const key = ({ project_id }: z.infer<typeof PROJECT>): number => project_id
  for await (const { name } of itemsIn(harbor, { ...list, form: PROJECT, key }, ctx)) yield name
}

const REPOSITORY = z.object({ id: z.number(), name: z.string() })

/** Those of the wanted projects, where they can be told from the patterns; else all that the account may see. */
export async function* listRepositories(harbor: Harbor, wanted: Wanted, ctx: Context): AsyncIterable<string> {
  await harbor.info(ctx)
  const what = `repositories of ${harbor.name}`
  try {
    for (const project of topsOf(wanted)?.filter(mayBeProject) ?? [undefined]) {
      // Of a pull robot's own project this list tells the repositories, too; the one below /projects/ is 403 then.
      const query = project === undefined ? {} : { q: `name=~${project}/` }
      const url = `/api/v2.0/repositories?${new URLSearchParams({ sort: 'id', ...query })}`
      for await (const { name } of itemsIn(harbor, { form: REPOSITORY, key: idOf, url, what }, ctx)) {
        if (project === undefined || projectOf(name) === project) yield name
      }
    }
  } catch (error) {
    if (!(error instanceof RegistryError) || ![403, 404].includes(error.status)) throw error
    ctx.emit({ type: 'log', level: 'debug', text: `${error.message}; the catalogue is asked instead` })
    yield* catalogue(harbor, what, ctx)
  }
}

/** For the admin and robots with the system permission `catalog`; with a password, never with a token. */
async function* catalogue(harbor: Harbor, what: string, ctx: Context): AsyncIterable<string> {
  const path = '/v2/_catalog'
  const list = { http: await harbor.v2(), path, key: 'repositories', scopes: [], pageSize: 100, what } as const
  try {
    yield* listNames(list, ctx)
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error
    throw new RegistryError(`${await harbor.who()} may not list the ${what}`, {
      ...{ status: 403, method: 'GET', path, cause: error },
      hint: "give repository names in the policy's name filter, or the robot account the permission list of repository",
    })
  }
}

/**
 * Tags with digests, an artifact's labels with each of them, untagged artifacts without. A manifest with a subject is in no list of
 * artifacts, though it may have a tag: such tags come as names. In a project that caches another registry, only what is cached comes.
 */
export async function* listTags(harbor: Harbor, repository: string, ctx: Context): AsyncIterable<TagInfo | string> {
  await harbor.info(ctx)
  const known = new Set<string>()
  let isAllowed = true
  try {
    for await (const info of artifactsOf(harbor, repository, ctx)) {
      if (info.tag !== undefined) known.add(info.tag)
      yield info
    }
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status !== 403 || known.size > 0) throw error
    const project = projectOf(repository)
    const text = `${await harbor.who()} may not list the artifacts of project ${project} (permission list of artifact): each tag costs a request`
    ctx.emit({ type: 'log', level: 'debug', text })
    isAllowed = false
  }
  const hidden: string[] = []
  for await (const tag of tagNames(harbor, repository, ctx)) if (!known.has(tag)) hidden.push(tag)
  if (hidden.length === 0) return
  // There the names are those of the cached registry, too.
  if (isAllowed && (await findProject(harbor, projectOf(repository), ctx))?.isCache) return
  yield* hidden
}

/** Harbor gives all tags in one answer if asked for this many. */
const ALL_TAGS = 100_000

/** All tags; throws a `RegistryError` with status 404 where repository or project does not exist. */
async function* tagNames(harbor: Harbor, repository: string, ctx: Context): AsyncIterable<string> {
  const path = `/v2/${repository}/tags/list`
  const scopes = [`repository:${repository}:pull`]
  const list = { http: await harbor.v2(), path, key: 'tags', scopes, pageSize: ALL_TAGS } as const
  const names = listNames({ ...list, what: `tags of ${repository}` }, ctx)
  yield* explainedItems(names, (error) => harbor.meaning(error, repository, 'list', ctx))
}

const ARTIFACT = z.object({
  id: z.number(),
  digest: z.string(),
  manifest_media_type: z.string().nullish(),
  push_time: z.string().nullish(),
  tags: z.array(z.object({ name: z.string(), push_time: z.string().nullish() })).nullish(),
  labels: z.array(z.object({ name: z.string() })).nullish(),
})

async function* artifactsOf(harbor: Harbor, repository: string, ctx: Context): AsyncIterable<TagInfo> {
  const url = `${artifactsUrl(repository)}?with_tag=true&with_label=true&sort=id`
  const what = `artifacts of ${repository}`
  for await (const artifact of itemsIn(harbor, { url, form: ARTIFACT, key: idOf, what }, ctx)) {
    const { digest, manifest_media_type: mediaType, push_time, tags, labels } = artifact
    const names = labels?.length ? { labels: labels.map(({ name }) => name) } : {}
    for (const { name: tag, push_time: pushed } of tags?.length ? tags : [{ name: undefined, push_time }]) {
      const info = untaggedInfo({ digest, mediaType, pushed })
      if (!info) throw malformedAnswer(what, url, `${JSON.stringify(digest.slice(0, 100))} is not a digest`)
      yield { ...info, ...names, ...(tag === undefined ? {} : { tag }) }
    }
  }
}

/** The slashes of a repository's name are escaped twice: web servers before Harbor would undo it once. */
export function artifactsUrl(repository: string): string {
  const project = projectOf(repository)
  const name = encodeURIComponent(encodeURIComponent(repository.slice(project.length + 1)))
  return `/api/v2.0/projects/${project}/repositories/${name}/artifacts`
}

/** Of a project; the rules of a repository follow from them without another request. */
export interface ProjectRules extends Omit<WriteRules, 'immutable'> {
  readonly immutable: readonly ImmutableRule[]
}

const SELECTOR = z.object({ decoration: z.string().nullish(), pattern: z.string().nullish() })
const RULE = z.object({
  id: z.number(),
  disabled: z.boolean().nullish(),
  tag_selectors: z.array(SELECTOR).nullish(),
  scope_selectors: z.record(z.string(), z.array(SELECTOR).nullish()).nullish(),
})
type ImmutableRule = z.infer<typeof RULE>

/** What the account may not ask for is left out. Nothing at all where the project does not exist yet, or for anonymous access. */
export async function projectRules(harbor: Harbor, project: string, ctx: Context): Promise<ProjectRules> {
  const { harbor_version, read_only } = await harbor.info(ctx)
  if (read_only) return { refused: READ_ONLY, immutable: [] }
  if (harbor_version === undefined) return { immutable: [] }
  if (!(await harbor.exists(project, ctx))) return { ...(mayBeProject(project) ? {} : ILLEGAL), immutable: [] }
  const [found, mayPush, bytesLeft, immutable] = await Promise.all([
    findProject(harbor, project, ctx),
    ifAllowed(mayPushTo(harbor, project, ctx)),
    ifAllowed(quotaLeft(harbor, project, ctx)),
    ifAllowed(immutableRules(harbor, project, ctx)),
  ])
  const refused = found?.isCache
    ? { reason: `project ${project} is a proxy cache: nothing can be pushed to it`, hint: 'choose another project' }
    : mayPush === false
      ? { reason: `${await harbor.who()} may not push to project ${project}`, hint: rightHint('push') }
      : undefined
  return {
    ...(refused ? { refused } : {}),
    ...(bytesLeft === undefined ? {} : { quota: { name: `project ${project}`, bytesLeft } }),
    immutable: immutable ?? [],
  }
}

const READ_ONLY = {
  reason: 'Harbor is in read only mode',
  hint: 'an administrator has switched it to read only: run again when that is over',
}

const ILLEGAL = { refused: { reason: 'a project of Harbor cannot have that name', hint: PROJECT_NAME } }

/** Of one repository, given without its project. */
export function rulesFor(repository: string, { immutable, ...rules }: ProjectRules): WriteRules {
  if (immutable.length === 0) return rules
  return {
    ...rules,
    immutable: (tag) =>
      immutable.some((rule) => holds(rule, repository, tag))
        ? `tag ${tag} is immutable by a rule of the project`
        : undefined,
  }
}

/** All selectors of a rule must select; one whose pattern is not understood selects nothing: the push will tell. */
function holds({ disabled, tag_selectors, scope_selectors }: ImmutableRule, repository: string, tag: string): boolean {
  const scopes = scope_selectors?.repository ?? []
  const tags = tag_selectors ?? []
  if (disabled || tags.length === 0) return false
  return scopes.every((selector) => selects(selector, repository)) && tags.every((selector) => selects(selector, tag))
}

function selects({ decoration, pattern }: z.infer<typeof SELECTOR>, name: string): boolean {
  try {
    return compilePattern(pattern ?? '').matches(name) !== /excludes$/i.test(decoration ?? '')
  } catch {
    return false
  }
}

async function immutableRules(harbor: Harbor, project: string, ctx: Context): Promise<readonly ImmutableRule[]> {
  const url = `/api/v2.0/projects/${project}/immutabletagrules`
  const list = { url, form: RULE, key: idOf, what: `tag immutability rules of ${project}` }
  return gathered(itemsIn(harbor, list, ctx))
}

const STORAGE = z.object({ storage: z.number() }).partial()
const SUMMARY = z.object({ quota: z.object({ hard: STORAGE, used: STORAGE }).partial().nullish() })

/** In bytes; undefined where there is no limit. */
async function quotaLeft({ http }: Harbor, project: string, ctx: Context): Promise<number | undefined> {
  const request = { url: `/api/v2.0/projects/${project}/summary`, headers: BY_NAME }
  const { quota } = (await askJson(http, request, SUMMARY, `summary of ${project}`, ctx)).value
  const hard = quota?.hard?.storage ?? -1
  return hard < 0 ? undefined : Math.max(0, hard - (quota?.used?.storage ?? 0))
}

const TOKEN = z.object({ token: z.string() })
const CLAIMS = z.object({ access: z.array(z.object({ actions: z.array(z.string()).nullish() })).nullish() })

/** A token says all that its holder may, whatever was asked for; so only pulling is asked for. Undefined where it does not tell. */
async function mayPushTo({ http }: Harbor, project: string, ctx: Context): Promise<boolean | undefined> {
  const query = new URLSearchParams({ service: 'harbor-registry', scope: `repository:${project}/any:pull` })
  const { value } = await askJson(http, { url: `/service/token?${query}` }, TOKEN, `rights in ${project}`, ctx)
  const claims = CLAIMS.safeParse(claimsOf(value.token))
  return claims.success ? claims.data.access?.some(({ actions }) => actions?.includes('push')) : undefined
}
