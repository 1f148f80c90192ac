/** `serve` with `workers:`: its executions are done by workers, and the API says who is there. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from '../e2e/program.ts'
import { apiClient } from '../serve/api/client.ts'
import { serving } from '../serve/serving.ts'
import { hasRedis } from '../support/redis.ts'
import { redis, worker } from './workplace.ts'

interface Answer {
  readonly queue: string | null
  readonly workers: readonly { readonly name: string; readonly tasks: number; readonly concurrency: number }[]
}

describe.skipIf(!hasRedis())('serve', () => {
  test('gives its tasks to workers, and says who they are', async () => {
    const [queue, all] = [await redis(), await serving()]
    const yaml = `${all.yaml()}workers: { queue: "${queue.url}" }\n`
    all.user.write('serve.yaml', yaml)
    const one = await worker(yaml, { name: 'one', concurrency: 3 })
    const daemon = await all.start()
    const ask = apiClient(daemon.url, readFileSync(join(all.user.home, 'api-token'), 'utf8').trim())
    const answer = await ask('GET', '/workers')
    expect(answer.status).toBe(200)
    const body = answer.body as Answer
    expect(body.queue).toBe(queue.url)
    expect(body.workers).toMatchObject([{ name: 'one', tasks: 0, concurrency: 3 }])
    expect((await ask('POST', '/replication/executions', { body: { policy_id: 'copy' } })).status).toBeLessThan(300)
    await until('the worker has done it', () => one.news.some(({ type }) => type === 'task'))
    await until('it has succeeded', async () => {
      const [execution] = await all.user.executions()
      return execution?.status === 'succeeded'
    })
    expect([...all.destination.repositories.keys()]).toEqual(['mirror/app'])
    await queue.kill()
    const lost = await ask('GET', '/workers')
    expect(lost.status).toBe(502)
    expect(lost.body).toMatchObject({ code: 'queue' })
  })

  test('takes its own requests out of the limits that it shares with workers', async () => {
    const [queue, all] = [await redis(), await serving()]
    const limited = all
      .yaml()
      .replaceAll('type: docker-registry', 'type: docker-registry, limits: { connections: 3, requests_per_second: 40 }')
    expect(limited).toContain('limits:')
    all.user.write('serve.yaml', `${limited}workers: { queue: "${queue.url}" }\n`)
    const daemon = await all.start()
    const ask = apiClient(daemon.url, readFileSync(join(all.user.home, 'api-token'), 'utf8').trim())
    // No worker is there: whatever is booked is of the daemon.
    const booked = until('both limits are taken from', async () => {
      const keys = (await queue.client.keys('*')).join('\n')
      return /:rate:requests /.test(keys) && /:connections:/.test(keys)
    })
    for (const id of ['from', 'to']) await ask('POST', `/registries/${id}/health`, { body: {} })
    expect((await ask('POST', '/replication/executions', { body: { policy_id: 'copy' } })).status).toBeLessThan(300)
    await booked
  })

  test('without `workers:` the API says that no queue is named', async () => {
    const all = await serving()
    all.user.write('serve.yaml', all.yaml())
    const daemon = await all.start()
    const ask = apiClient(daemon.url, readFileSync(join(all.user.home, 'api-token'), 'utf8').trim())
    expect((await ask('GET', '/workers')).body).toEqual({ queue: null, name: null, workers: [] })
  })
})
