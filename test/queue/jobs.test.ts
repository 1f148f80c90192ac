/** Jobs that the queue's server refuses at the moment, on a real Redis. */

import { Queue } from 'bullmq'
import { expect, onTestFinished, test } from 'vitest'
import { CancelledError } from '../../src/core/errors.ts'
import { Given } from '../../src/queue/coordinator/given.ts'
import { createJobs } from '../../src/queue/coordinator/jobs.ts'
import type { JobData } from '../../src/queue/protocol.ts'
import { hasRedis } from '../support/redis.ts'
import { redis } from './workplace.ts'

const ctx = { signal: new AbortController().signal, emit() {} }

test.skipIf(!hasRedis())('tasks that a full server did not take are given away once it has room', async () => {
  const { client } = await redis()
  const queue = new Queue<JobData>('full', { connection: client, skipVersionCheck: true })
  onTestFinished(() => queue.close())
  await queue.waitUntilReady()
  const roster = { joined: 0, capacity: 0, absence: undefined, hopeless: undefined, look: async () => {}, refused() {} }
  const jobs = createJobs({ queue, roster, ctx, tell() {} })
  const task = {
    action: 'copy',
    resource_type: 'image',
    source: { registry: 'from', repository: 'app', tag: 'v1' },
    destination: { registry: 'to', repository: 'app', tag: 'v1' },
  } as const
  const done = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }
  const refusals = async (): Promise<number> =>
    Number(/errorstat_OOM:count=(\d+)/.exec(await client.info('errorstats'))?.[1] ?? 0)

  await client.config('SET', 'maxmemory', '1')
  const giving = jobs.give(new Given(1, { task }, false, done, ctx))
  let isOver = false
  giving.catch(() => {
    isOver = true
  })
  await expect.poll(refusals, { timeout: 60_000 }).toBeGreaterThan(0)
  await client.config('SET', 'maxmemory', '0')
  await expect
    .poll(
      async () => {
        jobs.fill()
        return queue.getWaitingCount()
      },
      { timeout: 60_000 },
    )
    .toBe(1)
  expect(isOver).toBe(false)
  jobs.fail(new CancelledError('enough', 1), 'all')
  await expect(giving).rejects.toThrow('enough')
})
