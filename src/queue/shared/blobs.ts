/** Blobs that several workers need: one brings each to a registry, the others wait and find it there, or mount it from where it went. */

import type { Redis } from 'ioredis'
import type { Others } from '../../transfer/job.ts'
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
  return {
    async alone(blob, { registry, repository }, ctx, waiting, bring) {
      // Whatever execution it is of: the bytes are the same.
      const permit = await permits.take(`${prefix}:blob:${registry} ${blob.digest}`, 1, ctx.signal, waiting)
      try {
        const field = `${registry} ${blob.digest}`
        const home = await redis.hget(homes, field).catch(() => null)
        const signal = AbortSignal.any([ctx.signal, permit.lost])
        await bring({ ...ctx, signal }, { waited: permit.waited, ...(home === null ? {} : { home }) })
        await redis.eval(REMEMBER, 1, homes, field, repository).catch(() => {})
      } finally {
        permit.release()
      }
    },
  }
}
