/** The blobs of a verification, as a worker reads them. */

import type { Clock } from '../../core/cancel.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import { readBlob } from '../../engine/verify/reading.ts'
import type { Throttle } from '../../transfer/throttle.ts'
import type { VerificationRecord } from '../protocol.ts'
import type { Doing } from './doing.ts'

/** Registries, opened by the worker's own configuration. */
export interface OpenedPlaces {
  readonly places: readonly Endpoint[]
  release(): Promise<void>
}

export interface BlobTools {
  /** The registries of a verification. Where it wants to hear of requests, they are events of the blobs. */
  readonly openPlaces: (run: VerificationRecord) => Promise<OpenedPlaces>
  /** What its own line may carry. */
  readonly throttles: readonly Throttle[]
  readonly clock: Clock
}

export async function openBlobs(record: VerificationRecord, tools: BlobTools): Promise<Doing> {
  const { places, release } = await tools.openPlaces(record)
  const byName = new Map(places.map((place) => [place.registry.name, place]))
  return {
    async carryOut(given, _hanging, done, ctx) {
      const at = 'at' in given ? given.at : undefined
      const place = byName.get(at?.registry ?? '')
      if (!at || !place) throw new TypeError('not a blob of this verification')
      const store = place.adapter.repository(at.repository)
      const throttles = [...tools.throttles, ...(place.throttle ? [place.throttle] : [])]
      // What its line carries is what the worker's rate is made of.
      const progress = (bytes: number): void => {
        done.bytes_copied += bytes
      }
      await readBlob(store, at.blob, { throttles, clock: tools.clock, progress }, ctx)
    },
    resultOf: () => ({}),
    release,
  }
}
