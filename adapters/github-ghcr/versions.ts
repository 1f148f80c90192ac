/** The versions of a package: each a manifest with its digest and its tags. */

import { z } from 'zod'
import type { TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { parseDigest } from '../../src/core/descriptor.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { timeFrom } from '../../src/core/time.ts'
import type { GitHub } from './api.ts'

export const VERSION = z.looseObject({
  id: z.number(),
  /** The digest. */
  name: z.string(),
  created_at: z.string().nullish(),
  metadata: z.looseObject({ container: z.looseObject({ tags: z.array(z.string()).nullish() }).nullish() }).nullish(),
})

/** Beyond so many pages, most of which would name what has no tag, the registry's list costs less. */
const MOST_PAGES = 40

/** Ends a list that is too long. */
class TooLong extends Error {}

/** Tags by the API; just their names, by the registry, where the API is not to be asked or has too much to tell. */
export async function* listTags(
  repository: string,
  api: GitHub,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  const path = (await api.hasToken())
    ? await packagePath(repository, api, ctx).catch(denied(repository, ctx))
    : undefined
  if (path === undefined) {
    yield* store.tags(ctx)
    return
  }
  const seen = new Set<string>()
  try {
    const isShort = (link: string): void => {
      if (pagesIn(link) > MOST_PAGES) throw new TooLong()
    }
    const what = `tags of ${repository}`
    for await (const version of api.items(`${path}/versions?state=active`, VERSION, what, ctx, isShort)) {
      for (const info of infosOf(version)) {
        if (seen.has(info.tag)) continue
        seen.add(info.tag)
        yield info
      }
    }
  } catch (error) {
    if (!(error instanceof TooLong)) denied(repository, ctx)(error)
    for await (const tag of store.tags(ctx)) if (!seen.has(tag)) yield tag
  }
}

/** Below the API; undefined where the owner is not known to it. */
export async function packagePath(repository: string, api: GitHub, ctx: Context): Promise<string | undefined> {
  const [owner = '', ...rest] = repository.split('/')
  const base = await api.owner(owner, ctx)
  return base === undefined ? undefined : `${base}/packages/container/${encodeURIComponent(rest.join('/'))}`
}

/** A token that may pull need not be allowed to ask the API: then the registry is asked. */
function denied(repository: string, ctx: Context) {
  return (error: unknown): undefined => {
    if (!(error instanceof RegistryError) || error.status !== 403) throw error
    const text = `${repository}: GitHub's API refuses to list it, so the registry is asked: ${error.message}`
    ctx.emit({ type: 'log', level: 'debug', text })
    return undefined
  }
}

function infosOf({
  name,
  created_at,
  metadata,
}: z.output<typeof VERSION>): readonly (TagInfo & { readonly tag: string })[] {
  const digest = parseDigest(name)
  if (!digest) return []
  const pushed = timeFrom(created_at)
  const time = pushed ? { pushed } : {}
  return (metadata?.container?.tags ?? []).map((tag) => ({ tag, digest, ...time }))
}

/** How many pages there are, as the link to the last one says. */
function pagesIn(link: string): number {
  const last = /<([^>]*)>;\s*rel="last"/.exec(link)?.[1]
  return last ? Number(URL.parse(last)?.searchParams.get('page') ?? 0) : 0
}
