/** What Harbor's API lists: projects, repositories, and a repository's artifacts with their tags and labels. */

import { z } from 'zod'
import type { TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { parseDigest } from '../../src/core/descriptor.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import { timeFrom } from '../../src/core/time.ts'
import { listNames, malformedAnswer } from '../../src/oci/registry/listing.ts'
import { type Harbor, projectOf } from './harbor.ts'
import { itemsIn } from './pages.ts'
import { findProject, PROJECT } from './projects.ts'

const ARTIFACT = z.object({
  id: z.number(),
  digest: z.string(),
  manifest_media_type: z.string().nullish(),
  push_time: z.string().nullish(),
  tags: z.array(z.object({ name: z.string(), push_time: z.string().nullish() })).nullish(),
  labels: z.array(z.object({ name: z.string() })).nullish(),
})
const REPOSITORY = z.object({ id: z.number(), name: z.string() })

/** Harbor gives all tags in one answer where it is asked for so many. */
const ALL_TAGS = 100_000

export async function* namespaces(harbor: Harbor, ctx: Context): AsyncIterable<string> {
  await harbor.info(ctx)
  const list = { http: harbor.http, form: PROJECT, key: idOfProject, what: `projects of ${harbor.name}` }
  for await (const { name } of itemsIn({ ...list, url: '/api/v2.0/projects?with_detail=false' }, ctx)) yield name
}

/** Those of the wanted projects, where they can be told from the patterns; else all that the account may see. */
export async function* repositories(harbor: Harbor, wanted: Wanted, ctx: Context): AsyncIterable<string> {
  await harbor.info(ctx)
  const list = { http: harbor.http, form: REPOSITORY, key: (it: { id: number }) => it.id }
  const what = `repositories of ${harbor.name}`
  try {
    for (const project of wantedProjects(wanted) ?? [undefined]) {
      // Of a pull robot's own project this list tells the repositories, too; the one below /projects/ is 403 then.
      const query = project === undefined ? {} : { q: `name=~${project}/` }
      const url = `/api/v2.0/repositories?${new URLSearchParams({ sort: 'id', ...query })}`
      for await (const { name } of itemsIn({ ...list, url, what }, ctx)) {
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

/** The first path part of all patterns, or undefined where one leaves it open. */
function wantedProjects({ namespaces, names }: Wanted): readonly string[] | undefined {
  return headsOf(names) ?? headsOf(namespaces)
}

function headsOf(patterns: readonly string[]): readonly string[] | undefined {
  if (patterns.length === 0) return undefined
  const heads = patterns.map((pattern) => /^(?:([a-z0-9._-]+)|\{([a-z0-9._,-]+)\})(?:\/|$)/.exec(pattern))
  if (heads.some((head) => head === null)) return undefined
  return [...new Set(heads.flatMap((head) => head?.[1] ?? head?.[2]?.split(',') ?? []))].filter(Boolean)
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

/** All tags; throws a `RegistryError` with status 404 where repository or project is not there. */
export async function* tagNames(harbor: Harbor, repository: string, ctx: Context): AsyncIterable<string> {
  const path = `/v2/${repository}/tags/list`
  const scopes = [`repository:${repository}:pull`]
  const what = `tags of ${repository}`
  try {
    yield* listNames({ http: await harbor.v2(), path, key: 'tags', scopes, pageSize: ALL_TAGS, what }, ctx)
  } catch (error) {
    throw await harbor.meaning(error, repository, 'pull', ctx)
  }
}

async function* artifactsOf(harbor: Harbor, repository: string, ctx: Context): AsyncIterable<TagInfo> {
  const url = `${artifactsUrl(repository)}?with_tag=true&with_label=true&sort=id`
  const what = `artifacts of ${repository}`
  const list = { http: harbor.http, url, form: ARTIFACT, key: (it: { id: number }) => it.id, what }
  for await (const { digest: text, manifest_media_type, push_time, tags, labels } of itemsIn(list, ctx)) {
    const digest = parseDigest(text)
    if (!digest) throw malformedAnswer(what, url, `${JSON.stringify(text.slice(0, 100))} is no digest`)
    const info = {
      digest,
      ...(manifest_media_type ? { mediaType: manifest_media_type } : {}),
      ...(labels?.length ? { labels: labels.map(({ name }) => name) } : {}),
    }
    if (!tags?.length) yield { ...info, ...pushed(push_time) }
    for (const tag of tags ?? []) yield { ...info, tag: tag.name, ...pushed(tag.push_time) }
  }
}

/** The slashes of a repository's name are escaped twice: web servers before Harbor would undo it once. */
export function artifactsUrl(repository: string): string {
  const project = projectOf(repository)
  const name = encodeURIComponent(encodeURIComponent(repository.slice(project.length + 1)))
  return `/api/v2.0/projects/${project}/repositories/${name}/artifacts`
}

function pushed(time: string | null | undefined): Pick<TagInfo, 'pushed'> {
  const date = timeFrom(time)
  return date ? { pushed: date } : {}
}

function idOfProject(project: z.infer<typeof PROJECT>): number {
  return project.project_id
}
