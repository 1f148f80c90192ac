/** Blobs that several workers need: one brings each to a registry, the others wait and find it there, or mount it from where it went. */

import type { Redis } from 'ioredis'
import type { Others, WantedBlob } from '../../core/others.ts'
import type { Permits } from './permits.ts'

/** Milliseconds that homes are remembered after the last one was told: longer than any pause between two blobs of a run. */
const KEPT = 24 * 60 * 60_000
/** Homes of one execution: about 15 MB of the server's memory. What is beyond is asked for at the registry. */
const MOST_HOMES = 100_000

/** The latest home takes the place of one that may be gone. */
const REMEMBER = `
for at = 2, #ARGV do
  if redis.call('HLEN', KEYS[1]) < ${MOST_HOMES} or redis.call('HEXISTS', KEYS[1], ARGV[at]) == 1 then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[1])
  end
end
redis.call('PEXPIRE', KEYS[1], ${KEPT})`

/** `execution` names the run among all that use the server. */
export function shareBlobs(redis: Redis, permits: Permits, prefix: string, execution: string): Others {
  const homes = `${prefix}:homes:${execution}`
  // Whatever execution it is of: the bytes are the same.
  const lease = (wanted: WantedBlob): string => `${prefix}:blob:${fieldOf(wanted)}`
  const homeOf = async (wanted: WantedBlob): Promise<string | undefined> => {
    const home = await redis.hget(homes, fieldOf(wanted)).catch(() => null)
    return home ?? undefined
  }
  return {
    homeOf,
    async bring(wanted, known, ctx, work) {
      const taking = permits.takeNow(lease(wanted), 1, ctx.signal)
      // Answered after the lease was given: commands of one connection keep their order.
      const [permit, home] = await Promise.all([taking, homeOf(wanted)])
      if (!permit) return false
      try {
        if (home !== undefined && home !== known) return false
        await work({ ...ctx, signal: AbortSignal.any([ctx.signal, permit.lost]) })
        const fields = new Set([fieldOf(wanted), fieldOf({ ...wanted, alone: false })])
        await redis.eval(REMEMBER, 1, homes, wanted.repository, ...fields).catch(() => {})
        return true
      } finally {
        permit.release()
      }
    },
    ended: (wanted, ctx) => permits.free(lease(wanted), 1, ctx.signal),
  }
}

function fieldOf({ blob, registry, repository, alone }: WantedBlob): string {
  return alone ? `${registry} ${repository} ${blob.digest}` : `${registry} ${blob.digest}`
}
