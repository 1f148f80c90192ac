/** Workers that cannot do a run's tasks: each is named with what it lacks, and none does harm. */

import { describe, expect, test } from 'vitest'
import { CancelledError } from '../../src/core/errors.ts'
import { FORMAT } from '../../src/queue/protocol.ts'
import { policyBetween } from '../e2e/harness.ts'
import { until } from '../e2e/program.ts'
import { image } from '../support/images.ts'
import { hasRedis } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { place, type Ran, redis, type TestRedis, worker } from './workplace.ts'

const AUTH = { kind: 'basic', user: 'robot', password: 'correct-horse-7' } as const
const WITH = '    credential: { type: basic, username: robot, password: "$' + '{TO_PASSWORD}" }'

/** The configuration of a run, or of a worker, towards a destination that wants a credential. */
function secured(from: string, to: string, queue: TestRedis, credential = WITH): string {
  return `
registries:
  from: { type: docker-registry, url: ${from} }
  to:
    type: docker-registry
    url: ${to}
${credential}
policies:
  copy:
    source: { registry: from }
    destination: { registry: to, namespace: mirror, flatten: 0 }
    retry: { attempts: 1, delay: 1s }
workers: { queue: "${queue.url}" }
`
}

function warnings({ events }: Pick<Ran, 'events'>): string {
  return events.flatMap((event) => (event.type === 'log' && event.level === 'warning' ? [event.text] : [])).join('\n')
}

describe.skipIf(!hasRedis())('a worker that lacks something', () => {
  test('is named with what it lacks, and another one does the tasks', async () => {
    const [queue, from, to] = [await redis(), await registry(), await registry({ auth: AUTH })]
    for (let tag = 1; tag <= 20; tag += 1) from.add('app', image({ seed: tag }), `v${tag}`)
    const env = { TO_PASSWORD: AUTH.password }
    const yaml = secured(from.url, to.url, queue)
    await worker(secured(from.url, to.url, queue, ''), { name: 'poor' })
    await worker(yaml.replace(from.url, 'http://127.0.0.1:9'), { name: 'astray', env })
    await worker(yaml.replace('type: docker-registry, url', 'type: harbor, url'), { name: 'typed', env })
    await worker(`registries: {}\nworkers: { queue: "${queue.url}" }\n`, { name: 'bare' })
    const good = await worker(yaml, { name: 'good', env })
    const running = place(env).start(yaml, { workers: true })
    const ran = await running.ran
    expect(ran.execution, ran.logs.join('\n')).toMatchObject({ status: 'succeeded', succeed: 20 })
    expect(good.news.filter(({ type }) => type === 'task')).toHaveLength(20)
  })

  test('is told by the run', async () => {
    const [queue, from, to] = [await redis(), await registry(), await registry({ auth: AUTH })]
    from.add('app', image({ seed: 1 }), 'v1')
    const env = { TO_PASSWORD: AUTH.password }
    const yaml = secured(from.url, to.url, queue)
    await worker(secured(from.url, to.url, queue, ''), { name: 'poor' })
    await worker(yaml.replace(from.url, 'http://127.0.0.1:9'), { name: 'astray', env })
    await worker(yaml.replace('type: docker-registry, url', 'type: harbor, url'), { name: 'typed', env })
    await worker(`registries: {}\nworkers: { queue: "${queue.url}" }\n`, { name: 'bare' })
    const running = place(env).start(yaml, { workers: true })
    await until('each is told', () => warnings(running).split('\n').length >= 4)
    const text = warnings(running)
    expect(text).toContain('worker poor takes no tasks of this run: it has no credential for registry `to`')
    expect(text).toContain('worker astray takes no tasks of this run: its registry `from` is http://127.0.0.1:9, and')
    expect(text).toContain('worker typed takes no tasks of this run: its registry `from` is of type harbor, and')
    expect(text).toContain('worker bare takes no tasks of this run: its configuration has no registry `from`')
    await worker(yaml, { name: 'good', env })
    expect((await running.ran).execution).toMatchObject({ status: 'succeeded', succeed: 1 })
  })

  test('fails the run where there is no other, which says what each of them lacks', async () => {
    const [queue, from, to] = [await redis(), await registry(), await registry()]
    from.add('app', image({ seed: 1 }), 'v1', 'v2')
    const yaml = `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}" }\n`
    const astray = await worker(yaml.replace(from.url, 'http://127.0.0.1:9'), { name: 'astray' })
    const ran = await place().run(yaml, { workers: true })
    const told = astray.news.find(({ type }) => type === 'refused')
    expect(told).toMatchObject({
      execution: 1,
      policy: ran.execution.policy,
      reason: expect.stringContaining('`from`'),
    })
    expect(ran.outcome.exitCode).toBe(1)
    expect(ran.execution).toMatchObject({ status: 'failed', failed: 2 })
    expect(ran.tasks[0]?.error?.message).toContain('no worker can do the tasks: astray: its registry `from` is')
    expect(to.repository('mirror/app').tags.size).toBe(0)
  })

  test('that speaks another format refuses the run by both versions', async () => {
    const queue = await redis()
    const one = await worker(`registries: {}\nworkers: { queue: "${queue.url}" }\n`, { name: 'old' })
    const run = { format: FORMAT + 1, version: '9.8.7', id: '1-next', more: {} }
    await queue.client.set('replicate:replicate:run:1-next', JSON.stringify(run))
    await queue.client.zadd('replicate:replicate:runs', Date.now(), '1-next')
    await until('it is refused', () => one.news.some(({ type }) => type === 'refused'))
    const [refused] = one.news.filter((news) => news.type === 'refused')
    expect(refused?.reason).toMatch(
      new RegExp(
        `it is replicate \\S+ and speaks format ${FORMAT}, and the run is of replicate 9.8.7 with format ${FORMAT + 1}`,
      ),
    )
    const lacks = await queue.client.hgetall('replicate:replicate:run:1-next:lacks')
    expect(Object.values(lacks).join()).toContain('9.8.7')
  })

  test('a credential that only the worker has wrong: this process does the task, and names the worker', async () => {
    const [queue, from, to] = [await redis(), await registry(), await registry({ auth: AUTH })]
    from.add('app', image({ seed: 1 }), 'v1', 'v2')
    const yaml = secured(from.url, to.url, queue)
    await worker(yaml, { name: 'wrong', env: { TO_PASSWORD: 'some-other-9' } })
    const ran = await place({ TO_PASSWORD: AUTH.password }).run(yaml, { workers: true })
    expect(ran.execution).toMatchObject({ status: 'succeeded', succeed: 2 })
    expect(warnings(ran)).toMatch(/worker wrong: destination to: .*; this process does such tasks itself/)
  })

  test('no worker at all: the run says so, and goes on with the first that comes', async () => {
    const [queue, from, to] = [await redis(), await registry(), await registry()]
    from.add('app', image({ seed: 1 }), 'v1')
    const yaml = `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}", name: mirror }\n`
    await worker(yaml.replace('name: mirror', 'name: other'), { name: 'elsewhere' })
    const running = place().start(yaml, { workers: true })
    await until('it says that it waits', () => running.events.some(({ type }) => type === 'waiting'))
    const waiting = running.events.find((event) => event.type === 'waiting')
    expect(waiting).toMatchObject({ stuck: true })
    expect(waiting?.reason).toContain(`no worker takes tasks from ${queue.url} (name mirror)`)
    await worker(yaml)
    expect((await running.ran).execution).toMatchObject({ status: 'succeeded', succeed: 1 })
  })

  test('the end of its time says that no worker took its tasks, and which ones could not', async () => {
    const [queue, from, to] = [await redis(), await registry(), await registry()]
    from.add('app', image({ seed: 1 }), 'v1')
    const yaml = `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}" }\n`
    const over = new CancelledError('stopped: the time limit of 1h is over', 1)
    const alone = place().start(yaml, { workers: true })
    await until('it says that it waits', () => alone.events.some(({ type }) => type === 'waiting'))
    alone.stop(over)
    expect((await alone.ran).outcome.error).toMatchObject({
      message: over.message,
      hint: expect.stringMatching(/^no worker took its tasks: start `replicate worker`.*; then run it again/),
    })
    await worker(yaml.replace(from.url, 'http://127.0.0.1:9'), { name: 'astray' })
    const lonely = place().start(yaml, { workers: true })
    await until('it is told', () => warnings(lonely).includes('worker astray'))
    lonely.stop(over)
    expect((await lonely.ran).outcome.error).toMatchObject({
      hint: expect.stringContaining('no worker can do its tasks: astray: its registry `from` is'),
    })
  })
})
