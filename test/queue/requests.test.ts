/** Requests that workers send for a run, as its `-vv` shows them. */

import { describe, expect, onTestFinished, test } from 'vitest'
import { requestText } from '../../src/cli/render/told.ts'
import type { Event, RequestEvent } from '../../src/core/events.ts'
import { program, until } from '../e2e/program.ts'
import { image } from '../support/images.ts'
import { hasRedis } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { place, redis, type TestRedis, worker } from './workplace.ts'

const PASSWORD = 'battery-staple-8'

function requestsOf(events: readonly Event[]): readonly RequestEvent[] {
  return events.filter((event) => event.type === 'request')
}

/** Two registries with bearer tokens, whose password the configuration has from a variable; and what was told by way of Redis. */
async function scene() {
  const queue = await redis()
  const from = await registry({ auth: { kind: 'bearer', user: 'robot', password: PASSWORD } })
  const to = await registry()
  from.add('app', image({ seed: 1 }), 'v1', 'v2')
  const credential = `credential: { type: basic, username: robot, password: "$\{PASSWORD}" }`
  const yaml = `
registries:
  from: { type: docker-registry, url: ${from.url}, ${credential} }
  to: { type: docker-registry, url: ${to.url} }
policies:
  copy:
    source: { registry: from }
    destination: { registry: to, namespace: mirror, flatten: 0 }
workers: { queue: "${queue.url}" }
`
  return { queue, yaml, env: { PASSWORD }, passed: await listening(queue) }
}

/** All that passes through Redis from now on. */
async function listening(queue: TestRedis): Promise<readonly string[]> {
  const passed: string[] = []
  const monitor = await queue.client.monitor()
  onTestFinished(() => monitor.disconnect())
  monitor.on('monitor', (_time: string, words: readonly string[]) => void passed.push(words.join(' ')))
  return passed
}

describe.skipIf(!hasRedis())('requests of workers', () => {
  test('are told to a run that wants them, with the name of the worker and without secrets', async () => {
    const { yaml, env, passed } = await scene()
    await worker(yaml, { name: 'carrier', env })
    const ran = await place(env, { trace: true }).run(yaml, { workers: true })
    expect(ran.execution).toMatchObject({ status: 'succeeded', succeed: 2 })
    const theirs = requestsOf(ran.events).filter((event) => event.worker === 'carrier')
    expect(theirs.filter(({ method }) => method === 'PUT')).not.toEqual([])
    expect(requestsOf(ran.events).some((event) => event.worker === undefined)).toBe(true)
    const text = theirs.map(requestText).join('\n')
    expect(text).toMatch(/^PUT http:\/\/\S+\/v2\/mirror\/app\/manifests\/v1 {2}201 {2}.* {2}by worker carrier$/m)
    await until('it has been seen in Redis', () => passed.join('\n').includes('/v2/mirror/app/manifests/v1'))
    expect(text).toContain('_state=***')
    const hidden = [PASSWORD, Buffer.from(`robot:${PASSWORD}`).toString('base64'), 'Bearer ']
    for (const secret of hidden) expect(`${text}\n${passed.join('\n')}`).not.toContain(secret)
  })

  test('are not sent for a run that does not want them, whatever the log of the worker has', async () => {
    const { yaml, env, passed } = await scene()
    const one = await worker(yaml, { env, trace: true })
    const ran = await place(env).run(yaml, { workers: true })
    expect(ran.execution).toMatchObject({ status: 'succeeded', succeed: 2 })
    expect(requestsOf(ran.events)).toEqual([])
    expect(one.news.filter((news) => news.type === 'request' && news.method === 'PUT')).not.toEqual([])
    expect(passed.join('\n')).toContain('"type":"blob-started"')
    expect(passed.join('\n')).not.toContain('"type":"request"')
  })

  test('are shown by `worker -vv`, and by `run -vv`', async () => {
    const { yaml, env } = await scene()
    const user = program(env)
    const config = user.write('config.yaml', yaml)
    const working = user.start(['worker', '-vv', '--json', '--name', 'carrier', '--config', config])
    await until('it is ready', () => working.said().includes('"type":"ready"'))
    const ran = await user.run(['run', '--workers', '-vv', '--config', config])
    expect(ran.code, ran.stderr).toBe(0)
    expect(ran.stderr).toMatch(/ PUT http:\/\/\S+\/v2\/mirror\/app\/manifests\/v1 {2}201 {2}.* {2}by worker carrier\n/)
    working.process.kill('SIGTERM')
    const { stdout } = await working.ended
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(lines).toContainEqual(
      expect.objectContaining({
        type: 'request',
        method: 'PUT',
        url: expect.stringMatching(/\/manifests\/v1$/),
        status: 201,
        duration_ms: expect.any(Number),
      }),
    )
  })
})
