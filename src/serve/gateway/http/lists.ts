/** Answers with lists: the tags of a repository, and what refers to a manifest. */

import type { Context } from '../../../core/context.ts'
import type { Descriptor, Digest } from '../../../core/descriptor.ts'
import { isNotFound } from '../../../core/errors.ts'
import { OCI_INDEX } from '../../../core/manifest.ts'
import { isAttachmentTag } from '../../../core/reference.ts'
import { inPlace, type Place } from '../policy/targets.ts'
import { Refusal } from '../refusal.ts'
import { Page } from './page.ts'
import { namespaceIn } from './path.ts'
import { type Exchange, reply } from './reply.ts'

/** Tags of a repository, or referrers of a manifest, that are looked at for one page. */
const MOST_LOOKED_AT = 1_000_000
const MOST_REFERRERS = 1000
/** Bytes of a page of referrers, whose annotations may be long: what clients take as a manifest. */
const MOST_BYTES = 4 * 1024 * 1024

export interface TagsPage {
  readonly name: string
  readonly most: number
  readonly after: string | undefined
}

/** The destination's tags that a policy selects, and those on their way there, in their order. */
export async function answerTags(
  exchange: Exchange,
  { name, most, after }: TagsPage,
  places: readonly Place[],
  arriving: (place: Place) => readonly string[],
  ctx: Context,
): Promise<void> {
  const page = new Page<string>({ entries: most, bytes: MOST_BYTES }, after)
  const count = counter('tags', name)
  let exists = false
  for (const place of places) {
    const { to, target } = place
    // Some clients look for tags as soon as they have a manifest.
    for (const tag of arriving(place)) {
      exists = true
      page.add(tag, tag, tag.length)
    }
    try {
      for await (const tag of to.tags(ctx)) {
        exists = true
        count()
        if (isAttachmentTag(tag) || target.selection.tag(tag).kept) page.add(tag, tag, tag.length)
      }
    } catch (error) {
      if (!isNotFound(error)) await inPlace(place, Promise.reject(error), ctx)
    }
  }
  if (!exists) throw new Refusal(404, 'NAME_UNKNOWN', 'nothing of it was pulled yet')
  const headers = {
    'content-type': 'application/json',
    ...linkTo(exchange, `/v2/${name}/tags/list`, page.next, { n: String(most) }),
  }
  reply(exchange, 200, headers, JSON.stringify({ name, tags: page.values }))
}

export interface ReferrersPage {
  readonly name: string
  readonly digest: Digest
  readonly type: string | undefined
  readonly after: string | undefined
}

/** What the destinations say refers to the manifest, as an index, in the order of the digests. */
export async function answerReferrers(
  exchange: Exchange,
  { name, digest, type, after }: ReferrersPage,
  places: readonly Place[],
  ctx: Context,
): Promise<void> {
  const page = new Page<Entry>({ entries: MOST_REFERRERS, bytes: MOST_BYTES }, after)
  const count = counter('referrers', `${name}@${digest}`)
  for (const place of places) {
    const { to } = place
    const subject = await inPlace(place, to.resolve(digest, ctx), ctx)
    if (!subject || !to.referrers) continue
    for await (const { tag, ...referrer } of to.referrers(subject, ctx)) {
      count()
      // One that hangs on a tag is found by that tag.
      if (tag !== undefined || (type !== undefined && referrer.artifactType !== type)) continue
      const entry = entryOf(referrer)
      page.add(referrer.digest, entry, JSON.stringify(entry).length)
    }
  }
  const filtered = type === undefined ? {} : { 'oci-filters-applied': 'artifactType' }
  const query = type === undefined ? {} : { artifactType: type }
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: page.values }
  const link = linkTo(exchange, `/v2/${name}/referrers/${digest}`, page.next, query)
  reply(exchange, 200, { 'content-type': OCI_INDEX, ...filtered, ...link }, JSON.stringify(index))
}

type Entry = Pick<Descriptor, 'mediaType' | 'digest' | 'size' | 'artifactType' | 'annotations'>

function entryOf({ mediaType, digest, size, artifactType, annotations }: Descriptor): Entry {
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  }
}

/** Throws a `Refusal` where there are more than anyone looks through: a list that lacks some would look complete. */
function counter(what: string, of: string): () => void {
  let count = 0
  return () => {
    count += 1
    if (count <= MOST_LOOKED_AT) return
    throw new Refusal(
      503,
      'UNAVAILABLE',
      `${of} has more than ${MOST_LOOKED_AT} ${what}, which the gateway does not list`,
    )
  }
}

/** To the next page, for a client that names its upstream the same way; none on the last page. */
function linkTo(
  { request }: Exchange,
  path: string,
  last: string | undefined,
  query: Readonly<Record<string, string>>,
): { readonly link?: string } {
  if (last === undefined) return {}
  const ns = namespaceIn(request.url ?? '')
  const all = new URLSearchParams({ ...query, last, ...(ns === undefined ? {} : { ns }) })
  return { link: `<${path}?${all}>; rel="next"` }
}
