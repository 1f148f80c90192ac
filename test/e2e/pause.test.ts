/** A pause stops the bytes in the middle of a blob, whatever way they take, and a resumed run continues at that byte. */

import { expect, onTestFinished, test } from 'vitest'
import type { AppOptions } from '../../src/app/app.ts'
import type { Event } from '../../src/core/events.ts'
import { type History, openHistory } from '../../src/history/history.ts'
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts'
import { image } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { EVERYTHING_CARRIED, policyBetween, type Ran, type Workplace, workplace } from './harness.ts'
import { until } from './program.ts'

const SIZE = 6_000_000
const LONG = 3_600_000
/** Both connections are let go at once. */
const LET_GO = { grace: { reading: 0, writing: 0 } }
/** The upload's connection is kept, as in a short pause. */
const KEPT = { grace: { reading: 100, writing: LONG } }

/** A source of one layer that comes in small pieces, a little at a time, from any offset. */
async function pacedSource(): Promise<{ readonly source: MemoryRegistry; readonly digest: string }> {
  const source = await registry()
  const built = image({ layers: 1, size: SIZE, seed: 'paced' })
  source.add('app', built, 'v1')
  for (const [digest, bytes] of built.blobs) {
    if (bytes.byteLength !== SIZE) continue
    source.repository('app').blobs.set(digest, {
      size: SIZE,
      async *open(offset) {
        for (let at = offset; at < SIZE; at += 50_000) {
          yield bytes.subarray(at, at + 50_000)
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

/** Until the number stays for 300 ms. */
async function still(number: () => number): Promise<void> {
  let last = number()
  let since = performance.now()
  await until('nothing moves', () => {
    const now = number()
    if (now !== last) since = performance.now()
    last = now
    return performance.now() - since > 300
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
  for (const share of [0.2, 0.5]) {
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
