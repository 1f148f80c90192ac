/** The connections of a program that runs for long: shared while nothing changes, new where something has, closed once no one uses them. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createPool } from '../../src/app/pool.ts'
import type { Clock } from '../../src/core/cancel.ts'
import type { Registry } from '../../src/core/registry.ts'
import type { Endpoint } from '../../src/engine/endpoint.ts'
import { createRedactor } from '../../src/http/redact.ts'
import { load } from '../config/setup.ts'
import { manualClock } from '../support/manual-clock.ts'
import { registry } from '../support/registries.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const ctx = { signal: new AbortController().signal, emit: () => {} }

function pool(clock?: Clock) {
  const directory = temporaryDirectory()
  const one = createPool({
    cwd: directory,
    env: { HOME: directory, DOCKER_CONFIG: directory },
    redactor: createRedactor(),
    userAgent: 'test',
    warn: () => {},
    ...(clock ? { timing: { clock } } : {}),
  })
  onTestFinished(() => one.close())
  return { directory, pool: one }
}

function configured(url: string, more = ''): Registry {
  return load(`registries: {hub: {type: docker-registry, url: '${url}'${more}}}\npolicies: {}\n`).registryOf('hub')
}

test('a registry keeps its client for as long as it is configured like that', async () => {
  const hub = await registry()
  const { pool: connections } = pool()
  const first = await connections.http(configured(hub.url))
  expect(await connections.http(configured(hub.url))).toBe(first)
  expect(await connections.http(configured(hub.url, ', description: another'))).toBe(first)
  expect(await connections.http(configured(hub.url, ', limits: {connections: 2}'))).not.toBe(first)
})

test('a run that has begun keeps the client of the configuration before', async () => {
  const [one, other] = [await registry(), await registry()]
  const { pool: connections } = pool()
  const run = connections.lend()
  const { adapter } = await run.connections.open(configured(one.url))
  await adapter.ping(ctx)
  await (await connections.open(configured(other.url))).adapter.ping(ctx)
  await adapter.ping(ctx)
  expect([one.requests.length, other.requests.length]).toEqual([2, 1])
  await run.release()
})

test('the client of the configuration before is closed ten minutes after its last run has ended', async () => {
  const [one, other] = [await registry(), await registry()]
  const clock = manualClock()
  const { pool: connections } = pool(clock)
  const [run, next] = [connections.lend(), connections.lend()]
  const client = await run.connections.http(configured(one.url))
  const ask = async (): Promise<void> => (await client.request({ method: 'GET', url: '/v2/' }, ctx)).discard()
  await ask()
  await (await connections.open(configured(other.url))).adapter.ping(ctx)
  await run.release()
  await clock.advance(60 * 60_000)
  await ask()
  await next.release()
  await clock.advance(10 * 60_000 - 1)
  await ask()
  await clock.advance(1)
  await expect(ask()).rejects.toThrow('closed')
  await (await connections.open(configured(other.url))).adapter.ping(ctx)
})

test('each run has adapters of its own, on one client', async () => {
  const hub = await registry()
  const { pool: connections } = pool()
  const [one, other] = [connections.lend(), connections.lend()]
  const place = configured(hub.url)
  expect((await one.connections.open(place)).adapter).not.toBe((await other.connections.open(place)).adapter)
  expect(await one.connections.http(place)).toBe(await other.connections.http(place))
  await one.release()
  await (await other.connections.open(place)).adapter.ping(ctx)
  await other.release()
})

test('a password that was changed in its file is the one that is sent', async () => {
  let password = 'first'
  const { directory, pool: connections } = pool()
  const hub = await registry({
    intercept: ({ headers }) => {
      const expected = `Basic ${Buffer.from(`ops:${password}`).toString('base64')}`
      if (headers.authorization === expected) return undefined
      return { status: 401, headers: { 'www-authenticate': 'Basic realm="hub"' } }
    },
  })
  const file = join(directory, 'password')
  writeFileSync(file, password)
  const place = configured(hub.url, `, credential: {type: basic, username: ops, password_file: '${file}'}`)
  const ping = async () => (await connections.open(place)).adapter.ping(ctx)
  await ping()
  password = 'second-one'
  await expect(ping()).rejects.toThrow()
  writeFileSync(file, password)
  await ping()
})

test('clients of registries that only content names are closed once many of them have no user', async () => {
  const hub = await registry()
  const { pool: connections } = pool()
  const by = { ...configured(hub.url), allow_addresses: [new URL(hub.url).host] }
  const named = (name: string): Registry => ({ name, type: 'docker-registry', url: hub.url })
  const [first, other] = [connections.lend(), connections.lend()]
  const opened: Endpoint[] = []
  for (let at = 0; at < 120; at += 1) opened.push(await first.connections.named(by, named(`named-${at}`)))
  for (const { adapter } of opened) await adapter.ping(ctx)
  const shared = await other.connections.named(by, named('named-0'))
  await shared.adapter.ping(ctx)
  await first.release()
  const answers = await Promise.allSettled(opened.map(({ adapter }) => adapter.ping(ctx)))
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(51)
  expect(answers[1]).toMatchObject({ reason: { message: expect.stringContaining('closed') } })
  await shared.adapter.ping(ctx)
  await other.release()
  const again = connections.lend()
  await (await again.connections.named(by, named('named-1'))).adapter.ping(ctx)
  await again.release()
})
