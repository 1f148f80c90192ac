/** Answers with lists: the tags of a repository, and what refers to a manifest. */

import type { Context } from '../../../core/context.ts'
import type { Descriptor, Digest } from '../../../core/descriptor.ts'
import { isNotFound } from '../../../core/errors.ts'
import { OCI_INDEX } from '../../../core/manifest.ts'
import { isAttachmentTag } from '../../../core/reference.ts'
import type { Place } from '../policy/targets.ts'
import { Refusal } from '../refusal.ts'
import { type Exchange, reply } from './reply.ts'

/** How many tags of a repository are looked at, and referrers of a manifest are told. */
const MOST_TAGS = 100_000
const MOST_REFERRERS = 1000

export interface TagsPage {
  readonly name: string
  readonly most: number
  readonly after: string | undefined
}

/** The destination's tags that a policy selects, in their order. */
export async function answerTags(
  exchange: Exchange,
  { name, most, after }: TagsPage,
  places: readonly Place[],
  ctx: Context,
): Promise<void> {
  const tags = new Set<string>()
  let exists = false
  for (const { to, target } of places) {
    try {
      for await (const tag of to.tags(ctx)) {
        exists = true
        if (tags.size >= MOST_TAGS) break
        if (isAttachmentTag(tag) || target.selection.tag(tag).kept) tags.add(tag)
      }
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
  if (!exists) throw new Refusal(404, 'NAME_UNKNOWN', 'nothing of it was pulled yet')
  const sorted = [...tags].sort().filter((tag) => after === undefined || tag > after)
  const page = sorted.slice(0, most)
  const last = page.at(-1)
  const query = new URLSearchParams({ n: String(most), last: last ?? '' })
  const link =
    last !== undefined && page.length < sorted.length ? { link: `</v2/${name}/tags/list?${query}>; rel="next"` } : {}
  reply(exchange, 200, { 'content-type': 'application/json', ...link }, JSON.stringify({ name, tags: page }))
}

/** What the destinations say refers to the manifest, as an index. */
export async function answerReferrers(
  exchange: Exchange,
  { digest, type }: { readonly digest: Digest; readonly type: string | undefined },
  places: readonly Place[],
  ctx: Context,
): Promise<void> {
  const found = new Map<string, Descriptor>()
  for (const { to } of places) {
    const subject = await to.resolve(digest, ctx)
    if (!subject || !to.referrers) continue
    for await (const { tag, ...referrer } of to.referrers(subject, ctx)) {
      if (found.size >= MOST_REFERRERS) break
      // One that hangs on a tag is found by that tag.
      if (tag === undefined && (type === undefined || referrer.artifactType === type))
        found.set(referrer.digest, referrer)
    }
  }
  const manifests = [...found.values()].map(({ mediaType, digest: of, size, artifactType, annotations }) => ({
    mediaType,
    digest: of,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  }))
  const filtered = type === undefined ? {} : { 'oci-filters-applied': 'artifactType' }
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests }
  reply(exchange, 200, { 'content-type': OCI_INDEX, ...filtered }, JSON.stringify(index))
}
