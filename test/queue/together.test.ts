/** Tasks that go to a worker together: an artifact for several destinations is read once, and one that takes long holds up no other. */

import { describe, expect, test } from 'vitest'
import { gatedSource } from '../e2e/gate.ts'
import { policyBetween } from '../e2e/harness.ts'
import { until } from '../e2e/program.ts'
import { image } from '../support/images.ts'
import { hasRedis } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { place, redis, worker } from './workplace.ts'

describe.skipIf(!hasRedis())('tasks that go to a worker together', () => {
  test('an artifact for several destinations is read from its source once', async () => {
    const [queue, from] = [await redis(), await registry()]
    const [east, west, north] = [await registry(), await registry(), await registry()]
    const size = 300_000
    const images = Array.from({ length: 40 }, (_, at) => image({ seed: `image ${at}`, layers: 1, size }))
    for (const [at, built] of images.entries()) from.add(`app-${at % 3}`, built, `v${at}`)
    const yaml = `
registries:
  from: { type: docker-registry, url: ${from.url} }
  east: { type: docker-registry, url: ${east.url} }
  west: { type: docker-registry, url: ${west.url} }
  north: { type: docker-registry, url: ${north.url} }
policies:
  copy:
    source: { registry: from }
    destination: [{ registry: east }, { registry: west }, { registry: north }]
workers: { queue: "${queue.url}" }
`
    for (const name of ['one', 'two', 'three', 'four']) await worker(yaml, { name, concurrency: 2 })
    const { execution } = await place().run(yaml, { workers: true })
    expect(execution).toMatchObject({ status: 'succeeded', total: 120, succeed: 120 })
    const bytes = from.requests.reduce((sum, { bytesOut }) => sum + bytesOut, 0)
    // A machine that stands still for a second makes some of them go on alone.
    expect(bytes / (images.length * size)).toBeLessThan(2)
    for (const to of [east, west, north]) {
      for (const at of images.keys()) expect(to.repository(`app-${at % 3}`).tags.has(`v${at}`)).toBe(true)
    }
  })

  test('workers do not ask again for what the plan has read: manifests, and which signatures there are', async () => {
    const [queue, from, to, other] = [await redis(), await registry(), await registry(), await registry()]
    const signed = image({ seed: 'signed' })
    from.add('app', signed, 'v0')
    from.add('app', image({ seed: 'signature' }), `${signed.digest.replace(':', '-')}.sig`)
    for (let at = 1; at < 40; at += 1) from.add('app', image({ seed: `image ${at}` }), `v${at}`)
    const yaml = (destination: string): string =>
      `${policyBetween(from.url, destination)}\nworkers: { queue: "${queue.url}" }\n`
    const asked = (what: string): number => from.requests.filter(({ path }) => path.includes(what)).length
    const signatures = (): number => asked('/manifests/sha256-')
    const manifests = (): number => asked('/manifests/')
    const plain = await place().run(yaml(other.url))
    const without = [signatures(), manifests()] as const
    for (const name of ['one', 'two', 'three']) await worker(yaml(to.url), { name })
    const { execution } = await place().run(yaml(to.url), { workers: true })
    expect([plain.execution.succeed, execution.succeed]).toEqual([40, 40])
    expect(signatures()).toBe(2 * without[0])
    // A worker that gives some back, as its machine stands still, lets another one read them again.
    expect(manifests() - without[1]).toBeLessThan(without[1] + 20)
    expect(to.repository('mirror/app').tags.size).toBe(41)
  })

  test('what waits behind a task that takes long is done by another worker', async () => {
    const [queue, gate, to] = [await redis(), await gatedSource({ images: 4 }), await registry()]
    const yaml = `
registries:
  from: { type: docker-registry, url: ${gate.source.url} }
  to: { type: docker-registry, url: ${to.url} }
policies:
  copy: { source: { registry: from }, destination: { registry: to, namespace: mirror, flatten: 0 } }
workers: { queue: "${queue.url}" }
`
    await worker(yaml, { name: 'slow', concurrency: 1 })
    const running = place().start(yaml, { workers: true })
    await until('half of the blob has come', () =>
      running.events.some((event) => event.type === 'blob-progress' && event.bytes >= gate.half),
    )
    await worker(yaml, { name: 'free', concurrency: 1 })
    await until('the others have ended', () => running.events.filter(({ type }) => type === 'task').length === 3)
    gate.open()
    const { execution, tasks } = await running.ran
    expect(execution).toMatchObject({ status: 'succeeded', total: 4, succeed: 4 })
    expect(tasks.every(({ attempts }) => attempts === 1)).toBe(true)
  })
})
