/** A pause stops the bytes in the middle of a blob, whatever way they take, and a resumed run continues at that byte. */

import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { AppOptions } from '../../src/app/app.ts'
import type { Event } from '../../src/core/events.ts'
import { type History, openHistory } from '../../src/history/history.ts'
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts'
import { image } from '../support/images.ts'
import { startInternet } from '../support/internet.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { EVERYTHING_CARRIED, policyBetween, type Ran, type Workplace, workplace } from './harness.ts'
import { program, until } from './program.ts'

const SIZE = 6_000_000
/** So large that its upload is remembered across processes. */
const LARGE = 20_000_000
/** Each 20 ms after the other: a pause is noticed within half a second. */
const PIECES = 200
const LONG = 3_600_000
/** Both connections are let go at once. */
const LET_GO = { grace: { reading: 0, writing: 0 } }
/** The upload's connection is kept, as in a short pause. */
const KEPT = { grace: { reading: 100, writing: LONG } }

/** A source of one layer that comes in small pieces, a little at a time, from any offset. */
async function pacedSource(size = SIZE): Promise<{ readonly source: MemoryRegistry; readonly digest: string }> {
  const source = await registry()
  const built = image({ layers: 1, size, seed: 'paced' })
  source.add('app', built, 'v1')
  for (const [digest, bytes] of built.blobs) {
    if (bytes.byteLength !== size) continue
    source.repository('app').blobs.set(digest, {
      size,
      async *open(offset) {
        for (let at = offset; at < size; at += size / PIECES) {
          yield bytes.subarray(at, at + size / PIECES)
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      },
    })
  }
  return { source, digest: built.digest }
}

async function counted(url: string): Promise<CountingProxy> {
  const proxy = await startCountingProxy(url)
  onTestFinished(() => proxy.close())
  return proxy
}

interface Controlled {
  readonly here: Workplace
  readonly events: readonly Event[]
  readonly ended: Promise<Ran>
  readonly history: () => Promise<History>
}

function begin(
  yaml: string,
  timing: AppOptions['timing'],
  options: Parameters<Workplace['run']>[1] = {},
  carriers?: AppOptions['carriers'],
): Controlled {
  const here = workplace({}, timing, carriers)
  const events: Event[] = []
  const ended = here.run(yaml, { ...options, onEvent: (event) => events.push(event) })
  let opened: Promise<History> | undefined
  const history = (): Promise<History> => {
    opened ??= openHistory(here.home).then((one) => {
      onTestFinished(() => one.close())
      return one
    })
    return opened
  }
  return { here, events, ended, history }
}

/** Paused as another process does it; resolves once no byte has moved for a while. */
async function pause({ history, events }: Controlled, proxies: readonly CountingProxy[]): Promise<void> {
  const pauses = (): number => events.filter((event) => event.type === 'paused' && event.paused).length
  const before = pauses()
  expect((await history()).control.requestPause(1)).toBe(true)
  await until('it is paused', () => pauses() > before)
  const moved = (): number => proxies.reduce((sum, proxy) => sum + proxy.bytesUp + proxy.bytesDown, 0)
  // What the kernels of both ends still hold arrives.
  await still(moved)
  const then = moved()
  await new Promise((resolve) => setTimeout(resolve, 700))
  expect(moved()).toBe(then)
}

/** Until the number stays for so many milliseconds. */
async function still(number: () => number, quiet = 300): Promise<void> {
  let last = number()
  let since = performance.now()
  await until('nothing moves', () => {
    const now = number()
    if (now !== last) since = performance.now()
    last = now
    return performance.now() - since > quiet
  })
}

async function resume({ history, events }: Controlled): Promise<void> {
  const resumes = (): number => events.filter((event) => event.type === 'paused' && !event.paused).length
  const before = resumes()
  expect((await history()).control.requestUnpause(1)).toBe(true)
  await until('it is resumed', () => resumes() > before)
}

const WAYS = [
  ['kept connections', KEPT, {}, undefined],
  ['connections that were let go', LET_GO, {}, undefined],
  ['a bandwidth', LET_GO, { bandwidth: 3_000_000 }, undefined],
  ['another thread, kept', KEPT, {}, EVERYTHING_CARRIED],
  ['another thread, let go', LET_GO, {}, EVERYTHING_CARRIED],
] as const

test.each(WAYS)('no byte moves while it is paused, and none moves twice: %s', async (_, timing, options, carriers) => {
  const { source, digest } = await pacedSource()
  const destination = await registry()
  const down = await counted(source.url)
  const up = await counted(destination.url)
  const run = begin(policyBetween(down.url, up.url), timing, options, carriers)
  for (const share of [0.2, 0.4]) {
    await until(`${share} is sent`, () => up.bytesUp > SIZE * share)
    await pause(run, [down, up])
    expect(up.bytesUp).toBeLessThan(SIZE)
    expect((await run.history()).executions.get(1).status).toBe('paused')
    await resume(run)
  }
  const { outcome, logs } = await run.ended
  expect(outcome).toMatchObject({ exitCode: 0, execution: { status: 'succeeded', succeed: 1, bytes_present: 0 } })
  expect(destination.repository('mirror/app').tags.get('v1')).toBe(digest)
  // Beside the layer only a configuration and a manifest.
  expect(up.bytesUp).toBeLessThan(SIZE + 10_000)
  expect(up.bytesUp).toBeGreaterThanOrEqual(SIZE)
  expect(outcome.execution?.bytes_copied).toBeLessThan(SIZE + 10_000)
  expect(logs.filter((text) => text.includes('again in'))).toEqual([])
})

test('several destinations that share one stream, a layout among them, are all paused, and all continue', async () => {
  for (const timing of [KEPT, LET_GO]) {
    const { source, digest } = await pacedSource()
    const [one, other] = [await registry(), await registry()]
    const down = await counted(source.url)
    const [up, across] = [await counted(one.url), await counted(other.url)]
    const yaml = policyBetween(down.url, up.url)
      .replace(
        'policies:',
        `  third: { type: docker-registry, url: ${across.url} }\n  disk: { type: oci-layout, path: layout }\npolicies:`,
      )
      .replace(
        'destination: { registry: to, namespace: mirror, flatten: 0 }',
        'destination: [{ registry: to }, { registry: third }, { registry: disk }]',
      )
    const run = begin(yaml, timing)
    await until('some is sent', () => up.bytesUp > SIZE * 0.3)
    await pause(run, [down, up, across])
    await resume(run)
    const { outcome } = await run.ended
    expect(outcome).toMatchObject({ exitCode: 0, execution: { status: 'succeeded', succeed: 3 } })
    for (const place of [one, other]) expect(place.repository('app').tags.get('v1')).toBe(digest)
    for (const proxy of [up, across]) expect(proxy.bytesUp).toBeLessThan(SIZE + 10_000)
  }
})

test('a run from and into files is paused as well', async () => {
  const { source } = await pacedSource()
  const down = await counted(source.url)
  const into = begin(
    policyBetween(down.url, '').replace('{ type: docker-registry, url:  }', '{ type: oci-layout, path: images.tar }'),
    { grace: { reading: 0, writing: 0 } },
  )
  await until('some is sent', () => down.bytesDown > SIZE * 0.3)
  await pause(into, [down])
  await resume(into)
  expect((await into.ended).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1 } })

  const destination = await registry()
  const up = await counted(destination.url)
  const yaml = policyBetween('', up.url).replace(
    '{ type: docker-registry, url:  }',
    `{ type: oci-layout, path: ${JSON.stringify(join(into.here.directory, 'images.tar'))} }`,
  )
  const from = begin(yaml, LET_GO, { bandwidth: 3_000_000 })
  await until('some is sent', () => up.bytesUp > SIZE * 0.3)
  await pause(from, [up])
  await resume(from)
  expect((await from.ended).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1 } })
  expect(up.bytesUp).toBeLessThan(SIZE + 10_000)
})

test('what a registry has not kept in a long pause is sent again, and the log of the task says so', async () => {
  const { source, digest } = await pacedSource()
  const destination = await registry({
    fault: ({ route, method }) => (route === 'upload' && method === 'GET' ? { status: 404 } : undefined),
  })
  const up = await counted(destination.url)
  const run = begin(policyBetween(source.url, up.url), LET_GO)
  await until('some is sent', () => up.bytesUp > SIZE * 0.3)
  await pause(run, [up])
  await resume(run)
  const { outcome, logs } = await run.ended
  expect(outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1, bytes_present: 0 } })
  expect(outcome.execution?.bytes_copied).toBeLessThan(SIZE + 10_000)
  expect(destination.repository('mirror/app').tags.get('v1')).toBe(digest)
  expect(logs.filter((text) => text.includes('had got: begun anew'))).toHaveLength(1)
})

test('a server that ends an idle upload in a pause has failed nothing: it is continued where it stood', async () => {
  const { source, digest } = await pacedSource()
  const destination = await registry()
  const up = await counted(destination.url)
  const relay = await startRelay(up.url)
  const run = begin(policyBetween(source.url, relay.url), KEPT)
  await until('some is sent', () => up.bytesUp > SIZE * 0.3)
  await pause(run, [up])
  relay.endAll()
  await until('it has noticed', () => run.events.some(({ type }) => type === 'retry'))
  const before = up.requests
  await still(() => up.requests)
  // Nothing is asked before it is resumed.
  expect(up.requests).toBe(before)
  await resume(run)
  const { outcome } = await run.ended
  expect(outcome).toMatchObject({ exitCode: 0, execution: { status: 'succeeded', succeed: 1 } })
  expect(destination.repository('mirror/app').tags.get('v1')).toBe(digest)
  expect(up.bytesUp).toBeLessThan(SIZE + 10_000)
})

/** Passes bytes to a server; `endAll` ends every connection. */
async function startRelay(url: string): Promise<{ readonly url: string; endAll(): void }> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const one of [socket, upstream]) {
      sockets.add(one)
      one.on('error', () => {}).on('close', () => sockets.delete(one))
    }
    socket.pipe(upstream).pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  onTestFinished(() => {
    endAll()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the relay has no address')
  return { url: `http://127.0.0.1:${address.port}`, endAll }
}

test('what goes over TLS and through a proxy is paused as well', async () => {
  const { source, digest } = await pacedSource()
  const destination = await registry()
  const [down, up] = [await counted(source.url), await counted(destination.url)]
  const internet = await startInternet({ 'from.example.com': down.url, 'to.example.com': up.url })
  onTestFinished(() => internet.close())
  const here = program(internet.env)
  here.write('policy.yaml', policyBetween('https://from.example.com', 'https://to.example.com'))
  const running = here.start(['run', 'policy.yaml'])
  await until('some is sent', () => up.bytesUp > SIZE * 0.2)
  expect(await here.run(['executions', 'pause'])).toMatchObject({ code: 0 })
  await until('it is paused', async () => (await here.execution('last')).status === 'paused')
  const moved = (): number => up.bytesUp + down.bytesDown
  await still(moved, 1000)
  const then = moved()
  await new Promise((resolve) => setTimeout(resolve, 700))
  expect(moved()).toBe(then)
  expect(up.bytesUp).toBeLessThan(SIZE)
  expect(await here.run(['executions', 'resume'])).toMatchObject({ code: 0 })
  expect(await running.ended).toMatchObject({ code: 0 })
  expect(destination.repository('mirror/app').tags.get('v1')).toBe(digest)
  expect(up.bytesUp).toBeLessThan(SIZE + 10_000)
})

test('a pause holds the making of a plan, which then goes on', async () => {
  const source = await registry()
  const destination = await registry()
  const built = image()
  for (let number = 1; number <= 8; number += 1) source.add('app', built, `v${number}`)
  // One tag after another, each for a while.
  const down = await startCountingProxy(source.url, { delay: 250 })
  onTestFinished(() => down.close())
  const up = await counted(destination.url)
  const yaml = policyBetween(down.url, up.url).replace(
    `url: ${down.url}`,
    `url: ${down.url}, limits: { connections: 1 }`,
  )
  const run = begin(yaml, KEPT)
  await until('it looks at tags', () => down.requests > 3)
  await pause(run, [down, up])
  const history = await run.history()
  expect(history.executions.get(1)).toMatchObject({ status: 'paused', total: 0 })
  expect(history.executions.beginning(1).prepared).toBe(false)
  const before = down.requests
  await resume(run)
  expect(history.executions.get(1).status).toBe('preparing')
  const { outcome } = await run.ended
  expect(outcome).toMatchObject({ exitCode: 0, execution: { status: 'succeeded', succeed: 8 } })
  expect(down.requests).toBeGreaterThan(before)
  expect(history.executions.beginning(1).prepared).toBe(true)
})

/** The program, paused in the middle of a blob that its registry keeps. */
async function paused() {
  const { source, digest } = await pacedSource(LARGE)
  const destination = await registry()
  const up = await counted(destination.url)
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, up.url))
  const running = here.start(['run', 'policy.yaml'])
  await until('some is sent', () => up.bytesUp > 2_000_000)
  expect(await here.run(['executions', 'pause'])).toMatchObject({ code: 0 })
  await until('it is paused', async () => (await here.execution('last')).status === 'paused')
  await still(() => up.bytesUp, 1000)
  const arrived = (): boolean => destination.repository('mirror/app').tags.get('v1') === digest
  return { here, running, up, arrived }
}

test('Ctrl-C ends a paused run at once, and what has arrived stays', async () => {
  const { here, running, up, arrived } = await paused()
  running.process.kill('SIGINT')
  const ended = await running.ended
  expect(ended).toMatchObject({ code: 130, stderr: expect.stringContaining('what has arrived stays') })
  expect(await here.execution('last')).toMatchObject({ status: 'stopped', in_progress: 0, stopped: 1 })
  const before = up.bytesUp
  expect(await here.run(['executions', 'resume'])).toMatchObject({ code: 0 })
  expect(arrived()).toBe(true)
  expect(up.bytesUp).toBeLessThan(LARGE + 20_000)
  expect(up.bytesUp - before).toBeLessThan(LARGE - 1_500_000)
})

test('a paused run that is killed is resumed at the byte where it stood', async () => {
  const { here, running, up, arrived } = await paused()
  running.process.kill('SIGKILL')
  await running.ended
  expect(await here.execution('last')).toMatchObject({ status: 'interrupted', in_progress: 0, stopped: 1 })
  const before = up.bytesUp
  // What was asked of the process that died does not hold for the next one.
  expect(await here.run(['executions', 'resume'])).toMatchObject({ code: 0 })
  expect(arrived()).toBe(true)
  expect(up.bytesUp - before).toBeLessThan(LARGE - 1_500_000)
})
