import { expect, test } from 'vitest'
import { policyBetween } from '../e2e/harness.ts'
import { image } from '../support/images.ts'
import { hasRedis } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { place, redis, worker } from './workplace.ts'

test.skipIf(!hasRedis())('a run gives its tasks to workers, and leaves nothing in Redis', async () => {
  const [queue, from, to] = [await redis(), await registry(), await registry()]
  for (const tag of ['1', '2', '3', '4']) from.add('app', image({ seed: tag }), tag)
  const yaml = `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}" }\n`
  const [one, two] = [await worker(yaml, { name: 'one' }), await worker(yaml, { name: 'two' })]
  const ran = await place().run(yaml, { workers: true })
  expect(ran.execution).toMatchObject({ status: 'succeeded', total: 4, succeed: 4 })
  expect([...to.repository('mirror/app').tags.keys()].sort()).toEqual(['1', '2', '3', '4'])
  const done = [...one.news, ...two.news].filter(({ type }) => type === 'task')
  expect(done).toHaveLength(4)
  await Promise.all([one.end(), two.end()])
  expect(await queue.client.keys('*')).toEqual([])
})
