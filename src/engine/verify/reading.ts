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
  /** What this process reads itself: blobs in local paths. */
  readonly local: ReadBlob
}

/** Other machines that read blobs. */
export interface BlobsElsewhere {
  /** Ready to be given blobs. To be ended. */
  begin(reading: ReadingElsewhere, ctx: Context): Promise<Reading>
}

/** Blobs read at once in this process. */
const BLOBS_AT_ONCE = 8

/** Without other machines this process reads all. */
export async function beginReading(
  { name, places, side }: ReadingRequest,
  elsewhere: BlobsElsewhere | undefined,
  ctx: Context,
): Promise<Reading> {
  const local = readHere(places)
  const registries = places.map(({ registry }) => registry)
  return elsewhere?.begin({ name, registries, side, local }, ctx) ?? { read: local, end: async () => {} }
}

function readHere(places: readonly Endpoint[]): ReadBlob {
  const slots = new Slots(BLOBS_AT_ONCE)
  const byName = new Map(places.map((place) => [place.registry.name, place]))
  return ({ registry, repository, blob }, ctx) => {
    const place = byName.get(registry)
    if (!place) throw new TypeError(`no registry ${registry}`)
    const how = { throttles: place.throttle ? [place.throttle] : [], clock: systemClock }
    return slots.use(blob, ctx.signal, () => readBlob(place.adapter.repository(repository), blob, how, ctx))
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
