/** What the tests of what workers share have in common: a real Redis, and what several processes share through it. */

import { Redis } from 'ioredis'
import { afterAll, beforeAll } from 'vitest'
import { createSharing, type Sharing } from '../../../src/queue/shared/sharing.ts'
import { type RealRedis, startRedis } from '../../support/redis.ts'

export interface RealSharing {
  readonly client: Redis
  /** As another process has it. */
  sharing(): Sharing
}

/** For one `describe`, whose tests may use it. Its keys begin with `test`. */
export function realSharing(): RealSharing {
  let server: RealRedis
  let client: Redis
  const made: Sharing[] = []
  beforeAll(async () => {
    server = await startRedis()
    client = new Redis(server.url)
  })
  afterAll(async () => {
    for (const sharing of made) sharing.close()
    client.disconnect()
    await server.stop()
  })
  return {
    get client() {
      return client
    },
    sharing() {
      const sharing = createSharing(client, 'test')
      made.push(sharing)
      return sharing
    },
  }
}
