/** When sources are polled, and what comes of it: the first run, changes, failures, another configuration. */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import type { TagInfo } from '../../../src/core/adapter.ts'
import type { PolicyOutcome } from '../../../src/core/requests.ts'
import { startPolls } from '../../../src/serve/poll/poll.ts'
import { HEARTBEAT_INTERVAL } from '../../../src/serve/process/owner.ts'
import { until } from '../../e2e/program.ts'
import { endpoint, memoryRegistry } from '../../engine/setup.ts'
import { image } from '../../support/images.ts'
import { manualClock } from '../../support/manual-clock.ts'
import type { MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { type InTime, serveInTime } from '../in-time.ts'

const MINUTE = 60_000

/** Bytes that are still needed. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  return process.memoryUsage().heapUsed
}

async function polling(
  more = '',
  options: MemoryRegistryOptions = {},
  given: Partial<InTime> = {},
  tags?: () => readonly TagInfo[],
) {
  const source = await memoryRegistry(options)
  source.add('app', image({ seed: '1' }), '1')
  const clock = manualClock()
  const directory = temporaryDirectory()
  const yaml = (fields: string): string => `
registries:
  from: { type: docker-registry, url: "${source.url}" }
  to: { type: docker-registry, url: "http://127.0.0.1:1" }
policies:
  base: { source: from, destination: to, deletion: events, ${fields} }
serve: { listen: 127.0.0.1:0 }
`
  const from = endpoint('from', source, {}, tags)
  const program = { open: async () => from, ...given.program }
  const daemon = await serveInTime(yaml(`triggers: [{ poll: 5m }] ${more}`), {
    directory,
    clock,
    parts: [startPolls],
    ...given,
    program,
  })
  const polls = (): number => daemon.news.filter(({ type }) => type === 'polled').length
  return {
    source,
    clock,
    daemon,
    directory,
    yaml,
    polls,
    /** Lets time pass until the next look has ended. */
    async pass(milliseconds = 5 * MINUTE) {
      const before = polls()
      await clock.advance(milliseconds)
      await until('the source was looked at', () => polls() > before)
      await clock.advance(0)
    },
    said: () => daemon.news.flatMap((one) => (one.type === 'log' ? [one.text] : [])),
    runs: () =>
      daemon.history.executions
        .list({ limit: 100 })
        .map(({ trigger, status }) => `${trigger} ${status}`)
        .reverse(),
  }
}

test('the first look runs everything, a change what has changed, and nothing where nothing has', async () => {
  const { source, pass, runs, daemon, directory } = await polling()
  await pass(MINUTE)
  await until('it has run', () => runs().length === 1)
  await pass()
  const size = statSync(join(directory, 'history.db-wal')).size
  for (let turn = 0; turn < 5; turn += 1) await pass()
  expect(runs()).toEqual(['poll succeeded'])
  // A page and its header for each sign of life of the daemon, and no other.
  const signs = (5 * 5 * MINUTE) / HEARTBEAT_INTERVAL
  expect(statSync(join(directory, 'history.db-wal')).size).toBeLessThanOrEqual(size + (signs + 1) * 4120)
  source.add('app', image({ seed: '2' }), '2')
  await pass()
  await until('it has run again', () => runs().length === 2)
  expect(daemon.history.events.list(10)).toMatchObject([{ action: 'push', repository: 'app', tag: '2', via: 'poll' }])
})

test('10,000 tags polled for hours keep memory, handles and the history flat', async () => {
  const tags = Array.from({ length: 10_000 }, (_, index) => ({
    tag: `v${index}`,
    digest: `sha256:${index.toString(16).padStart(64, '0')}` as const,
  }))
  const { pass, runs, directory } = await polling('', {}, {}, () => tags)
  const sizes = (): unknown => {
    const history = new Sqlite(join(directory, 'history.db'), { readonly: true })
    // Those in the log of recent writes count, too.
    const pages = history.pragma('page_count', { simple: true })
    history.close()
    return pages
  }
  const handles = (): number => process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length
  await pass(MINUTE)
  await until('it has run', () => runs().length === 1)
  for (let turn = 0; turn < 5; turn += 1) await pass()
  const before = { heap: heapUsed(), size: sizes(), handles: handles() }
  for (let turn = 0; turn < 40; turn += 1) await pass()
  // A megabyte for each look would be 40.
  expect(heapUsed() - before.heap).toBeLessThan(15 * 1024 * 1024)
  expect(handles()).toBeLessThanOrEqual(before.handles + 10)
  expect(sizes()).toBe(before.size)
  expect(runs()).toHaveLength(1)
}, 180_000)

test('a source that fails is told of once, asked less often, and told of when it is back', async () => {
  let isDown = true
  const { clock, pass, polls, said, source } = await polling('', {
    fault: () => (isDown ? { status: 403 } : undefined),
  })
  await pass(MINUTE)
  await pass(10 * MINUTE)
  await clock.advance(19 * MINUTE)
  expect(polls()).toBe(2)
  await pass(2 * MINUTE)
  for (let turn = 0; turn < 5; turn += 1) await pass(61 * MINUTE)
  expect(said()).toEqual([expect.stringContaining('policy base: polling from fails, it is tried less often:')])
  isDown = false
  await pass(61 * MINUTE)
  expect(said().at(-1)).toBe('policy base: polling from works again')
  const before = polls()
  await pass(5 * MINUTE)
  expect(polls()).toBe(before + 1)
  expect(source.requests.length).toBeGreaterThan(0)
})

test('a first run that fails is made again, less and less often, and then given up', async () => {
  let tries = 0
  const run = async (): Promise<PolicyOutcome> => {
    tries += 1
    return { policy: 'base', exitCode: 3, error: new Error('the destination is down') }
  }
  const { pass, said } = await polling('', {}, { program: { run } })
  await pass(MINUTE)
  await pass()
  expect(tries).toBe(1)
  await pass()
  expect(tries).toBe(2)
  for (let turn = 0; turn < 20 * 12; turn += 1) await pass()
  expect(tries).toBe(10)
  expect(said()).toEqual([expect.stringContaining('its first run has failed 10 times and is given up')])
}, 120_000)

test('a look that takes longer than the interval is not joined by another', async () => {
  let release = (): void => {}
  let isSlow = false
  const { clock, polls, pass, source } = await polling('', {
    async intercept({ url }) {
      if (isSlow && url.pathname === '/v2/_catalog') await new Promise<void>((resolve) => (release = resolve))
      return undefined
    },
  })
  await pass(MINUTE)
  isSlow = true
  const before = source.requests.length
  await clock.advance(5 * MINUTE)
  await until('it is asked', () => source.requests.length > before)
  await clock.advance(30 * MINUTE)
  expect(source.requests.length).toBe(before + 1)
  isSlow = false
  release()
  await until('it has ended', () => polls() >= 2)
})

test('another configuration stops it, and begins anew', async () => {
  const { clock, daemon, polls, pass, yaml, runs } = await polling()
  await pass(MINUTE)
  await until('it has run', () => runs().length === 1)
  await daemon.reload(yaml('enabled: false, triggers: [{ poll: 5m }]'))
  await clock.advance(60 * MINUTE)
  expect(polls()).toBe(1)
  await daemon.reload(yaml('triggers: [{ poll: 1m }]'))
  await pass(2 * MINUTE)
  await until('it has run again', () => runs().length === 2)
})

test('a crash before the first run owes it to the next process', async () => {
  const wishes: unknown[] = []
  const first = await polling(
    '',
    {},
    {
      parts: [
        (daemon) => startPolls({ ...daemon, executions: { ...daemon.executions, wish: (one) => wishes.push(one) } }),
      ],
      pid: 1,
    },
  )
  await first.pass(MINUTE)
  await until('it is wished', () => wishes.length === 1)
  const clock = manualClock()
  const second = await serveInTime(first.yaml('triggers: [{ poll: 5m }]'), {
    directory: first.directory,
    clock,
    parts: [startPolls],
    program: { open: async () => endpoint('from', first.source) },
    pid: 2,
  })
  await clock.advance(MINUTE)
  await until('it has run', () => second.history.executions.list().length === 1)
})
