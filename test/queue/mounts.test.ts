/** Blobs that several repositories of one registry need, where the registry mounts none. */

import { expect, test } from 'vitest'
import { policyBetween } from '../e2e/harness.ts'
import { until } from '../e2e/program.ts'
import { image } from '../support/images.ts'
import { randomBytes } from '../support/random.ts'
import { hasRedis } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { place, redis, worker } from './workplace.ts'

for (const mount of [202, 403] as const) {
  test.skipIf(!hasRedis())(
    `a registry that answers a mount with ${mount} is given a blob for several repositories at once, and asked for it once for each`,
    async () => {
      const size = 300_000
      const free = Promise.withResolvers<void>()
      const sending = new Set<string>()
      const to = await registry({
        mount,
        intercept: async ({ method, url, headers }) => {
          const isUpload = (method === 'PUT' || method === 'PATCH') && url.pathname.includes('/blobs/uploads/')
          if (!isUpload || Number(headers['content-length']) < size) return undefined
          sending.add(url.pathname.replace(/\/blobs\/.*/, ''))
          // The first one is what the others wait for.
          if (sending.size > 1) await free.promise
          return undefined
        },
      })
      const [queue, from] = [await redis(), await registry()]
      const base = [randomBytes(size, 'base')]
      for (let at = 0; at < 12; at += 1) from.add(`app-${at}`, image({ layers: 0, base, seed: at }), 'v1')
      const yaml = `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}" }\n`
      for (const name of ['a', 'b', 'c']) await worker(yaml, { name })
      const { ran } = place().start(yaml, { workers: true })
      await until('several repositories are given the blob', () => sending.size > 4)
      free.resolve()
      expect((await ran).execution).toMatchObject({ status: 'succeeded', succeed: 12, bytes_mounted: 0 })
      const asked = to.requests.filter(({ method, path }) => method === 'HEAD' && path.includes('/blobs/'))
      // Layers and configurations; one that waits looks again.
      expect(asked.length).toBeLessThanOrEqual(3 * 12)
    },
  )
}
