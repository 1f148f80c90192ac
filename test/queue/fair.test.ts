/** Runs that share workers: none waits for the end of another one. */

import { describe, expect, test } from 'vitest'
import { sharesOf } from '../../src/queue/worker/shares.ts'
import { policyBetween } from '../e2e/harness.ts'
import { until } from '../e2e/program.ts'
import { image } from '../support/images.ts'
import { hasRedis } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { place, redis, worker } from './workplace.ts'

describe('the places of a worker', () => {
  const shares = (places: number, active: Readonly<Record<string, number>>) =>
    Object.fromEntries(sharesOf(places, new Map(Object.entries(active))))

  test('are all for a run that is alone', () => {
    expect(shares(8, { a: 0 })).toEqual({ a: 8 })
  })

  test('are divided between runs that have tasks enough', () => {
    expect(shares(8, { a: 8, b: 8 })).toEqual({ a: 4, b: 4 })
    expect(shares(9, { a: 9, b: 9, c: 9 })).toEqual({ a: 3, b: 3, c: 3 })
  })

  test('go to others where a run has few tasks, but for one, so that it may have more', () => {
    expect(shares(8, { a: 8, b: 0 })).toEqual({ a: 7, b: 1 })
    expect(shares(8, { a: 8, b: 2 })).toEqual({ a: 5, b: 3 })
  })

  test('are at least one for each run', () => {
    expect(shares(1, { a: 1, b: 0, c: 0 })).toEqual({ a: 1, b: 1, c: 1 })
  })
})

test.skipIf(!hasRedis())('a small run ends while a large one has all the places of the worker', async () => {
  const free = Promise.withResolvers<void>()
  const held = await registry({
    intercept: async ({ method, url }) => {
      if (method === 'PUT' && url.pathname.includes('/manifests/')) await free.promise
      return undefined
    },
  })
  const [queue, from, to] = [await redis(), await registry(), await registry()]
  for (let tag = 1; tag <= 50; tag += 1) from.add('app', image({ seed: tag }), `v${tag}`)
  const yaml = (destination: string, filters = ''): string =>
    `${policyBetween(from.url, destination, filters)}\nworkers: { queue: "${queue.url}" }\n`
  const both = `
registries:
  from: { type: docker-registry, url: ${from.url} }
  to: { type: docker-registry, url: ${to.url} }
  held: { type: docker-registry, url: ${held.url} }
workers: { queue: "${queue.url}" }
`
  await worker(both, { concurrency: 2 })
  const large = place().start(yaml(held.url).replaceAll(/\bto\b(?=[:,])/g, 'held'), { workers: true })
  await until(
    'the large run has both places',
    () => held.requests.filter(({ method, path }) => method === 'PUT' && path.includes('/manifests/')).length >= 2,
  )
  const small = await place().run(yaml(to.url, '    filters: { tag: [v1, v2] }'), { workers: true })
  expect(small.execution).toMatchObject({ status: 'succeeded', succeed: 2 })
  expect(held.repositories.get('mirror/app')?.tags.size ?? 0).toBe(0)
  free.resolve()
  expect((await large.ran).execution).toMatchObject({ status: 'succeeded', succeed: 50 })
})

test.skipIf(!hasRedis())(
  'each worker copies as many blobs at once as it says, unless the run is told how many',
  async () => {
    const free = Promise.withResolvers<void>()
    let large = 0
    const to = await registry({
      intercept: async ({ method, url, headers }) => {
        const isUpload = (method === 'PUT' || method === 'PATCH') && url.pathname.includes('/blobs/uploads/')
        if (!isUpload || Number(headers['content-length']) < 300_000) return undefined
        large += 1
        await free.promise
        return undefined
      },
    })
    const [queue, from] = [await redis(), await registry()]
    for (let tag = 1; tag <= 30; tag += 1) from.add('app', image({ layers: 1, size: 300_000, seed: tag }), `v${tag}`)
    const yaml = `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}" }\n`
    for (const name of ['a', 'b', 'c']) await worker(yaml, { name, concurrency: 6 })
    const { ran } = place().start(yaml, { workers: true })
    await until('more blobs are on their way than two workers copy', () => large > 12)
    free.resolve()
    expect((await ran).execution).toMatchObject({ status: 'succeeded', succeed: 30 })
  },
)

test.skipIf(!hasRedis())('workers together copy no more blobs at once than the run is told', async () => {
  let now = 0
  let most = 0
  const to = await registry({
    intercept: async ({ method, url, headers }) => {
      const isUpload = (method === 'PUT' || method === 'PATCH') && url.pathname.includes('/blobs/uploads/')
      if (!isUpload || Number(headers['content-length']) < 300_000) return undefined
      now += 1
      most = Math.max(most, now)
      await new Promise((resolve) => setTimeout(resolve, 20))
      now -= 1
      return undefined
    },
  })
  const [queue, from] = [await redis(), await registry()]
  for (let tag = 1; tag <= 30; tag += 1) from.add('app', image({ layers: 2, size: 300_000, seed: tag }), `v${tag}`)
  const yaml = `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}" }\n`
  for (const name of ['a', 'b', 'c']) await worker(yaml, { name, concurrency: 6 })
  const { execution } = await place().run(yaml, { workers: true, concurrency: 4 })
  expect(execution).toMatchObject({ status: 'succeeded', succeed: 30 })
  expect(most).toBeLessThanOrEqual(4)
})
