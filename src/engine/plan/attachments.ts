/** Tags of the form `sha256-<hex>.<anything>`: those that hang on an image that is taken travel with it, the others are tags of their own. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { ReplicateError } from '../../core/errors.ts'
import { contentsOf, isIndex } from '../../core/manifest.ts'
import { attachmentSubject, cutDigest } from '../../core/reference.ts'
import { type Attachment, type Found, ownTags } from './discover.ts'
import { KEPT_ALL, type Verdict } from './filter.ts'
import type { Comparison } from './outcome.ts'

/** A manifest that the policy takes. */
export interface Taken {
  readonly digest: Digest
  readonly mediaType: string
  /** The destination gets a smaller index instead, on which nothing of the source's hangs. */
  readonly narrowed?: boolean
}

type Surroundings = Pick<Comparison, 'policy' | 'selection' | 'source' | 'explain' | 'memory' | 'destination'>

/** How many indexes of a repository are looked into. */
const MOST_INDEXES = 10_000
/** How many of them are read at once. */
const READ_AT_ONCE = 32

/** The attachments that are to be copied as tags of their own: what they hang on is not taken, in this repository. */
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
  const narrowed = new Set(taken.flatMap((one) => (one.narrowed ? [cutDigest(one.digest)] : [])))
  for (const attachment of attachments) {
    const { tag } = attachment
    const subject = attachmentSubject(tag)
    if (!hangs(attachment)) continue
    if (!policy.referrers) explain({ repository, tag }, { kept: false, rule: 'referrers: false' })
    else if (subject && narrowed.has(subject))
      explain({ repository, tag }, { kept: false, rule: 'platforms_index: narrow' })
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

/** What hangs on an image that is there and left out is left out with it, unless a filter selects the tag itself. */
async function verdictOn(
  { tag, verdict }: Attachment,
  repository: string,
  { policy, source }: Surroundings,
  ctx: Context,
): Promise<Verdict> {
  const { newest } = policy.filters
  if (!verdict.kept) return verdict
  // What the newest of a repository are is about its images.
  if (newest !== undefined) return { kept: false, rule: `newest: ${newest}` }
  const subject = attachmentSubject(tag)
  // Of a longer digest the tag holds only a part.
  if (verdict.rule !== KEPT_ALL.rule || !subject?.startsWith('sha256:')) return verdict
  const store = source.adapter.repository(repository)
  const image = await readable(() => store.resolve(subject, ctx), ctx)
  if (!image) return verdict
  // imgpkg names each image by its own digest.
  const itself = await readable(() => store.resolve(tag, ctx), ctx)
  return itself?.digest === image.digest ? verdict : { kept: false, rule: 'attached to an image that is not selected' }
}

/** What the selected tags of a repository point at, where nothing has compared them. */
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

/** What the indexes among `taken` lead to, each once, as far as that is at hand or the destination tells: no pull of the source is spent. */
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

/** Undefined for what cannot be read. */
async function readable<T>(read: () => Promise<T>, ctx: Context): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof ReplicateError) || ctx.signal.aborted) throw error
    return undefined
  }
}
