/** The workers that are there: each writes its presence again and again, and what is not written any more expires. */

import type { Redis } from 'ioredis'
import { NetworkError } from '../core/errors.ts'
import type { ShownWorker } from '../core/worker.ts'
import type { Keys } from './keys.ts'
import { type Presence, presence, readAs } from './protocol.ts'
import type { QueueServer } from './server.ts'

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

/** As they are shown. Throws where the server does not answer before the signal is aborted. */
export async function shownWorkers(server: QueueServer, signal: AbortSignal): Promise<readonly ShownWorker[]> {
  const { client, keys, settings } = server
  const late = Promise.withResolvers<never>()
  const onAbort = (): void => late.reject(new NetworkError(`the queue at ${settings.shown} does not answer`))
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const present = await Promise.race([presentWorkers(client, keys), late.promise])
    return present.map(({ id: _, format: __, runs: ___, ...shown }) => shown)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** By the clock of Redis, in milliseconds since 1970: those of the machines may be wrong. */
export async function redisTime(client: Redis): Promise<number> {
  const [seconds = 0, microseconds = 0] = (await client.time()).map(Number)
  return seconds * 1000 + Math.floor(microseconds / 1000)
}
