/** Tags of the form `sha256-<hex>.<anything>`: attachments of a selected image are copied with that image, all others are ordinary tags. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { ReplicateError } from '../../core/errors.ts'
import { contentsOf, isIndex } from '../../core/manifest.ts'
import { attachmentSubject, cutDigest } from '../../core/reference.ts'
import { type Attachment, type Found, ownTags } from './discover.ts'
import { KEPT_ALL, type Verdict } from './filter.ts'
import type { Comparison } from './outcome.ts'

/** A manifest that the policy copies. */
export interface Taken {
  readonly digest: Digest
  readonly mediaType: string
  /** True where the destination has another digest, of a smaller index or of the same chart in another manifest, so that the source's attachments do
   *  not belong to it. */
  readonly narrowed?: boolean
}

type Surroundings = Pick<Comparison, 'policy' | 'selection' | 'source' | 'explain' | 'memory' | 'destination'>

/** How many indexes of one repository are read at most. */
const MOST_INDEXES = 10_000
/** How many of them are read at once. */
const READ_AT_ONCE = 32

/** The attachments that are copied as ordinary tags: their subject is not among what is copied from this repository. */
export async function attachmentsOfTheirOwn(
  attachments: readonly Attachment[],
  taken: readonly Taken[],
  repository: string,
  mapped: string,
  comparison: Surroundings,
  ctx: Context,
): Promise<readonly string[]> {
  const { policy, explain } = comparison
  const subjects = new Set(taken.map(({ digest }) => cutDigest(digest)))
  const hangs = ({ tag }: Attachment): boolean => subjects.has(attachmentSubject(tag) ?? ':')
  if (!attachments.every(hangs)) {
    for (const digest of await childrenOf(taken, repository, mapped, comparison, ctx)) subjects.add(cutDigest(digest))
  }
  const narrowed = new Map(
    taken.flatMap((one) => (one.narrowed ? [[cutDigest(one.digest), ruleOf(one)] as const] : [])),
  )
  for (const attachment of attachments) {
    const { tag } = attachment
    const subject = attachmentSubject(tag)
    if (!hangs(attachment)) continue
    if (!policy.referrers) explain({ repository, tag }, { kept: false, rule: 'referrers: false' })
    else if (subject && narrowed.has(subject))
      explain({ repository, tag }, { kept: false, rule: narrowed.get(subject) ?? '' })
    else explain({ repository, tag }, { kept: true, rule: 'attached to an image that is selected, travels with it' })
  }
  const own: Attachment[] = []
  for await (const attachment of mapConcurrent(
    attachments.filter((one) => !hangs(one)),
    READ_AT_ONCE,
    async (one) => ({ ...one, verdict: await verdictOn(one, repository, comparison, ctx) }),
  )) {
    own.push(attachment)
  }
  return ownTags(repository, own, explain)
}

function ruleOf({ mediaType }: Taken): string {
  return isIndex(mediaType) ? 'platforms_index: narrow' : 'the destination has the same chart in another manifest'
}

/** An attachment of an image that exists but is not selected is left out too, unless a filter selects the attachment's own tag. */
async function verdictOn(
  { tag, verdict }: Attachment,
  repository: string,
  { policy, source }: Surroundings,
  ctx: Context,
): Promise<Verdict> {
  const { newest } = policy.filters
  if (!verdict.kept) return verdict
  // `newest` counts images, not their attachments.
  if (newest !== undefined) return { kept: false, rule: `newest: ${newest}` }
  const subject = attachmentSubject(tag)
  // A tag holds only the beginning of a sha512 digest, which cannot be asked for.
  if (verdict.rule !== KEPT_ALL.rule || !subject?.startsWith('sha256:')) return verdict
  const store = source.adapter.repository(repository)
  const image = await readable(() => store.resolve(subject, ctx), ctx)
  if (!image) return verdict
  // imgpkg tags each image with that image's own digest.
  const itself = await readable(() => store.resolve(tag, ctx), ctx)
  return itself?.digest === image.digest ? verdict : { kept: false, rule: 'attached to an image that is not selected' }
}

/** Resolves the selected tags, for callers that have not compared them. */
export async function takenIn(
  { tags, infos }: Pick<Found, 'tags' | 'infos'>,
  repository: string,
  { selection, source }: Surroundings,
  ctx: Context,
): Promise<readonly Taken[]> {
  const store = source.adapter.repository(repository)
  const taken: Taken[] = []
  for await (const found of mapConcurrent(tags, READ_AT_ONCE, (tag) => {
    const reference = selection.pinned.get(tag) ?? infos.get(tag)?.digest ?? tag
    return readable(() => store.resolve(reference, ctx), ctx)
  })) {
    if (found) taken.push(found)
  }
  return taken
}

/** The digests of all descendants of the indexes in `taken`. Indexes are read from memory or from the destination, never from the source,
 *  so that no pull is spent; an index that neither has contributes nothing. */
async function childrenOf(
  taken: readonly Taken[],
  repository: string,
  mapped: string,
  { memory, destination }: Surroundings,
  ctx: Context,
): Promise<ReadonlySet<Digest>> {
  const there = destination.adapter.repository(mapped)
  const children = new Set<Digest>()
  const seen = new Set<Digest>()
  const fresh = (all: readonly Taken[]): readonly Digest[] => {
    const indexes = all.filter(({ digest, mediaType }) => isIndex(mediaType) && !seen.has(digest))
    return [...new Set(indexes.map(({ digest }) => digest))].slice(0, MOST_INDEXES - seen.size)
  }
  for (let level = fresh(taken); level.length > 0; ) {
    const below: Taken[] = []
    for await (const manifest of mapConcurrent(level, READ_AT_ONCE, async (digest) => {
      seen.add(digest)
      return memory.peek(repository, digest) ?? readable(() => there.readManifest(digest, ctx), ctx)
    })) {
      for (const child of manifest ? contentsOf(manifest).manifests : []) {
        children.add(child.digest)
        below.push(child)
      }
    }
    level = fresh(below)
  }
  return children
}

/** Undefined where reading fails. */
async function readable<T>(read: () => Promise<T>, ctx: Context): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof ReplicateError) || ctx.signal.aborted) throw error
    return undefined
  }
}
