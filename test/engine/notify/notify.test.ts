/** Notifications: who is told what, how often, and that a run never suffers from it. */

import { createHmac } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CancelledError } from '../../../src/core/errors.ts'
import { openHistory } from '../../../src/history/history.ts'
import { policyBetween, type Workplace, workplace } from '../../e2e/harness.ts'
import { fastClock } from '../../http/server.ts'
import { image } from '../../support/images.ts'
import { type Heard, type Listener, listener } from '../../support/listener.ts'
import type { MemoryRegistry, MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { registry } from '../../support/registries.ts'

interface Scene {
  readonly source: MemoryRegistry
  readonly destination: MemoryRegistry
  readonly place: Workplace
  readonly yaml: (...notify: readonly string[]) => string
}

async function scene(
  env: Readonly<Record<string, string>> = {},
  refusal?: { readonly status: number; readonly body?: string },
): Promise<Scene> {
  const fault: MemoryRegistryOptions['fault'] = ({ method, route }) =>
    method === 'PUT' && route === 'manifest' ? refusal : undefined
  const [source, destination] = [await registry(), await registry({ fault })]
  source.add('app', image({ seed: 1 }), 'v1')
  const yaml = (...notify: readonly string[]): string =>
    policyBetween(source.url, destination.url, `    notify:\n${notify.map((one) => `      - ${one}\n`).join('')}`)
  return { source, destination, place: workplace(env, { clock: fastClock() }), yaml }
}

const eventOf = (hook: Listener, index = 0) => JSON.parse(hook.heard[index]?.body ?? 'null')
const PATH = process.env.PATH ?? ''
const NOTHING_HEARD: Heard = { method: '', url: '', headers: {}, body: '' }

/** A command that does what `body` says, in sh. */
function command(place: Workplace, body: string): void {
  const file = join(place.directory, 'told')
  writeFileSync(file, `#!/bin/sh\n${body}\n`)
  chmodSync(file, 0o755)
}

test('a webhook gets a CloudEvent with the execution', async () => {
  const { place, yaml } = await scene()
  const hook = await listener()
  const { outcome, logs } = await place.run(yaml(`{ on: [succeeded, failed], webhook: ${hook.url}/told }`))
  expect(hook.heard).toHaveLength(1)
  expect(hook.heard[0]).toMatchObject({
    method: 'POST',
    url: '/told',
    headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
  })
  expect(eventOf(hook)).toEqual({
    specversion: '1.0',
    id: '1',
    source: expect.stringMatching(/^\/replicate\/[^/]+\/[0-9a-f]{16}$/),
    type: 'io.replicate.execution.succeeded',
    subject: 'copy',
    time: outcome.execution?.end_time,
    datacontenttype: 'application/json',
    data: { ...outcome.execution, failed_tasks: [] },
  })
  expect(logs).toContain(`notification to ${hook.host} sent: execution 1 succeeded`)
})

test('only the ends that are asked for are told', async () => {
  const { place, yaml } = await scene()
  const hook = await listener()
  const { outcome } = await place.run(yaml(`{ on: failed, webhook: ${hook.url} }`))
  expect(outcome.execution?.status).toBe('succeeded')
  expect(hook.heard).toEqual([])
})

test('at most 20 failed tasks go along', async () => {
  const { source, place, yaml } = await scene({}, { status: 400 })
  for (let tag = 0; tag < 25; tag += 1) source.add('app', image({ seed: `t${tag}` }), `t${tag}`)
  const hook = await listener()
  await place.run(yaml(`{ on: failed, webhook: ${hook.url} }`, `{ on: failed, webhook: ${hook.url} }`))
  const { type, data } = eventOf(hook)
  expect(type).toBe('io.replicate.execution.failed')
  expect(data).toMatchObject({ total: 26, failed: 26 })
  expect(data.failed_tasks).toHaveLength(20)
  expect(data.failed_tasks[0]).toMatchObject({ status: 'failed', error: { code: 'registry' } })
})

test('a preparation that fails is told, too', async () => {
  const { place, yaml } = await scene()
  const hook = await listener()
  const gone = yaml(`{ on: failed, webhook: ${hook.url} }`).replace(/(from: .*url: )[^ }]+/, '$1http://127.0.0.1:1')
  expect((await place.run(gone)).outcome.exitCode).toBe(3)
  expect(eventOf(hook)).toMatchObject({ data: { status: 'failed', error: { code: 'network' } } })
})

test('a secret signs body and time', async () => {
  const { place, yaml } = await scene({ KEY: 'signing-key' })
  const hook = await listener()
  await place.run(yaml(`{ on: succeeded, webhook: ${hook.url}, secret: "\${KEY}" }`))
  const [{ headers, body } = NOTHING_HEARD] = hook.heard
  const time = headers['x-replicate-timestamp']
  expect(Number(time)).toBeGreaterThan(Date.UTC(2025, 0) / 1000)
  const hash = createHmac('sha256', 'signing-key').update(`${time}.${body}`).digest('hex')
  expect(headers['x-replicate-signature']).toBe(`sha256=${hash}`)
})

test('a channel gets a text', async () => {
  const hook = await listener()
  const refusal = { status: 400, body: '{"errors":[{"code":"<b>&"}]}' }
  const { place, yaml } = await scene({ SLACK: `${hook.url}/services/T1/x` }, refusal)
  await place.run(yaml(`{ on: failed, slack: "\${SLACK}" }`))
  const { text } = eventOf(hook)
  expect(text).toMatch(/^:x: \*copy\* failed: 1 of 1 tasks failed, 0 succeeded, 0 unchanged, .+ copied in \d+\.\d s\n/)
  expect(text).toContain('execution 1, from → to/mirror')
  expect(text).toContain('• `to/mirror/app:v1`: ')
  expect(text).toContain('&lt;b&gt;&amp;')
  expect(text).not.toMatch(/[<>]/)
})

test('what fails for a moment is tried again, what is refused is a warning; the run stays as it is', async () => {
  const { place, yaml } = await scene()
  const shaky = await listener({ answer: (_heard, count) => ({ status: count < 2 ? 503 : 204 }) })
  const gone = await listener({
    answer: () => ({ status: 404, body: 'no_team', headers: { 'content-type': 'text/plain' } }),
  })
  const down = await listener({ answer: () => ({ status: 500 }) })
  const { outcome, logs, events } = await place.run(
    yaml(...[shaky, gone, down].map(({ url }) => `{ on: succeeded, webhook: ${url} }`)),
  )
  expect(outcome).toMatchObject({ exitCode: 0, execution: { status: 'succeeded' } })
  expect([shaky, gone, down].map(({ heard }) => heard.length)).toEqual([3, 1, 3])
  expect(new Set(shaky.heard.map(({ body }) => body)).size).toBe(1)
  expect(logs).toContain(`notification to ${shaky.host} sent: execution 1 succeeded`)
  const warnings = events.flatMap((event) => (event.type === 'log' && event.level === 'warning' ? [event.text] : []))
  expect(warnings.sort()).toEqual(
    [
      `notification to ${gone.host} failed: 404 (no_team)`,
      `notification to ${down.host} failed: 500 Internal Server Error`,
    ].sort(),
  )
  expect(logs).toEqual(expect.arrayContaining(warnings))
})

test('a command gets facts, placeholders and the event, and no secret', async () => {
  const { place, yaml, destination } = await scene({
    PATH,
    REPLICATE_TO_USERNAME: 'robot',
    REPLICATE_TO_PASSWORD: 'hunter2-one',
    KEY: 'hunter2-two',
    SAME: 'prefix hunter2-two',
    OTHER: 'stays',
  })
  command(
    place,
    `cd "$(dirname "$0")"; printf "%s\\n" "$@" > args; env > env; cat > event; echo "a line" >&2; echo "key hunter2-two" >&2; echo out`,
  )
  const { logs } = await place.run(
    yaml(
      '{ on: succeeded, exec: [./told, "{policy} {execution}", "{status}", "{other}", "$(id)"] }',
      `{ on: stopped, webhook: ${destination.url}, secret: "\${KEY}" }`,
    ),
  )
  const read = (name: string): string => readFileSync(join(place.directory, name), 'utf8')
  expect(read('args')).toBe('copy 1\nsucceeded\n{other}\n$(id)\n')
  expect(JSON.parse(read('event'))).toMatchObject({ id: '1', type: 'io.replicate.execution.succeeded' })
  const env = new Map(
    read('env')
      .split('\n')
      .map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]),
  )
  expect(Object.fromEntries(env)).toMatchObject({
    REPLICATE_POLICY: 'copy',
    REPLICATE_EXECUTION: '1',
    REPLICATE_STATUS: 'succeeded',
    REPLICATE_SOURCE: 'from',
    REPLICATE_DESTINATION: 'to/mirror',
    REPLICATE_TOTAL: '1',
    REPLICATE_FAILED: '0',
    REPLICATE_HOME: place.home,
    OTHER: 'stays',
  })
  expect(read('env')).not.toContain('hunter2')
  expect(logs).toContain('told: a line')
  expect(logs).toContain('told: key ***')
  expect(logs).toContain('notification by told sent: execution 1 succeeded')
})

test('a command that fails, is missing or floods its output is a warning', async () => {
  const { place, yaml } = await scene({ PATH })
  command(place, 'yes | head -200 >&2; exit 3')
  const { outcome, logs } = await place.run(
    yaml('{ on: succeeded, exec: [./told] }', '{ on: succeeded, exec: [no-such-command] }'),
  )
  expect(outcome.exitCode).toBe(0)
  expect(logs).toContain('notification by told failed: it exited with status 3')
  expect(logs).toContain('notification by no-such-command failed: there is no such command')
  expect(logs.filter((text) => text === 'told: y')).toHaveLength(100)
  expect(logs).toContain('told: 100 more lines')
})

test('an end is told once, whatever follows', async () => {
  const { place, yaml } = await scene()
  const hook = await listener()
  const text = yaml(`{ on: succeeded, webhook: ${hook.url} }`)
  await place.run(text)
  await place.run(text)
  expect(hook.heard.map((_, index) => eventOf(hook, index).id)).toEqual(['1', '2'])
})

test('the next run tells what a process that died could not', async () => {
  const { place, yaml } = await scene()
  const hook = await listener()
  const text = yaml(`{ on: succeeded, webhook: ${hook.url} }`)
  // Without anybody to tell, then as if the process had died after the end and before it told of it.
  await place.run(text.replace(/ {4}notify:[\s\S]*/, ''))
  const history = await openHistory(place.home)
  history.notifications.owe(1)
  history.close()
  expect(hook.heard).toEqual([])
  await place.run(text)
  expect(hook.heard.map((_, index) => eventOf(hook, index).id)).toEqual(['1', '2'])
})

test('a run that is stopped tells that it was', async () => {
  const { place, yaml } = await scene()
  const hook = await listener()
  const stop = new AbortController()
  const { outcome } = await place.run(yaml(`{ on: stopped, webhook: ${hook.url} }`), {
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'planned') stop.abort(new CancelledError('interrupted by SIGINT', 130))
    },
  })
  expect(outcome).toMatchObject({ exitCode: 130, execution: { status: 'stopped' } })
  expect(eventOf(hook)).toMatchObject({ type: 'io.replicate.execution.stopped' })
})

test('addresses and keys are in no output and no file', async () => {
  const address = '/services/T000/hunter2token1'
  const hook = await listener({ answer: ({ url }) => ({ status: 400, body: `"no ${url}"` }) })
  const { place: _, yaml } = await scene()
  const place = workplace({ SLACK: hook.url + address, KEY: 'hunter2-key' }, { clock: fastClock() })
  const { outcome, logs, events } = await place.run(
    yaml(
      `{ on: succeeded, slack: "\${SLACK}" }`,
      `{ on: succeeded, webhook: "${hook.url}${address}", secret: "\${KEY}" }`,
    ),
  )
  expect(hook.heard.map(({ url }) => url)).toEqual([address, address])
  expect(logs.filter((text) => text.startsWith(`notification to ${hook.host} failed: 400`))).toHaveLength(2)
  expect(JSON.stringify([outcome, logs, events])).not.toContain('hunter2')
  for (const name of ['history.db', 'history.db-wal']) {
    const file = join(place.home, name)
    if (existsSync(file)) expect(readFileSync(file, 'latin1')).not.toContain('hunter2')
  }
})

test('a proxy of the environment is used', async () => {
  const proxy = await listener()
  const { place, yaml } = await scene({ HTTP_PROXY: proxy.url })
  const { logs } = await place.run(yaml('{ on: succeeded, webhook: http://hooks.example.com/told }'))
  expect(logs).toContain('notification to hooks.example.com sent: execution 1 succeeded')
  expect(proxy.heard.map(({ method, url }) => [method, url])).toEqual([['POST', 'http://hooks.example.com/told']])
})
