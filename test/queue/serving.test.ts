/** `serve` with `workers:`: its executions are done by workers, and the API says who is there. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from '../e2e/program.ts'
import { apiClient } from '../serve/api/client.ts'
import { serving } from '../serve/serving.ts'
import { image } from '../support/images.ts'
import { hasRedis } from '../support/redis.ts'
import { redis, type TestRedis, worker } from './workplace.ts'

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

  test('takes another queue from its file for runs that begin after that, and ends its connections to the one before', async () => {
    const free = Promise.withResolvers<void>()
    const [old, next] = [await redis(), await redis()]
    const all = await serving({
      intercept: async ({ method, url }) => {
        if (method === 'GET' && url.pathname.includes('/blobs/')) await free.promise
        return undefined
      },
    })
    const yaml = (queue: TestRedis): string => `${all.yaml()}workers: { queue: "${queue.url}" }\n`
    all.user.write('serve.yaml', yaml(old))
    const [first, second] = [await worker(yaml(old), { name: 'first' }), await worker(yaml(next), { name: 'second' })]
    const connected = async (): Promise<number> =>
      String(await old.client.client('LIST'))
        .trim()
        .split('\n').length
    const before = await connected()
    const daemon = await all.start()
    const ask = apiClient(daemon.url, readFileSync(join(all.user.home, 'api-token'), 'utf8').trim())
    const run = () => ask('POST', '/replication/executions', { body: { policy_id: 'copy' } })
    const ended = (id: number) => async (): Promise<boolean> =>
      (await all.user.executions()).some((one) => one.id === id && one.status === 'succeeded')
    await run()
    await until('a worker of the first queue has the task', () =>
      all.source.requests.some(({ path }) => path.includes('/blobs/')),
    )
    all.user.write('serve.yaml', yaml(next))
    daemon.kill('SIGHUP')
    await daemon.says('configuration reloaded')
    expect((await ask('GET', '/workers')).body).toMatchObject({ queue: next.url, workers: [{ name: 'second' }] })
    // The run that is under way keeps the queue that it has begun with.
    free.resolve()
    await until('the first run has ended', ended(1))
    expect(first.news.filter(({ type }) => type === 'task')).toHaveLength(1)
    await until('the daemon has left the first queue', async () => (await connected()) <= before)
    all.source.add('app', image({ seed: 2 }), 'v2')
    await run()
    await until('the second run has ended', ended(2))
    expect(second.news.filter(({ type }) => type === 'task')).toHaveLength(1)
    expect(first.news.filter(({ type }) => type === 'task')).toHaveLength(1)
  })

  test('without `workers:` the API says that no queue is named', async () => {
    const all = await serving()
    all.user.write('serve.yaml', all.yaml())
    const daemon = await all.start()
    const ask = apiClient(daemon.url, readFileSync(join(all.user.home, 'api-token'), 'utf8').trim())
    expect((await ask('GET', '/workers')).body).toEqual({ queue: null, name: null, workers: [] })
  })
})
