/** The workers that are there: each writes its presence again and again, and what is not written any more expires. */

import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'
import { type Presence, presence, readAs } from './protocol.ts'

/** Beyond so many they are not listed, nor asked. */
const MOST_WORKERS = 1000

/** In the order in which they came. */
export async function presentWorkers(client: Redis, keys: Keys): Promise<readonly Presence[]> {
  const ids = await client.zrange(keys.workers, 0, String(MOST_WORKERS - 1))
  if (ids.length === 0) return []
  const texts = await client.mget(ids.map(keys.worker))
  const gone = ids.filter((_, at) => texts[at] === null)
  // One that only seemed gone comes back with its next sign of life.
  if (gone.length > 0) await client.zrem(keys.workers, ...gone)
  return texts.map((text) => readAs(presence, text)).filter((one) => one !== undefined)
}

/** By the clock of Redis, in milliseconds since 1970: those of the machines may be wrong. */
export async function redisTime(client: Redis): Promise<number> {
  const [seconds = 0, microseconds = 0] = (await client.time()).map(Number)
  return seconds * 1000 + Math.floor(microseconds / 1000)
}
