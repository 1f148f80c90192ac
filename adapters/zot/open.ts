/** Opens zot: its content, and the digests of all tags by its search extension.
 *
 *  https://github.com/project-zot/zot/blob/main/pkg/extensions/search/schema.graphql */

import { z } from 'zod'
import type { Adapter, AdapterTools, TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { once } from '../../src/core/remembered.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { ifAllowed } from '../explain.ts'
import { tagInfo } from '../told.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, { referrers: true })
  const isSearchable = once((ctx) => hasSearch(tools, ctx))

  /** The tag list stays the truth: the search does not know all artifacts, nor those it has not read since zot was started. */
  async function* listTags(repository: string, ctx: Context): AsyncIterable<TagInfo | string> {
    const images = (await isSearchable(ctx)) ? await search(tools, repository, ctx) : undefined
    for await (const tag of adapter.repository(repository).tags(ctx)) {
      const image = images?.get(tag)
      yield tagInfo(tag, { digest: image?.Digest, mediaType: image?.MediaType })
    }
  }

  return { ...adapter, repository: (name) => explaining(adapter.repository(name)), listTags }
}

/** Says what to do where zot refuses Docker's media types. */
function explaining(store: ContentStore): ContentStore {
  return {
    ...store,
    async writeManifest(manifest, reference, ctx) {
      try {
        await store.writeManifest(manifest, reference, ctx)
      } catch (error) {
        const isDocker = manifest.mediaType.startsWith('application/vnd.docker.')
        if (!isDocker || !(error instanceof RegistryError) || error.status !== 415) throw error
        const hint = 'zot takes Docker schema 2 only with `http.compat: ["docker2s2"]` in its configuration'
        throw restated(error, `zot does not take ${manifest.mediaType}: ${error.message}`, hint)
      }
    },
  }
}

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

/** False for an old zot, and for one that is built without extensions. */
async function hasSearch(tools: AdapterTools, ctx: Context): Promise<boolean> {
  const asked = askJson(tools.http(), { url: '/v2/_oci/ext/discover' }, EXTENSIONS, 'extensions of zot', ctx)
  const answer = await ifAllowed(asked)
  return answer?.value.extensions?.some(({ endpoints }) => endpoints?.includes(SEARCH)) ?? false
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
    const request = { method: 'POST', url: SEARCH, scopes, headers, body } as const
    const { value } = await askJson(tools.http(), request, ANSWER, what, ctx)
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
