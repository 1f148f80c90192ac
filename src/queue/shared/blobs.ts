/** Blobs that several workers need: one brings each to a registry, the others wait and find it there, or mount it from where it went. */

import type { Redis } from 'ioredis'
import type { Descriptor } from '../../core/descriptor.ts'
import type { Others } from '../../core/others.ts'
import type { Permits } from './permits.ts'

/** Milliseconds that homes are remembered after the last one was told: longer than any pause between two blobs of a run. */
const KEPT = 24 * 60 * 60_000
/** Homes of one execution: about 15 MB of the server's memory. What is beyond is asked for at the registry. */
const MOST_HOMES = 100_000

const REMEMBER = `
if redis.call('HLEN', KEYS[1]) < ${MOST_HOMES} then redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ${KEPT})`

/** `execution` names the run among all that use the server. */
export function shareBlobs(redis: Redis, permits: Permits, prefix: string, execution: string): Others {
  const homes = `${prefix}:homes:${execution}`
  // Whatever execution it is of: the bytes are the same.
  const lease = (blob: Descriptor, registry: string): string => `${prefix}:blob:${registry} ${blob.digest}`
  const homeOf = async (blob: Descriptor, registry: string): Promise<string | undefined> => {
    const home = await redis.hget(homes, `${registry} ${blob.digest}`).catch(() => null)
    return home ?? undefined
  }
  return {
    homeOf,
    async bring(blob, { registry, repository }, known, ctx, work) {
      const permit = await permits.takeNow(lease(blob, registry), 1, ctx.signal)
      if (!permit) return false
      try {
        const home = await homeOf(blob, registry)
        if (home !== undefined && home !== known) return false
        await work({ ...ctx, signal: AbortSignal.any([ctx.signal, permit.lost]) })
        await redis.eval(REMEMBER, 1, homes, `${registry} ${blob.digest}`, repository).catch(() => {})
        return true
      } finally {
        permit.release()
      }
    },
    ended: (blob, registry, ctx) => permits.free(lease(blob, registry), 1, ctx.signal),
  }
}
