/** Tags with their digests by the extension of GitLab's registry, where it has its metadata database.
 *
 *  https://gitlab.com/gitlab-org/container-registry/-/blob/master/docs/spec/gitlab/api.md */

import { z } from 'zod'
import type { AdapterTools, TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { parseDigest } from '../../src/core/descriptor.ts'
import type { HttpClient } from '../../src/core/http.ts'
import { timeFrom } from '../../src/core/time.ts'
import { nextPage } from '../../src/oci/registry/listing.ts'
import { askJson, itemsOf, type Page } from '../../src/oci/registry/pages.ts'

const TAG = z.looseObject({
  name: z.string(),
  digest: z.string(),
  media_type: z.string().nullish(),
  size_bytes: z.number().nullish(),
  created_at: z.string().nullish(),
  published_at: z.string().nullish(),
})
type Tag = z.output<typeof TAG>

export type ListTags = (repository: string, store: ContentStore, ctx: Context) => AsyncIterable<TagInfo | string>

/** Asks once whether there is the extension. */
export function createTagListing(tools: AdapterTools): ListTags {
  let extended: Promise<boolean> | undefined

  async function isExtended(ctx: Context): Promise<boolean> {
    const request = { method: 'GET', url: '/gitlab/v1/', expect: [200, 401, 404], whole: 1024 * 1024 } as const
    const response = await tools.http().request(request, ctx)
    await response.discard()
    return response.status !== 404
  }

  return async function* listTags(repository, store, ctx) {
    extended ??= isExtended(ctx)
    extended.catch(() => {
      extended = undefined
    })
    if (!(await extended)) yield* store.tags(ctx)
    else for await (const tag of tagsOf(tools.http(), repository, ctx)) yield infoOf(tag)
  }
}

function tagsOf(http: HttpClient, repository: string, ctx: Context): AsyncIterable<Tag> {
  const what = `tags of ${repository}`
  const scopes = [`repository:${repository}:pull`]
  const path = repository.split('/').map(encodeURIComponent).join('/')
  const read = async (url: string): Promise<Page<Tag>> => {
    const { value, response } = await askJson(http, { url, scopes }, z.array(TAG), what, ctx)
    return { items: value, next: nextPage(http, response.url, response.headers.link) }
  }
  // It does not answer without the slash.
  return itemsOf(`/gitlab/v1/repositories/${path}/tags/list/?n=1000`, read, what)
}

function infoOf({ name, digest: text, media_type, size_bytes, published_at, created_at }: Tag): TagInfo | string {
  const digest = parseDigest(text)
  if (!digest) return name
  const pushed = timeFrom(published_at ?? created_at)
  return {
    tag: name,
    digest,
    ...(media_type ? { mediaType: media_type } : {}),
    ...(typeof size_bytes === 'number' ? { size: size_bytes } : {}),
    ...(pushed ? { pushed } : {}),
  }
}
