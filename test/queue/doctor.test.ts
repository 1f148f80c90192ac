/** What `replicate doctor` says of a queue and its workers. */

import { expect, test } from 'vitest'
import { program } from '../e2e/program.ts'
import { hasRedis } from '../support/redis.ts'
import { redis, worker } from './workplace.ts'

test.skipIf(!hasRedis())('doctor says whether the queue answers, and how many workers are there', async () => {
  const queue = await redis()
  const yaml = `registries: {}\nworkers: { queue: "${queue.url}", name: mirror }\n`
  const here = program()
  const config = here.write('config.yaml', yaml)
  const said = async () => await here.run(['doctor', '--config', config])
  const alone = await said()
  expect(alone.stdout).toMatch(
    /^! workers +none takes tasks from redis:.* \(name mirror\)\n +start one: replicate worker$/m,
  )
  expect(alone.code).toBe(0)
  await worker(yaml)
  expect((await said()).stdout).toMatch(/^✓ workers +1 worker takes tasks from redis:/m)
  await queue.kill()
  const lost = await said()
  expect(lost.stdout).toMatch(/^✗ workers +the queue at redis:.* cannot be used: .*ECONNREFUSED/m)
  expect(lost.code).toBe(1)
})
