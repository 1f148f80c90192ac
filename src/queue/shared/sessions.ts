/** Upload sessions that a worker leaves to the next one. A session's location may be a secret: it lives for a day at most, and is never logged. */

import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Checkpoint } from '../../core/content.ts'

/** Seconds that a session is kept: registries themselves drop unfinished uploads after some days at most. */
const DAY = 24 * 60 * 60

const saved = z.object({ state: z.string().max(16_384), offset: z.number().int().nonnegative() })

/** `key` names an upload; its parts (registry, repository, digest) appear in no key of the server. The server may be away: an upload goes on without
 *  being remembered. Only who holds the lease of the blob may use it. */
export function sharedCheckpoint(redis: Redis, prefix: string, upload: readonly string[]): Checkpoint {
  const key = `${prefix}:upload:${createHash('sha256').update(JSON.stringify(upload)).digest('hex')}`
  return {
    async load() {
      const text = await redis.get(key).catch(() => null)
      if (text === null) return undefined
      const known = saved.safeParse(parsed(text))
      return known.success ? known.data.state : undefined
    },
    save(state, offset) {
      redis.set(key, JSON.stringify({ state, offset }), 'EX', DAY).catch(() => {})
    },
    clear() {
      redis.del(key).catch(() => {})
    },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
