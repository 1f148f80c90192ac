/** Sorts a repository's tags, oldest first. */

import type { TagInfo } from '../../core/adapter.ts'
import { mapConcurrent } from '../../core/concurrent.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor } from '../../core/descriptor.ts'
import { describeError, IntegrityError, ReplicateError } from '../../core/errors.ts'
import { parseJson } from '../../core/foreign.ts'
import { contentsOf, isIndex } from '../../core/manifest.ts'
import { plausible, timeFrom } from '../../core/time.ts'
import { BlobHash } from '../../transfer/stream.ts'
import { compareTags, versionOf } from './versions.ts'

export interface OrderRequest {
  readonly repository: string
  readonly tags: readonly string[]
  /** What the listing said of them. */
  readonly infos: ReadonlyMap<string, Pick<TagInfo, 'pushed' | 'created'>>
  /** Read creation times from the images if the listing has none. */
  readonly look: boolean
}

/** Tags looked at at once; the host's own limits decide how many requests that is. */
const LOOKED_AT_ONCE = 32

/** Oldest first: by version where all are versions, else by time as far as times are known. */
export async function sortTags(request: OrderRequest, store: ContentStore, ctx: Context): Promise<readonly string[]> {
  const { tags } = request
  if (tags.length < 2 || tags.every((tag) => versionOf(tag))) return tags.toSorted(compareTags)
  const times = new Map<string, number>()
  for await (const [tag, time] of mapConcurrent(tags, LOOKED_AT_ONCE, async (tag) => {
    return [tag, await timeOf(tag, request, store, ctx)] as const
  })) {
    if (time) times.set(tag, time.getTime())
  }
  return tags.toSorted((a, b) => (times.get(a) ?? 0) - (times.get(b) ?? 0) || compareTags(a, b))
}

/** Undefined if the time is unknown. Never throws for one tag, so that an unreadable tag does not block the others. */
async function timeOf(
  tag: string,
  { repository, infos, look }: OrderRequest,
  store: ContentStore,
  ctx: Context,
): Promise<Date | undefined> {
  const info = infos.get(tag)
  const told = plausible(info?.pushed) ?? plausible(info?.created)
  if (told || !look) return told
  const doubt = (why: string): undefined => {
    const text = `the time of ${repository}:${tag} is unknown, it counts as oldest: ${why}`
    ctx.emit({ type: 'log', level: 'warning', text })
  }
  try {
    return (await createdAt(tag, store, MAX_DEPTH, ctx)) ?? doubt('neither the registry nor the image tells one')
  } catch (error) {
    if (!(error instanceof ReplicateError) || ctx.signal.aborted) throw error
    return doubt(describeError(error))
  }
}

/** How deeply indexes may be nested. */
const MAX_DEPTH = 8
/** The largest config that is read for its time, in bytes. */
const MAX_CONFIG_SIZE = 4 * 1024 * 1024

/** When an image says it was made: its annotation, else its config's `created`; of an index, its first child's. */
async function createdAt(
  reference: string,
  store: ContentStore,
  depth: number,
  ctx: Context,
): Promise<Date | undefined> {
  const manifest = await store.readManifest(reference, ctx)
  const { annotations, manifests, config } = contentsOf(manifest)
  const annotated = timeFrom(annotations?.['org.opencontainers.image.created'])
  if (annotated) return annotated
  const child = manifests[0]
  if (isIndex(manifest.mediaType)) {
    return child && depth > 0 ? createdAt(child.digest, store, depth - 1, ctx) : undefined
  }
  if (!config || config.size > MAX_CONFIG_SIZE) return undefined
  const bytes = await readConfig(config, store, ctx)
  try {
    const json = parseJson(bytes)
    return timeFrom((json as { created?: unknown } | null)?.created)
  } catch {
    return undefined
  }
}

/** Reads at most the size that the manifest states, and checks the digest. */
async function readConfig(config: Descriptor, store: ContentStore, ctx: Context): Promise<Buffer> {
  const hash = new BlobHash(config)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of await store.readBlob(config, 0, ctx)) {
    hash.update(chunk, size)
    size += chunk.byteLength
    if (size > config.size) throw new IntegrityError(`config ${config.digest} has more than its ${config.size} bytes`)
    chunks.push(Buffer.from(chunk))
  }
  await hash.check(size)
  return Buffer.concat(chunks)
}
