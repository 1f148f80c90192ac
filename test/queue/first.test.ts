import { expect, test } from 'vitest'
import { policyBetween } from '../e2e/harness.ts'
import { image } from '../support/images.ts'
import { HAS_REDIS } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { place, redis, worker } from './workplace.ts'

test.skipIf(!HAS_REDIS)('a run gives its tasks to workers', async () => {
  const [queue, from, to] = [await redis(), await registry(), await registry()]
  for (const tag of ['1', '2', '3', '4']) from.add('app', image({ seed: tag }), tag)
  const yaml = `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}" }\n`
  const one = await worker(yaml, { name: 'one' })
  const t0 = performance.now()
  const ran = await place().run(yaml, { workers: true })
  console.log(performance.now() - t0, ran.execution, ran.logs, one.news)
  expect(ran.execution).toMatchObject({ status: 'succeeded', total: 4, succeed: 4 })
  expect([...to.repository('mirror/app').tags.keys()].sort()).toEqual(['1', '2', '3', '4'])
  await one.end()
  console.log(await queue.client.keys('*'))
})
