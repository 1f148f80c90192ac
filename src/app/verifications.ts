/** Verifications: of both sides of a policy, or of one place by itself. They write nothing to any registry. */

import type { Configuration } from '../config/load.ts'
import type { Context } from '../core/context.ts'
import type { Damage, Difference, Soundness, Verification } from '../core/drift.ts'
import { IntegrityError, notBegun } from '../core/errors.ts'
import type { Policy } from '../core/policy.ts'
import type { VerifyOptions } from '../core/requests.ts'
import { type BlobsElsewhere, beginReading, type Reading, type ReadingRequest } from '../engine/verify/reading.ts'
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
    options: Pick<VerifyOptions, 'full' | 'workers'>,
    found: (damage: Damage) => void,
    ctx: Context,
  ): Promise<Soundness>
}

export interface VerificationParts extends Pick<LookingParts, 'connections' | 'guarded' | 'readHistory'> {
  /** What gives blobs to workers, and connections whose limits are those of the workers too; to be released at the end. Throws where the
   *  configuration names no queue, or it cannot be used. */
  readonly elsewhere: (configuration: Configuration, ctx: Context) => Promise<Means & { release(): void }>
}

/** What a verification works by. */
interface Means {
  /** Absent: this process reads all blobs. */
  readonly blobs?: BlobsElsewhere
  readonly connections: Connections
}

export function createVerifications(parts: VerificationParts): Verifications {
  const { guarded, readHistory } = parts

  async function by<T>(
    { workers }: Pick<VerifyOptions, 'workers'>,
    configuration: Configuration,
    ctx: Context,
    work: (means: Means) => Promise<T>,
  ): Promise<T> {
    if (!workers) return work({ connections: parts.connections })
    const { release, ...means } = await parts.elsewhere(configuration, ctx)
    return await work(means).finally(release)
  }

  return {
    async verify(policy, configuration, options, found, outer) {
      const { filter, full, workers: _, ...rest } = options
      const ctx = guarded(outer)
      const records = await planRecords(policy, readHistory)
      try {
        return await by(options, configuration, ctx, async ({ blobs, connections }) => {
          const { source, images, routes } = await openSides(policy, configuration, connections)
          const places = [...new Set(routes.map(({ destination }) => destination))]
          const about: ReadingRequest = { name: policy.name, places, side: 'destination' }
          return readingBy(full ? { about, blobs } : undefined, ctx, async (reading) => {
            const results: Verification[] = []
            for (const route of routes) {
              results.push(
                await verify({ ...route, source, images, ...rest, reading, narrow: filter, records }, found, ctx),
              )
            }
            return mergeVerifications(results)
          })
        })
      } catch (error) {
        throw notBegun(error)
      } finally {
        records?.close()
      }
    },
    async verifyAlone(policy, configuration, options, found, outer) {
      const { verifyAlone } = await import('../engine/verify/alone.ts')
      const ctx = guarded(outer)
      try {
        return await by(options, configuration, ctx, async ({ blobs, connections }) => {
          const source = await connections.open(configuration.registryOf(policy.source.registry))
          const { name, path } = source.registry
          const isFull = options.full || path !== undefined
          const about: ReadingRequest = { name, places: [source], side: undefined }
          return readingBy(isFull ? { about, blobs } : undefined, ctx, (reading) =>
            verifyAlone({ policy, source, reading }, found, ctx),
          )
        })
      } catch (error) {
        // A file that is cut off is what was looked for.
        throw error instanceof IntegrityError ? error : notBegun(error)
      }
    },
  }
}

/** `full`: what every blob is read by; absent: none is read. */
async function readingBy<T>(
  full: { readonly about: ReadingRequest; readonly blobs: BlobsElsewhere | undefined } | undefined,
  ctx: Context,
  work: (reading: Reading | undefined) => Promise<T>,
): Promise<T> {
  if (!full) return work(undefined)
  const reading = await beginReading(full.about, full.blobs, ctx)
  try {
    return await work(reading)
  } finally {
    await reading.end()
  }
}
