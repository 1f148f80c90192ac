/** zot's search extension, which tells the digests of all tags of a repository in one answer.
 *
 *  https://github.com/project-zot/zot/blob/main/pkg/extensions/search/schema.graphql */

import { z } from 'zod'
import type { AdapterTools, TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { parseDigest } from '../../src/core/descriptor.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'

const SEARCH = '/v2/_zot/ext/search'
const PAGE_SIZE = 1000

const EXTENSIONS = z.looseObject({
  extensions: z.array(z.looseObject({ endpoints: z.array(z.string()).nullish() })).nullish(),
})
const IMAGE = z.looseObject({ Tag: z.string(), Digest: z.string(), MediaType: z.string().nullish() })
const ANSWER = z.looseObject({
  data: z.looseObject({ ImageList: z.looseObject({ Results: z.array(IMAGE).nullish() }).nullish() }).nullish(),
  errors: z.array(z.looseObject({ message: z.string() })).nullish(),
})
type Image = z.output<typeof IMAGE>

export type ListTags = (repository: string, store: ContentStore, ctx: Context) => AsyncIterable<TagInfo | string>

/** Asks once whether the extension is there. The tag list stays the truth: what the search does not know, such as artifacts that it does
 *  not support and all that it has not read since it was started, is yielded without a digest. */
export function createTagListing(tools: AdapterTools): ListTags {
  let searchable: Promise<boolean> | undefined

  return async function* listTags(repository, store, ctx) {
    searchable ??= hasSearch(tools, ctx)
    searchable.catch(() => {
      searchable = undefined
    })
    const images = (await searchable) ? await search(tools, repository, ctx) : undefined
    for await (const tag of store.tags(ctx)) {
      const image = images?.get(tag)
      const digest = parseDigest(image?.Digest ?? '')
      yield digest ? { tag, digest, ...(image?.MediaType ? { mediaType: image.MediaType } : {}) } : tag
    }
  }
}

async function hasSearch(tools: AdapterTools, ctx: Context): Promise<boolean> {
  try {
    const asked = askJson(tools.http(), { url: '/v2/_oci/ext/discover' }, EXTENSIONS, 'extensions of zot', ctx)
    const { extensions } = (await asked).value
    return extensions?.some(({ endpoints }) => endpoints?.includes(SEARCH)) ?? false
  } catch (error) {
    // An old one, or one that is built without extensions.
    if (error instanceof RegistryError && !error.retryable) return false
    throw error
  }
}

/** Undefined where the search fails in its own way: it is only a shorter way. */
async function search(
  tools: AdapterTools,
  repository: string,
  ctx: Context,
): Promise<ReadonlyMap<string, Image> | undefined> {
  const found = new Map<string, Image>()
  const what = `tags of ${repository}`
  const read = async (offset: string) => {
    const page = `{limit: ${PAGE_SIZE}, offset: ${offset}, sortBy: ALPHABETIC_ASC}`
    const query = `{ ImageList(repo: ${JSON.stringify(repository)}, requestedPage: ${page}) { Results { Tag Digest MediaType } } }`
    const body = Buffer.from(JSON.stringify({ query }))
    const headers = { 'content-type': 'application/json' }
    const scopes = [`repository:${repository}:pull`]
    const { value } = await askJson(
      tools.http(),
      { method: 'POST', url: SEARCH, scopes, headers, body },
      ANSWER,
      what,
      ctx,
    )
    const [problem] = value.errors ?? []
    if (problem) throw new RegistryError(problem.message, { status: 200, method: 'POST', path: SEARCH })
    const items = value.data?.ImageList?.Results ?? []
    return { items, next: items.length < PAGE_SIZE ? undefined : String(Number(offset) + PAGE_SIZE) }
  }
  try {
    for await (const image of itemsOf('0', read, what)) found.set(image.Tag, image)
    return found
  } catch (error) {
    if (!(error instanceof RegistryError) || error.retryable) throw error
    ctx.emit({ type: 'log', level: 'debug', text: `${repository}: the search of zot is of no use: ${error.message}` })
    return undefined
  }
}
