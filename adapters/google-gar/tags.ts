/** Tags with their digests: Google's `tags/list` has a map of all manifests, up to 10,000 in one answer. */

import { z } from 'zod'
import type { TagInfo } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { parseDigest } from '../../src/core/descriptor.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import { nextPage } from '../../src/oci/registry/listing.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { type Gar, lastPart, repositoryPath } from './api.ts'
import { partsOf } from './naming.ts'
import { explained } from './refusals.ts'

/** Without it some 1,000 come, and nothing says that there are more: https://github.com/google/go-containerregistry/issues/1643 */
const LARGEST = 10_000

/** Numbers are texts here. */
const NUMBER = z.coerce.number().catch(Number.NaN)
const LIST = z.looseObject({
  child: z.array(z.string()).nullish(),
  manifest: z
    .record(
      z.string(),
      z.looseObject({
        imageSizeBytes: NUMBER,
        mediaType: z.string().nullish(),
        tag: z.array(z.string()).nullish(),
        timeCreatedMs: NUMBER,
        timeUploadedMs: NUMBER,
      }),
    )
    .nullish(),
  tags: z.array(z.string()).nullish(),
})
export type TagList = z.infer<typeof LIST>

/** Throws a `RegistryError` with status 404 where the repository is not there. */
export async function* listTags(repository: string, gar: Gar, ctx: Context): AsyncIterable<TagInfo | string> {
  const seen = new Set<string>()
  let manifests = 0
  let isThere = false
  for await (const list of listsOf(repository, gar, ctx)) {
    const found = Object.entries(list.manifest ?? {})
    manifests += found.length
    isThere ||= found.length > 0 || (list.tags ?? []).length > 0 || (list.child ?? []).length > 0
    for (const [text, facts] of found) {
      for (const info of infosOf(text, facts)) {
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
  // There is no image without a manifest: this is how it answers for one that it does not know.
  if (!isThere) throw missing(repository)
  if (manifests < LARGEST) return
  for await (const info of tagsByApi(repository, gar, ctx)) {
    if (info.tag !== undefined && !seen.has(info.tag)) yield info
  }
}

/** The answers for one path, page by page. */
export function listsOf(path: string, gar: Gar, ctx: Context): AsyncIterable<TagList> {
  const http = gar.http()
  const scopes = [`repository:${path}:pull`]
  const what = `tags of ${path}`
  const read = async (url: string) => {
    const { value, response } = await explained(askJson(http, { url, scopes }, LIST, what, ctx))
    return { items: [value], next: nextPage(http, response.url, response.headers.link) }
  }
  return itemsOf(`/v2/${path}/tags/list?n=${LARGEST}`, read, what)
}

function infosOf(text: string, facts: NonNullable<TagList['manifest']>[string]): readonly TagInfo[] {
  const digest = parseDigest(text)
  if (!digest) return []
  const { imageSizeBytes: size, mediaType, tag: tags, timeCreatedMs, timeUploadedMs } = facts
  const info: TagInfo = {
    digest,
    ...(mediaType ? { mediaType } : {}),
    ...(size >= 0 ? { size } : {}),
    // 0 and less stand for builds that can be repeated.
    ...(timeCreatedMs > 0 ? { created: new Date(timeCreatedMs) } : {}),
    ...(timeUploadedMs > 0 ? { pushed: new Date(timeUploadedMs) } : {}),
  }
  return tags?.length ? tags.map((tag) => ({ ...info, tag })) : [info]
}

const TAG = z.looseObject({
  /** `…/tags/v1`, and `…/versions/sha256:…`. */
  name: z.string(),
  version: z.string(),
})

/** For images with so many manifests that the one answer has no room for all. */
async function* tagsByApi(repository: string, gar: Gar, ctx: Context): AsyncIterable<TagInfo> {
  const { project, repository: own, image } = partsOf(repository, gar.place)
  if (own === undefined || image === undefined || gar.place.location === undefined) throw tooMany(repository)
  const path = `${repositoryPath(project, own, gar.place)}/packages/${encodeURIComponent(image)}/tags`
  for await (const { name, version } of gar.items(path, 'tags', TAG, `tags of ${repository}`, ctx)) {
    const digest = parseDigest(lastPart(version))
    if (digest) yield { tag: lastPart(name), digest }
  }
}

function missing(repository: string): RegistryError {
  const path = `/v2/${repository}/tags/list`
  return new RegistryError(`${repository} is not there`, { status: 404, method: 'GET', path })
}

function tooMany(repository: string): RegistryError {
  const path = `/v2/${repository}/tags/list`
  const message = `${repository} has more than ${LARGEST} manifests, and only the API tells the tags of all`
  return new RegistryError(message, { status: 200, method: 'GET', path, hint: 'set the option `location`' })
}
