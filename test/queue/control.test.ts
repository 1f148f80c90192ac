/** What reaches workers while they have tasks: a stop, a pause, their own end; and what stands in Redis meanwhile. */

import { describe, expect, test } from 'vitest'
import { CancelledError } from '../../src/core/errors.ts'
import { gatedSource } from '../e2e/gate.ts'
import { policyBetween } from '../e2e/harness.ts'
import { until } from '../e2e/program.ts'
import { image } from '../support/images.ts'
import { hasRedis } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { place, redis, type TestRedis, worker } from './workplace.ts'

const withQueue = (policy: string, { url }: TestRedis): string => `${policy}\nworkers: { queue: "${url}" }\n`

describe.skipIf(!hasRedis())('a run whose tasks workers do', () => {
  test('is stopped at its workers, and says how far they came', async () => {
    const [queue, gate, to] = [await redis(), await gatedSource(), await registry()]
    const yaml = withQueue(policyBetween(gate.source.url, to.url), queue)
    const one = await worker(yaml)
    const running = place().start(yaml, { workers: true })
    await until('half of the blob has come', () =>
      running.events.some((event) => event.type === 'blob-progress' && event.bytes >= gate.half),
    )
    running.stop(new CancelledError('enough', 130))
    const { outcome, execution, tasks } = await running.ran
    expect(outcome.exitCode).toBe(130)
    expect(execution).toMatchObject({ status: 'stopped', stopped: 1, succeed: 0 })
    expect(tasks[0]).toMatchObject({ status: 'stopped' })
    await until('the worker does nothing any more', async () =>
      (await present(queue)).every(({ tasks }) => tasks === 0),
    )
    // Nothing of it is left, and the worker takes the next run.
    expect(await queue.client.keys('*:run:*')).toEqual([])
    gate.open()
    expect((await place().run(yaml, { workers: true })).execution).toMatchObject({ status: 'succeeded' })
    await one.end()
  })

  test('is stopped at each worker before its fifth look, which is within two seconds', async () => {
    const free = Promise.withResolvers<void>()
    const from = await registry({
      intercept: async ({ method, url }) => {
        if (method === 'GET' && url.pathname.includes('/blobs/')) await free.promise
        return undefined
      },
    })
    const [queue, to] = [await redis(), await registry()]
    for (const tag of ['v1', 'v2', 'v3', 'v4']) from.add('app', image({ seed: tag }), tag)
    const yaml = withQueue(policyBetween(from.url, to.url), queue)
    for (const name of ['one', 'two']) await worker(yaml, { name, concurrency: 1 })
    const running = place().start(yaml, { workers: true })
    await until('each has a task', async () => (await present(queue)).filter(({ tasks }) => tasks > 0).length === 2)
    const monitor = await queue.client.monitor()
    let isStopped = false
    /** Looks after the stop at whose end a task still ran. */
    const busy = new Map<string, number>()
    monitor.on('monitor', (_time: string, [command = '', key = '', value = '']: readonly string[]) => {
      if (command.toLowerCase() !== 'set') return
      if (key.includes(':run:') && value.includes('"state":"stopped"')) isStopped = true
      if (isStopped && key.includes(':worker:') && !value.includes('"tasks":0')) {
        busy.set(key, (busy.get(key) ?? 0) + 1)
      }
    })
    running.stop(new CancelledError('enough', 130))
    await until('neither has one', async () => (await present(queue)).every(({ tasks }) => tasks === 0))
    monitor.disconnect()
    expect(isStopped).toBe(true)
    for (const looks of busy.values()) expect(looks).toBeLessThan(5)
    expect((await running.ran).execution).toMatchObject({ status: 'stopped', succeed: 0 })
    free.resolve()
  })

  test('holds all bytes while it is paused, and goes on from there', async () => {
    const [queue, gate, to] = [await redis(), await gatedSource(), await registry()]
    const yaml = withQueue(policyBetween(gate.source.url, to.url), queue)
    await worker(yaml)
    const here = place()
    const running = here.start(yaml, { workers: true })
    await until('half of the blob has come', () =>
      running.events.some((event) => event.type === 'blob-progress' && event.bytes >= gate.half),
    )
    const app = here.app(yaml)
    const history = await app.history()
    expect(history.control.requestPause(1)).toBe(true)
    await until('workers are told', async () => (await records(queue)).includes('"state":"paused"'))
    await until('a worker has read it', async () => (await looks(queue)) >= 4)
    gate.open()
    await until('it would have gone on', async () => (await looks(queue)) >= 4)
    expect(running.events.some(({ type }) => type === 'task')).toBe(false)
    expect([...to.repository('mirror/app').tags.keys()]).toEqual([])
    expect(history.control.requestUnpause(1)).toBe(true)
    const { execution } = await running.ran
    expect(execution).toMatchObject({ status: 'succeeded', succeed: 1 })
    await app.close()
  })

  test('keeps a task whose worker ends: another one gets it', async () => {
    const [queue, gate, to] = [await redis(), await gatedSource({ images: 3 }), await registry()]
    const yaml = withQueue(policyBetween(gate.source.url, to.url), queue)
    const first = await worker(yaml, { name: 'first', drain: 0 })
    const running = place().start(yaml, { workers: true })
    await until('half of the blob has come', () =>
      running.events.some((event) => event.type === 'blob-progress' && event.bytes >= gate.half),
    )
    const second = await worker(yaml, { name: 'second' })
    await first.end()
    expect(first.news.at(-1)?.type).toBe('left')
    gate.open()
    const { execution, tasks } = await running.ran
    expect(execution).toMatchObject({ status: 'succeeded', total: 3, succeed: 3, failed: 0 })
    expect(tasks.every(({ attempts }) => attempts === 1)).toBe(true)
    expect(second.news.filter(({ type }) => type === 'task').length).toBeGreaterThan(0)
  })

  test('lets a worker that ends finish what it has, within its time', async () => {
    const [queue, gate, to] = [await redis(), await gatedSource(), await registry()]
    const yaml = withQueue(policyBetween(gate.source.url, to.url), queue)
    const one = await worker(yaml, { drain: 120_000 })
    const running = place().start(yaml, { workers: true })
    await until('half of the blob has come', () =>
      running.events.some((event) => event.type === 'blob-progress' && event.bytes >= gate.half),
    )
    const ended = one.end()
    await until('it is ending', async () => (await present(queue)).every(({ draining }) => draining))
    gate.open()
    expect((await running.ran).execution).toMatchObject({ status: 'succeeded', succeed: 1 })
    await ended
    expect(one.news).toContainEqual({ type: 'draining', tasks: 1, within: 120_000 })
    expect(await present(queue)).toEqual([])
  })

  test('tells which worker carries a blob', async () => {
    const [queue, from, to] = [await redis(), await registry(), await registry()]
    from.add('app', image({ seed: 1 }), 'v1')
    const yaml = withQueue(policyBetween(from.url, to.url), queue)
    await worker(yaml, { name: 'carrier' })
    const { events } = await place().run(yaml, { workers: true })
    const begun = events.filter((event) => event.type === 'blob-started')
    expect(begun.length).toBeGreaterThan(0)
    expect(begun.every((event) => event.worker === 'carrier')).toBe(true)
  })

  test('puts no secret into Redis', async () => {
    const secrets = { user: 'robot-of-the-mirror', password: 'correct-horse-battery-7', queue: 'sesame-open-11' }
    const auth = { kind: 'bearer', user: secrets.user, password: secrets.password } as const
    const gate = await gatedSource({ auth, images: 4 })
    const [queue, to] = [await redis({}, secrets.queue), await registry({ auth })]
    const env = { PASSWORD: secrets.password, QUEUE: queue.url, HOOK: 'https://hooks.example.com/T0P-S3CR3T-PATH' }
    const credential = `credential: { type: basic, username: ${secrets.user}, password: "$\{PASSWORD}" }`
    const yaml = `
registries:
  from: { type: docker-registry, url: ${gate.source.url}, ${credential} }
  to: { type: docker-registry, url: ${to.url}, ${credential} }
policies:
  copy:
    source: { registry: from }
    destination: { registry: to, namespace: mirror, flatten: 0 }
    notify: [{ on: [stopped], webhook: "$\{HOOK}" }]
workers: { queue: "$\{QUEUE}" }
`
    await worker(yaml, { env })
    const running = place(env).start(yaml, { workers: true })
    await until('half of the blob has come', () =>
      running.events.some((event) => event.type === 'blob-progress' && event.bytes >= gate.half),
    )
    const everything = await dump(queue)
    expect(everything).toContain('"policy":')
    gate.open()
    await running.ran
    const after = await dump(queue)
    const hidden = [
      secrets.password,
      secrets.queue,
      'T0P-S3CR3T',
      Buffer.from(`${secrets.user}:${secrets.password}`).toString('base64'),
      'Bearer ',
    ]
    for (const text of hidden) expect(`${everything}\n${after}`).not.toContain(text)
  })
})

/** All keys and values, whatever their types. */
async function dump({ client }: TestRedis): Promise<string> {
  const parts: string[] = []
  for (const key of await client.keys('*')) {
    const type = await client.type(key)
    const value =
      type === 'string'
        ? await client.get(key)
        : type === 'hash'
          ? await client.hgetall(key)
          : type === 'list'
            ? await client.lrange(key, 0, -1)
            : type === 'set'
              ? await client.smembers(key)
              : type === 'zset'
                ? await client.zrange(key, 0, '-1')
                : type === 'stream'
                  ? await client.xrange(key, '-', '+')
                  : ''
    parts.push(`${key} ${type} ${JSON.stringify(value instanceof Map ? [...value] : value)}`)
  }
  return parts.join('\n').replaceAll('\\"', '"')
}

async function records({ client }: TestRedis): Promise<string> {
  const keys = (await client.keys('*:run:*')).filter((key) => !/:(lacks|told)$/.test(key))
  return keys.length === 0 ? '' : (await client.mget(keys)).join()
}

interface Shown {
  readonly tasks: number
  readonly draining: boolean
}

async function present({ client }: TestRedis): Promise<readonly Shown[]> {
  const keys = await client.keys('*:worker:*')
  if (keys.length === 0) return []
  return (await client.mget(keys)).flatMap((text) => (text === null ? [] : [JSON.parse(text) as Shown]))
}

/** How often a worker has looked since the last call: each look renews its presence. */
const seen = new WeakMap<TestRedis, { last: number; count: number }>()
async function looks(queue: TestRedis): Promise<number> {
  const [key] = await queue.client.keys('*:worker:*')
  const left = key === undefined ? 0 : await queue.client.pttl(key)
  const state = seen.get(queue) ?? { last: left, count: 0 }
  if (left > state.last) state.count += 1
  state.last = left
  seen.set(queue, state)
  const { count } = state
  if (count >= 4) state.count = 0
  return count
}
