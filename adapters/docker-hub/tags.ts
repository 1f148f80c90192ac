/** Tags with their digests, as the API of Docker Hub lists them. */

import { z } from 'zod'
import type { TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { parseDigest } from '../../src/core/descriptor.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { timeFrom } from '../../src/core/time.ts'
import { type HubApi, repositoryPath } from './api.ts'
import { resultsOf } from './pages.ts'

const TAG = z.looseObject({
  name: z.string(),
  // Old tags have none: the digests of their images are those of children.
  digest: z.string().nullish(),
  full_size: z.number().nullish(),
  tag_last_pushed: z.string().nullish(),
})

export async function* listTags(
  repository: string,
  api: HubApi,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  const seen = new Set<string>()
  try {
    for await (const tag of resultsOf(api, `${repositoryPath(repository)}/tags`, TAG, `tags of ${repository}`, ctx)) {
      if (seen.has(tag.name)) continue
      seen.add(tag.name)
      yield infoOf(tag)
    }
  } catch (error) {
    if (!isDepthLimit(error)) throw error
    ctx.emit({ type: 'log', level: 'debug', text: `${repository}: the rest of its tags is listed by the registry` })
    for await (const name of store.tags(ctx)) if (!seen.has(name)) yield name
  }
}

/** Who is not signed in may not page further: https://github.com/goharbor/harbor/issues/23819 */
function isDepthLimit(error: unknown): boolean {
  return error instanceof RegistryError && error.status === 403 && /offset too large|sign in/i.test(error.message)
}

function infoOf({ name, digest: text, full_size, tag_last_pushed }: z.output<typeof TAG>): TagInfo | string {
  const digest = parseDigest(text ?? '')
  if (!digest) return name
  const pushed = timeFrom(tag_last_pushed)
  return {
    tag: name,
    digest,
    ...(typeof full_size === 'number' ? { size: full_size } : {}),
    ...(pushed ? { pushed } : {}),
  }
}
