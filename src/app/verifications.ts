/** Verifications: of both sides of a policy, or of one place by itself. They write nothing to any registry. */

import type { Configuration } from '../config/load.ts'
import type { Context } from '../core/context.ts'
import type { Damage, Difference, Soundness, Verification } from '../core/drift.ts'
import { IntegrityError, notBegun } from '../core/errors.ts'
import type { Policy } from '../core/policy.ts'
import type { VerifyOptions } from '../core/requests.ts'
import { type BlobsElsewhere, beginReading, type ReadBlob, type ReadingRequest } from '../engine/verify/reading.ts'
import { mergeVerifications, verify } from '../engine/verify/verify.ts'
import type { Connections } from './connections.ts'
import { type LookingParts, planRecords } from './looking.ts'
import { openSides } from './sides.ts'

/** What fails before anything was compared ends with the status of a run that never began. */
export interface Verifications {
  /** Compares both sides down to the last blob and writes nothing; `found` is called with each difference at once. */
  verify(
    policy: Policy,
    configuration: Configuration,
    options: VerifyOptions,
    found: (difference: Difference) => void,
    ctx: Context,
  ): Promise<Verification>
  /** Checks the content of the policy's source by itself; `full`: every blob is read and hashed, as always in directories and files. */
  verifyAlone(
    policy: Policy,
    configuration: Configuration,
    options: { readonly full: boolean; readonly workers?: boolean | undefined },
    found: (damage: Damage) => void,
    ctx: Context,
  ): Promise<Soundness>
}

export interface VerificationParts extends Pick<LookingParts, 'connections' | 'guarded' | 'readHistory'> {
  /** What gives blobs to workers, and connections whose limits are those of the workers too. Throws where the configuration names no queue, or
   *  it cannot be used. */
  readonly elsewhere: (
    configuration: Configuration,
    ctx: Context,
  ) => Promise<{ readonly blobs: BlobsElsewhere; readonly connections: Connections }>
}

export function createVerifications(parts: VerificationParts): Verifications {
  const { connections, guarded, readHistory } = parts

  /** Of a verification: without workers this process reads. */
  const workersOf = (isElsewhere: boolean | undefined, configuration: Configuration, ctx: Context) =>
    isElsewhere ? parts.elsewhere(configuration, ctx) : { blobs: undefined, connections }

  return {
    async verify(policy, configuration, { filter, full, workers, ...rest }, found, ctx) {
      const records = await planRecords(policy, readHistory)
      try {
        const { blobs, connections: own } = await workersOf(workers, configuration, ctx)
        const { source, images, routes } = await openSides(policy, configuration, own)
        const places = [...new Set(routes.map(({ destination }) => destination))]
        const about: ReadingRequest = { name: policy.name, places, side: 'destination' }
        return await reading(full ? { about, blobs } : undefined, guarded(ctx), async (read) => {
          const results: Verification[] = []
          for (const route of routes) {
            const one = { ...route, source, images, ...rest, read, narrow: filter, records }
            results.push(await verify(one, found, guarded(ctx)))
          }
          return mergeVerifications(results)
        })
      } catch (error) {
        throw notBegun(error)
      } finally {
        records?.close()
      }
    },
    async verifyAlone(policy, configuration, { full, workers }, found, ctx) {
      const { verifyAlone } = await import('../engine/verify/alone.ts')
      try {
        const { blobs, connections: own } = await workersOf(workers, configuration, ctx)
        const source = await own.open(configuration.registryOf(policy.source.registry))
        const { name, path } = source.registry
        const isFull = full || path !== undefined
        const about: ReadingRequest = { name, places: [source], side: undefined }
        return await reading(isFull ? { about, blobs } : undefined, guarded(ctx), (read) =>
          verifyAlone({ policy, source, read }, found, guarded(ctx)),
        )
      } catch (error) {
        // A file that is cut off is what was looked for.
        throw error instanceof IntegrityError ? error : notBegun(error)
      }
    },
  }
}

/** `full`: what every blob is read by; absent: none is read. */
async function reading<T>(
  full: { readonly about: ReadingRequest; readonly blobs: BlobsElsewhere | undefined } | undefined,
  ctx: Context,
  work: (read: ReadBlob | undefined) => Promise<T>,
): Promise<T> {
  if (!full) return work(undefined)
  const { read, end } = await beginReading(full.about, full.blobs, ctx)
  try {
    return await work(read)
  } finally {
    await end()
  }
}
