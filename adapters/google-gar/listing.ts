/** Lists images, by the API or as children that the registry tells, and their tags: Google's `tags/list` has a map of all manifests. */

import { z } from 'zod'
import type { TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import { timeFrom } from '../../src/core/time.ts'
import { nextPage } from '../../src/oci/registry/listing.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explained } from '../explain.ts'
import { tagInfo, untaggedInfo } from '../told.ts'
import {
  type Gar,
  hinted,
  isRefusal,
  lastPart,
  locationPath,
  type Name,
  partsOf,
  pathOf,
  REPOSITORY,
  repositoryPath,
} from './api.ts'

const PACKAGE = z.looseObject({ name: z.string() })

/** Those of the projects and repositories that the patterns spell out; else of the one project that is known. */
export async function* listRepositories(wanted: Wanted, gar: Gar, ctx: Context): AsyncIterable<string> {
  const heads = topsOf(wanted, 2) ?? topsOf(wanted)
  const projects = heads?.map((head) => partsOf(head, gar.place)) ?? [await ownProject(gar)]
  for (const name of projects) {
    try {
      yield* byApi(name, gar, ctx)
    } catch (error) {
      const isClosed = isRefusal(error) || error instanceof CredentialError || error instanceof UnsupportedError
      if (!isClosed || name.repository === undefined) throw error
      const text = `${gar.name}: the API of Artifact Registry may not be asked, so the registry is: ${error.message}`
      ctx.emit({ type: 'log', level: 'debug', text })
      yield* childrenOf(pathOf(name.project, name.repository, gar.place), true, gar, ctx)
    }
  }
}

async function ownProject(gar: Gar): Promise<Name> {
  const project = await gar.project()
  if (project !== undefined) return partsOf(project.replace(':', '/'), gar.place)
  throw new UnsupportedError(`registry ${gar.name}: it is not known whose repositories to list`, {
    hint: 'name the project in the patterns (name: project/repository/**), or set the option `project`',
  })
}

async function* byApi({ project, repository }: Name, gar: Gar, ctx: Context): AsyncIterable<string> {
  if (gar.place.location === undefined) {
    throw new UnsupportedError(`registry ${gar.name}: the host does not say where its repositories are`, {
      hint: 'set the option `location`, or name project and repository in the patterns',
    })
  }
  for (const own of repository === undefined ? await repositoriesOf(project, gar, ctx) : [repository]) {
    const path = `${repositoryPath(project, own, gar.place)}/packages`
    const base = pathOf(project, own, gar.place)
    for await (const { name } of gar.items(path, 'packages', PACKAGE, `images of ${base}`, ctx)) {
      yield `${base}/${lastPart(name)}`
    }
  }
}

/** The repositories of a project that hold images. */
export async function repositoriesOf(project: string, gar: Gar, ctx: Context): Promise<readonly string[]> {
  if (gar.place.fixed !== undefined) return [gar.place.fixed]
  const path = locationPath(project, gar.place)
  const found: string[] = []
  for await (const one of gar.items(path, 'repositories', REPOSITORY, `repositories of ${project}`, ctx)) {
    if ((one.format ?? 'DOCKER') === 'DOCKER') found.push(lastPart(one.name))
  }
  return found
}

/** Longer names do not exist. */
const LONGEST = 255

/** A request for each path: a level of names, or an image, or both. */
async function* childrenOf(path: string, isTop: boolean, gar: Gar, ctx: Context): AsyncIterable<string> {
  const children = new Set<string>()
  let isImage = false
  for await (const { child, manifest, tags } of listsOf(path, gar, ctx)) {
    isImage ||= Object.keys(manifest ?? {}).length > 0 || (tags ?? []).length > 0
    for (const name of child ?? []) children.add(name)
  }
  if (isImage && !isTop) yield path
  for (const name of children) {
    const below = `${path}/${name}`
    if (below.length <= LONGEST) yield* childrenOf(below, false, gar, ctx)
  }
}

/** Without it some 1,000 come, and nothing says that there are more: https://github.com/google/go-containerregistry/issues/1643 */
const LARGEST = 10_000

/** Numbers are texts here. */
const NUMBER = z.coerce.number().catch(Number.NaN)
const MANIFEST = z.looseObject({
  mediaType: z.string().nullish(),
  tag: z.array(z.string()).nullish(),
  timeCreatedMs: NUMBER,
  timeUploadedMs: NUMBER,
})
const LIST = z.looseObject({
  child: z.array(z.string()).nullish(),
  manifest: z.record(z.string(), MANIFEST).nullish(),
  tags: z.array(z.string()).nullish(),
})

/** Throws a `RegistryError` with status 404 where the repository does not exist. */
export async function* listTags(repository: string, gar: Gar, ctx: Context): AsyncIterable<TagInfo | string> {
  const seen = new Set<string>()
  let manifests = 0
  let isThere = false
  for await (const list of listsOf(repository, gar, ctx)) {
    const found = Object.entries(list.manifest ?? {})
    manifests += found.length
    isThere ||= found.length > 0 || (list.tags ?? []).length > 0 || (list.child ?? []).length > 0
    for (const [digest, facts] of found) {
      for (const info of infosOf(digest, facts)) {
        if (info.tag !== undefined && seen.has(info.tag)) continue
        if (info.tag !== undefined) seen.add(info.tag)
        yield info
      }
    }
    // Other software behind the address knows no map.
    for (const tag of list.tags ?? []) {
      if (seen.has(tag) || !isTag(tag)) continue
      seen.add(tag)
      yield tag
    }
  }
  const path = `/v2/${repository}/tags/list`
  // There is no image without a manifest: this is how it answers for one that it does not know.
  if (!isThere) throw new RegistryError(`${repository} does not exist`, { status: 404, method: 'GET', path })
  if (manifests < LARGEST) return
  for await (const info of tagsByApi(repository, gar, ctx)) {
    if (typeof info !== 'string' && !seen.has(info.tag)) yield info
  }
}

/** The answers for one path, page by page. */
function listsOf(path: string, gar: Gar, ctx: Context): AsyncIterable<z.infer<typeof LIST>> {
  const http = gar.http()
  const scopes = [`repository:${path}:pull`]
  const what = `tags of ${path}`
  const read = async (url: string) => {
    const { value, response } = await explained(askJson(http, { url, scopes }, LIST, what, ctx), hinted)
    return { items: [value], next: nextPage(http, response.url, response.headers.link) }
  }
  return itemsOf(`/v2/${path}/tags/list?n=${LARGEST}`, read, what)
}

function infosOf(digest: string, { mediaType, tag: tags, ...times }: z.infer<typeof MANIFEST>): readonly TagInfo[] {
  const found = untaggedInfo({ digest, mediaType, pushed: secondsOf(times.timeUploadedMs) })
  if (!found) return []
  const created = timeFrom(secondsOf(times.timeCreatedMs))
  const info = { ...found, ...(created ? { created } : {}) }
  return tags?.length ? tags.map((tag) => ({ ...info, tag })) : [info]
}

/** 0 and less stand for builds that can be repeated. */
function secondsOf(milliseconds: number): number | undefined {
  return milliseconds > 0 ? milliseconds / 1000 : undefined
}

const TAG = z.looseObject({
  /** `…/tags/v1`, and `…/versions/sha256:…`. */
  name: z.string(),
  version: z.string(),
})

/** For images with more manifests than one answer has room for. */
async function* tagsByApi(repository: string, gar: Gar, ctx: Context) {
  const { project, repository: own, image } = partsOf(repository, gar.place)
  if (own === undefined || image === undefined || gar.place.location === undefined) {
    const message = `${repository} has more than ${LARGEST} manifests, and only the API tells the tags of all`
    const place = { status: 200, method: 'GET', path: `/v2/${repository}/tags/list` }
    throw new RegistryError(message, { ...place, hint: 'set the option `location`' })
  }
  const path = `${repositoryPath(project, own, gar.place)}/packages/${encodeURIComponent(image)}/tags`
  for await (const { name, version } of gar.items(path, 'tags', TAG, `tags of ${repository}`, ctx)) {
    yield tagInfo(lastPart(name), { digest: lastPart(version) })
  }
}
