/** Reads blobs to their end and compares them with their digests: in this process, or on other machines. */

import { type Clock, systemClock } from '../../core/cancel.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor } from '../../core/descriptor.ts'
import type { Registry } from '../../core/registry.ts'
import { resumable, streamRetry } from '../../transfer/resumable.ts'
import { Slots } from '../../transfer/slots.ts'
import { BlobHash } from '../../transfer/stream.ts'
import type { Throttle } from '../../transfer/throttle.ts'
import type { Endpoint } from '../endpoint.ts'

/** A blob, and the repository that has it. */
export interface BlobAt {
  /** By its name. */
  readonly registry: string
  readonly repository: string
  readonly blob: Descriptor
}

/** Throws an `IntegrityError` where the bytes are not the blob, and whatever its store throws. */
export type ReadBlob = (at: BlobAt, ctx: Context) => Promise<void>

/** What a verification reads blobs by. */
export interface Reading {
  readonly read: ReadBlob
  /** How many artifacts of a repository are inspected at once, so that there is enough to read. */
  readonly artifactsAtOnce: number
  end(): Promise<void>
}

/** A verification that reads every blob. */
export interface ReadingRequest {
  /** What is verified: a policy, or a registry. */
  readonly name: string
  /** The registries whose blobs are read. */
  readonly places: readonly Endpoint[]
  /** What failures say of those registries; absent: they are on no side. */
  readonly side: 'destination' | undefined
}

export interface ReadingElsewhere {
  readonly name: string
  readonly registries: readonly Registry[]
  readonly side: 'destination' | undefined
  /** For what the other machines may not read, and this process may. */
  readonly local: ReadBlob
}

/** Other machines that read blobs. */
export interface BlobsElsewhere {
  /** Ready to be given blobs. To be ended. */
  begin(reading: ReadingElsewhere, ctx: Context): Promise<Omit<Reading, 'artifactsAtOnce'>>
}

/** Blobs read at once in this process. */
const BLOBS_AT_ONCE = 8

/** Artifacts of a repository that are inspected at once, by this process alone and with others. */
export const ARTIFACTS_AT_ONCE = 16
const ARTIFACTS_ELSEWHERE = 64

/** Without other machines this process reads all; with them what only it has: blobs in local paths, and of stores that make their manifests,
 *  which only the store that made a manifest knows. */
export async function beginReading(
  { name, places, side }: ReadingRequest,
  elsewhere: BlobsElsewhere | undefined,
  ctx: Context,
): Promise<Reading> {
  const byName = new Map(places.map((place) => [place.registry.name, place]))
  const placeOf = (registry: string): Endpoint => {
    const place = byName.get(registry)
    if (!place) throw new TypeError(`no registry ${registry}`)
    return place
  }
  const slots = new Slots(BLOBS_AT_ONCE)
  const local: ReadBlob = ({ registry, repository, blob }, context) => {
    const { adapter, throttle } = placeOf(registry)
    const how = { throttles: throttle ? [throttle] : [], clock: systemClock }
    return slots.use(blob, context.signal, () => readBlob(adapter.repository(repository), blob, how, context))
  }
  const isOnlyHere = ({ registry, repository }: BlobAt): boolean => {
    const { adapter, registry: place } = placeOf(registry)
    return place.path !== undefined || adapter.repository(repository).nameOf !== undefined
  }
  const registries = places.map(({ registry }) => registry).filter(({ path }) => path === undefined)
  if (!elsewhere || registries.length === 0) {
    return { read: local, artifactsAtOnce: ARTIFACTS_AT_ONCE, end: async () => {} }
  }
  const others = await elsewhere.begin({ name, registries, side, local }, ctx)
  return {
    read: (at, context) => (isOnlyHere(at) ? local : others.read)(at, context),
    artifactsAtOnce: ARTIFACTS_ELSEWHERE,
    end: others.end,
  }
}

export interface HowToRead {
  readonly throttles: readonly Throttle[]
  readonly clock: Clock
  /** Told the bytes that have come. */
  readonly progress?: (bytes: number) => void
}

/** Throws an `IntegrityError` where the bytes are not the blob. */
export async function readBlob(
  store: ContentStore,
  blob: Descriptor,
  { throttles, clock, progress }: HowToRead,
  ctx: Context,
): Promise<void> {
  const hash = new BlobHash(blob)
  let position = 0
  const open = (offset: number) => store.readBlob(blob, offset, ctx)
  for await (const chunk of resumable(open, 0, blob.size, streamRetry(clock, { ...ctx, emit: () => {} }))) {
    for (const throttle of throttles) await throttle.take(chunk.byteLength, ctx.signal)
    hash.update(chunk, position)
    position += chunk.byteLength
    progress?.(chunk.byteLength)
    if (position > blob.size) break
  }
  await hash.check(position)
}
