/** Workers, coordinators and Redis as processes of their own, which die and come back. */

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { LOCK } from '../../src/queue/worker/locks.ts'
import { gatedSource } from '../e2e/gate.ts'
import { policyBetween } from '../e2e/harness.ts'
import { program, until } from '../e2e/program.ts'
import { hasTerminal, inTerminal } from '../e2e/terminal.ts'
import { image } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { hasRedis } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { place, redis, worker } from './workplace.ts'

const withQueue = (policy: string, url: string): string => `${policy}\nworkers: { queue: "${url}" }\n`

/** A module that is run before the program. */
const before = (code: string): readonly string[] => ['--import', `data:text/javascript,${encodeURIComponent(code)}`]

/** How often a blob of that size came whole. */
function arrivals({ requests }: MemoryRegistry, size: number): number {
  return requests.filter(({ route, bytesIn }) => route === 'upload' && bytesIn >= size).length
}

describe.skipIf(!hasRedis())('where no worker is', () => {
  test('a quiet run says so once, and its end says what to do', async () => {
    const [queue, from, to] = [await redis(), await registry(), await registry()]
    from.add('app', image({ seed: 1 }), 'v1')
    const user = program()
    const config = user.write('config.yaml', withQueue(policyBetween(from.url, to.url), queue.url))
    const running = user.start(['run', '--workers', '-q', '--config', config])
    await until('it says that it waits', () => running.said().includes('waiting:'))
    running.process.kill('SIGINT')
    const { stdout, stderr } = await running.ended
    expect(stderr.match(/waiting: no worker takes tasks from .*`replicate worker` starts one/g)).toHaveLength(1)
    expect(stderr).toContain(`no worker took its tasks: start \`replicate worker\` with ${queue.url} as its queue`)
    expect(stdout).not.toContain('waiting')
    const asData = user.start(['run', '--workers', '--json', '--config', config])
    await until('it says that it waits, too', () => asData.said().includes('"type":"waiting"'))
    asData.process.kill('SIGINT')
    const lines = (await asData.ended).stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(lines.at(-2)).toMatchObject({
      type: 'error',
      code: 'cancelled',
      policy: expect.any(String),
      hint: expect.stringContaining('no worker took its tasks'),
    })
  })
})

describe.skipIf(!hasRedis())('where something dies', () => {
  test('a worker: its task goes to another one, and counts once', async () => {
    const [queue, gate, to] = [await redis(), await gatedSource(), await registry()]
    const yaml = withQueue(policyBetween(gate.source.url, to.url), queue.url)
    const doomed = program()
    const working = doomed.start(['worker', '--name', 'doomed', '--config', doomed.write('config.yaml', yaml)])
    await until('it is ready', () => working.said().includes('worker doomed takes tasks'))
    const running = place().start(yaml, { workers: true })
    await until('half of the blob has come', () =>
      running.events.some((event) => event.type === 'blob-progress' && event.bytes >= gate.half),
    )
    working.process.kill('SIGKILL')
    await working.ended
    await worker(yaml, { name: 'heir' })
    gate.open()
    const { execution, tasks } = await running.ran
    expect(execution).toMatchObject({ status: 'succeeded', total: 1, succeed: 1, failed: 0 })
    expect(tasks[0]).toMatchObject({ attempts: 1 })
    const told = running.events.flatMap((event) => (event.type === 'log' ? [event.text] : [])).join('\n')
    expect(told).toContain('does not answer any more: another one takes it')
  })

  test('the coordinator: workers end what they have, and `executions resume` takes over', async () => {
    const [queue, gate, to] = [await redis(), await gatedSource({ images: 3 }), await registry()]
    const yaml = withQueue(policyBetween(gate.source.url, to.url), queue.url)
    await worker(yaml)
    const user = program()
    const config = user.write('config.yaml', yaml)
    const running = user.start(['run', '--workers', '--config', config])
    await until('the worker has begun', () => to.requests.some(({ route }) => route === 'upload'))
    await until('half of the blob was asked for', () =>
      gate.source.requests.some(({ path }) => path.includes(gate.blob)),
    )
    running.process.kill('SIGKILL')
    await running.ended
    gate.open()
    await until('the worker has ended its task', () => to.repositories.get('mirror/app')?.tags.has('v1') ?? false)
    const ended = await user.run(['executions', 'resume', '1', '--workers', '--config', config])
    expect(ended.code, ended.stderr).toBe(0)
    const execution = await user.execution('1')
    expect(execution).toMatchObject({ status: 'succeeded', total: 3, succeed: 3, failed: 0 })
    expect(arrivals(to, gate.size)).toBe(1)
  })

  test.each([true, false])('Redis, which comes back (with its file: %s)', async (persistent) => {
    const [queue, gate, to] = [await redis({ persistent }), await gatedSource({ images: 4 }), await registry()]
    const yaml = withQueue(policyBetween(gate.source.url, to.url), queue.url)
    await worker(yaml)
    const running = place().start(yaml, { workers: true })
    await until('half of the blob has come', () =>
      running.events.some((event) => event.type === 'blob-progress' && event.bytes >= gate.half),
    )
    await queue.kill()
    const said = (part: string): number =>
      running.events.filter((event) => event.type === 'log' && event.text.includes(part)).length
    await until('it is told', () => said('does not answer') > 0)
    await queue.start()
    await until('that is told, too', () => said('answers again') > 0)
    gate.open()
    const { execution } = await running.ran
    expect(execution).toMatchObject({ status: 'succeeded', total: 4, succeed: 4, failed: 0 })
    expect([said('does not answer'), said('answers again')]).toEqual([1, 1])
    expect(arrivals(to, gate.size)).toBe(1)
  })
})

describe.skipIf(!hasRedis())('Redis', () => {
  test('keeps nothing of a run for good whose coordinator has died', async () => {
    const [queue, gate, to] = [await redis(), await gatedSource({ images: 4 }), await registry()]
    const yaml = withQueue(policyBetween(gate.source.url, to.url), queue.url)
    const one = await worker(yaml)
    const user = program()
    const running = user.start(['run', '--workers', '--config', user.write('config.yaml', yaml)])
    await until('half of the blob was asked for', () =>
      gate.source.requests.some(({ path }) => path.includes(gate.blob)),
    )
    const endless = async (): Promise<readonly string[]> => {
      const keys = await queue.client.keys('*')
      const ends = await Promise.all(keys.map((key) => queue.client.pttl(key)))
      return keys.filter((_, at) => ends[at] === -1)
    }
    await until('every key has an end', async () => (await endless()).length === 0)
    running.process.kill('SIGKILL')
    await running.ended
    gate.open()
    await one.end()
    expect(await queue.client.keys('*')).not.toEqual([])
    expect(await endless()).toEqual([])
  })

  test('takes nothing more, as its memory is full: that is told, and the run goes on once it has room', async () => {
    const [queue, gate, to] = [await redis(), await gatedSource({ images: 4 }), await registry()]
    const yaml = withQueue(policyBetween(gate.source.url, to.url), queue.url)
    const one = await worker(yaml)
    const running = place().start(yaml, { workers: true })
    await until('half of the blob has come', () =>
      running.events.some((event) => event.type === 'blob-progress' && event.bytes >= gate.half),
    )
    await queue.client.config('SET', 'maxmemory', '1')
    for (const told of [running.events, one.news]) {
      await until('it is told', () => /does not answer \(OOM command not allowed/.test(JSON.stringify(told)))
    }
    await queue.client.config('SET', 'maxmemory', '0')
    await until('that is told, too', () => JSON.stringify(running.events).includes('answers again'))
    gate.open()
    expect((await running.ran).execution).toMatchObject({ status: 'succeeded', total: 4, succeed: 4, failed: 0 })
  })

  test('is away for longer than a lock lasts: the task goes on, and nothing of it is done again', async () => {
    const [queue, gate, to] = [await redis({ persistent: true }), await gatedSource({ images: 4 }), await registry()]
    const limits = 'type: docker-registry, limits: { connections: 6, requests_per_second: 500 }'
    const policy = policyBetween(gate.source.url, to.url).replaceAll('type: docker-registry', limits)
    const yaml = withQueue(policy, queue.url)
    const workers = [await worker(yaml, { name: 'one' }), await worker(yaml, { name: 'two' })]
    const running = place().start(yaml, { workers: true, bandwidth: 1024 * 1024 * 1024, concurrency: 4 })
    await until('half of the blob has come', () =>
      running.events.some((event) => event.type === 'blob-progress' && event.bytes >= gate.half),
    )
    const asked = gate.source.requests.filter(({ path }) => path.includes(gate.blob)).length
    await queue.kill()
    await sleep(LOCK + 5000)
    await queue.start()
    await until('it is told', () => JSON.stringify(running.events).includes('answers again'))
    // Long enough for each lock and lease to be judged again.
    await sleep(7000)
    gate.open()
    const { execution, tasks } = await running.ran
    expect(execution).toMatchObject({ status: 'succeeded', total: 4, succeed: 4, failed: 0 })
    expect(tasks.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1])
    expect(gate.source.requests.filter(({ path }) => path.includes(gate.blob))).toHaveLength(asked)
    expect(arrivals(to, gate.size)).toBe(1)
    for (const { news } of workers) {
      const told = news.flatMap((one) => (one.type === 'log' ? [one.text] : []))
      expect(told.map((text) => text.replace(/.*(does not answer|answers again).*/, '$1'))).toEqual([
        'does not answer',
        'answers again',
      ])
    }
  })

  test('is away when a task ends, for longer than a lock lasts: no other worker gets the task', async () => {
    const [queue, gate, to] = [await redis({ persistent: true }), await gatedSource(), await registry()]
    const yaml = withQueue(policyBetween(gate.source.url, to.url), queue.url)
    for (const name of ['one', 'two']) await worker(yaml, { name })
    const running = place().start(yaml, { workers: true })
    await until('half of the blob has come', () =>
      running.events.some((event) => event.type === 'blob-progress' && event.bytes >= gate.half),
    )
    await queue.kill()
    gate.open()
    await until('the destination has all', () => to.repository('mirror/app').tags.size === 1)
    await sleep(LOCK + 5000)
    await queue.start()
    const { execution, tasks } = await running.ran
    expect(execution).toMatchObject({ status: 'succeeded', total: 1, succeed: 1 })
    expect(JSON.stringify(running.events)).not.toContain('does not answer any more')
    expect(tasks.map(({ bytes_present }) => bytes_present)).toEqual([0])
  })
})

describe.skipIf(!hasRedis() || !hasTerminal)('on a terminal', () => {
  test('the bars of a run, and of one that watches it, name the worker that carries a blob', async () => {
    const [queue, gate, to] = [await redis(), await gatedSource(), await registry()]
    const yaml = withQueue(policyBetween(gate.source.url, to.url), queue.url)
    await worker(yaml, { name: 'carrier' })
    const user = program({ TERM: 'xterm' })
    const config = user.write('config.yaml', yaml)
    const running = user.start(['run', '--workers', '--config', config], { wrap: inTerminal })
    const bar = / KiB of +1\.9 MiB {2}carrier {2}/
    await until('the run draws it', () => bar.test(running.said()))
    const watching = user.start(['executions', 'watch', 'last', '--config', config], { wrap: inTerminal })
    await until('the one that watches draws it', () => bar.test(watching.said()))
    gate.open()
    expect((await running.ended).code).toBe(0)
    expect((await watching.ended).code).toBe(0)
  })
})

describe.skipIf(!hasRedis())('a worker', () => {
  test('whose clock is an hour off does its tasks', async () => {
    const [queue, from, to] = [await redis(), await registry(), await registry()]
    for (const tag of ['1', '2', '3']) from.add('app', image({ seed: tag }), tag)
    const yaml = withQueue(policyBetween(from.url, to.url), queue.url)
    const late = program()
    const node = before('const { now } = Date; Date.now = () => now() + 3_600_000')
    const working = late.start(['worker', '--name', 'late', '--config', late.write('config.yaml', yaml)], { node })
    await until('it is ready', () => working.said().includes('worker late takes tasks'))
    const listed = await late.run(['workers', 'list', '--json', '--config', 'config.yaml'])
    const [shown] = JSON.parse(listed.stdout) as readonly { readonly name: string; readonly since: string }[]
    expect(shown?.name).toBe('late')
    // By the clock of Redis.
    expect(Math.abs(Date.parse(shown?.since ?? '') - Date.now())).toBeLessThan(30 * 60_000)
    const { execution } = await place().run(yaml, { workers: true })
    expect(execution).toMatchObject({ status: 'succeeded', succeed: 3 })
    working.process.kill('SIGTERM')
    const { code, stderr } = await working.ended
    expect(code, stderr).toBe(0)
  })
})

test('without `--workers` nothing of a queue is loaded, though the file names one', async () => {
  const [from, to] = [await registry(), await registry()]
  from.add('app', image({ seed: 1 }), 'v1')
  const user = program()
  const file = user.write('policy.yaml', withQueue(policyBetween(from.url, to.url), 'redis://127.0.0.1:1'))
  const node = before(`import { registerHooks } from 'node:module'
registerHooks({ resolve(name, context, next) {
  if (/bullmq|ioredis/.test(name)) process.stderr.write('LOADED ' + name + '\\n')
  return next(name, context)
} })`)
  const ran = await user.run(['run', file], { node })
  expect(ran.code, ran.stderr).toBe(0)
  expect(ran.stderr).not.toContain('LOADED')
  // The hook sees what is loaded.
  expect((await user.run(['run', '--workers', '--config', file], { node })).stderr).toContain('LOADED ioredis')
})
