/** Gives the blobs of one verification to workers, which read them. */

import { abortReason } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { CancelledError, CredentialError } from '../../core/errors.ts'
import type { BlobsElsewhere, ReadingElsewhere } from '../../engine/verify/reading.ts'
import { fromWire } from '../errors.ts'
import { atMost } from '../patience.ts'
import { Given } from './given.ts'
import { createInform } from './inform.ts'
import { type CoordinatorTools, openRun } from './open.ts'
import { ofVerification } from './record.ts'

export function createBlobsElsewhere(tools: CoordinatorTools): BlobsElsewhere {
  return { begin: (reading, ctx) => beginVerification(reading, tools, ctx) }
}

/** In milliseconds: workers that are told to stop have nothing to say of it, and need a moment to hear it. */
const LAST_WORDS = 2000

async function beginVerification(
  reading: ReadingElsewhere,
  tools: CoordinatorTools,
  outer: Context,
): ReturnType<BlobsElsewhere['begin']> {
  const stop = new AbortController()
  const ctx = { ...outer, signal: AbortSignal.any([outer.signal, stop.signal]) }
  const own = ofVerification(reading)
  const words = { refuses: 'reads no blobs of this verification', can: 'can read the blobs' }
  const about = { name: 'verification', own, registries: reading.registries, words, lastWords: LAST_WORDS }
  const run = await openRun(about, tools, ctx)
  const inform = createInform('this process reads such blobs itself', ctx)
  const given = new Set<Promise<unknown>>()
  let number = 0
  return {
    async read({ registry, repository, blob: { mediaType, digest, size } }, context) {
      number += 1
      const at = { registry, repository, blob: { mediaType, digest, size } }
      const done = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }
      const giving = run.jobs.give(new Given(number, { at }, false, done, context))
      given.add(giving)
      const { worker, error: wire } = await giving.finally(() => given.delete(giving))
      if (!wire) return
      if (ctx.signal.aborted) throw abortReason(ctx.signal)
      const error = fromWire(wire)
      // What this process may read its workers may not.
      if (!(error instanceof CredentialError)) throw error
      inform(worker, error)
      await reading.local(at, context)
    },
    async end() {
      // Where something else has failed, blobs that were given away are not wanted any more.
      if (given.size > 0) {
        stop.abort(new CancelledError('the verification has ended', 1))
        await atMost(LAST_WORDS, () => Promise.allSettled(given))
      }
      await run.end()
    },
  }
}
