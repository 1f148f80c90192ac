/** Tags with their digests, as Quay's API lists them. */

import { z } from 'zod'
import type { TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { parseDigest } from '../../src/core/descriptor.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { explained, type Quay, repositoryPath } from './api.ts'

const TAG = z.looseObject({
  name: z.string(),
  manifest_digest: z.string(),
  size: z.number().nullish(),
  /** Seconds since 1970. */
  start_ts: z.number().nullish(),
})
const PAGE = z.looseObject({ tags: z.array(TAG), page: z.number(), has_additional: z.boolean().nullish() })

export async function* listTags(
  repository: string,
  api: Quay,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  const seen = new Set<string>()
  try {
    for await (const tag of activeTags(repository, api, ctx)) {
      const digest = parseDigest(tag.manifest_digest)
      if (seen.has(tag.name)) continue
      seen.add(tag.name)
      yield digest ? infoOf(tag, digest) : tag.name
    }
  } catch (error) {
    if (seen.size > 0 || (await api.hasToken()) || !isHidden(error)) throw error
    ctx.emit({ type: 'log', level: 'debug', text: `${repository}: Quay's API wants a token, the registry is asked` })
    yield* store.tags(ctx)
  }
}

/** What a robot may pull is nothing that the API shows to anybody. */
function isHidden(error: unknown): boolean {
  return error instanceof CredentialError || (error instanceof RegistryError && [401, 403, 404].includes(error.status))
}

function activeTags(repository: string, api: Quay, ctx: Context): AsyncIterable<z.output<typeof TAG>> {
  const what = `tags of ${repository}`
  // Without `onlyActiveTags` it is the history of all tags there ever were.
  const base = `${repositoryPath(repository)}/tag/?onlyActiveTags=true&limit=100`
  return itemsOf(
    `${base}&page=1`,
    async (url) => {
      const { value } = await explained(askJson(api.http, { url }, PAGE, what, ctx), 'repo:read')
      return { items: value.tags, next: value.has_additional ? `${base}&page=${value.page + 1}` : undefined }
    },
    what,
  )
}

function infoOf({ name, size, start_ts }: z.output<typeof TAG>, digest: TagInfo['digest']): TagInfo {
  return {
    tag: name,
    digest,
    ...(typeof size === 'number' ? { size } : {}),
    ...(typeof start_ts === 'number' ? { pushed: new Date(start_ts * 1000) } : {}),
  }
}
