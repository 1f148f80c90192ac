/** Transfers that break off: within a run, and with the process that made them. */

import { afterEach, describe, expect, test } from 'vitest'
import type { Digest } from '../../src/core/descriptor.ts'
import { CancelledError, ReplicateError } from '../../src/core/errors.ts'
import { startCountingProxy } from '../support/counting-proxy.ts'
import { type Artifact, image } from '../support/images.ts'
import { type MemoryRegistry, type MemoryRegistryOptions, startMemoryRegistry } from '../support/memory-registry.ts'
import { availableServers, startServer } from '../support/servers.ts'
import { EVERYTHING_CARRIED, policyBetween, workplace } from './harness.ts'
import { program, until } from './program.ts'

const MIB = 1024 * 1024
const SIZE = 20 * MIB
const BUILT = image({ layers: 1, size: SIZE, seed: 'large' })
const [LAYER, BYTES] = [...BUILT.blobs].find(([, { byteLength }]) => byteLength === SIZE) ?? [
  'sha256:',
  Buffer.alloc(0),
]

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const ending of endings.splice(0).reverse()) await ending()
})

async function memory(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const started = await startMemoryRegistry(options)
  endings.push(() => started.close())
  return started
}

async function counted(url: string) {
  const proxy = await startCountingProxy(url)
  endings.push(() => proxy.close())
  return proxy
}

async function server(name: 'registry') {
  const started = await startServer(name)
  endings.push(() => started.stop())
  return started
}

/** `app:v1`, whose layer stops at `part` of its bytes until it is let go. */
async function gated(part: number): Promise<{ readonly source: MemoryRegistry; readonly open: () => void }> {
  const source = await memory()
  source.add('app', BUILT, 'v1')
  const at = SIZE * part
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  source.repository('app').blobs.set(LAYER, {
    size: SIZE,
    async *open(offset) {
      if (offset < at) yield BYTES.subarray(offset, at)
      await opened
      yield BYTES.subarray(Math.max(offset, at))
    },
  })
  endings.push(async () => open())
  return { source, open }
}

const manifestOf = async (url: string): Promise<string | null> => {
  const headers = { accept: BUILT.mediaType }
  const answer = await fetch(`${url}/v2/mirror/app/manifests/v1`, { method: 'HEAD', headers })
  return answer.headers.get('docker-content-digest')
}

const real = test.skipIf(!availableServers().includes('registry'))

describe('a process that ends in the middle of a blob', () => {
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    real(`by ${signal} is followed by one that moves only the rest`, async () => {
      const { source, open } = await gated(0.6)
      const destination = await server('registry')
      const [down, up] = [await counted(source.url), await counted(destination.url)]
      const here = program()
      here.write('policy.yaml', policyBetween(down.url, up.url))
      const running = here.start(['run', 'policy.yaml'])
      await until('60 % are sent', () => up.bytesUp >= 0.6 * SIZE)
      running.process.kill(signal)
      await running.ended
      open()
      down.reset()
      up.reset()
      const second = await here.run(['run', 'policy.yaml', '-v'])
      expect(second.code).toBe(0)
      expect(await manifestOf(destination.url)).toBe(BUILT.digest)
      for (const bytes of [down.bytesDown, up.bytesUp]) {
        expect(bytes).toBeGreaterThan(0.35 * SIZE)
        expect(bytes).toBeLessThan(0.45 * SIZE)
      }
      const [last] = await here.executions()
      expect(last).toMatchObject({ status: 'succeeded' })
      // What the first had brought is not sent again either: its configuration.
      expect(up.counts.get('POST upload 202')).toBeUndefined()
      expect(second.stdout + second.stderr).toContain(`resuming ${LAYER} at 12.0 MiB of 20.0 MiB`)
      expect(second.stdout + second.stderr).not.toMatch(/_state=(?!\*\*\*)/)
    })
  }

  test('leaves an upload that is deleted once the policy has brought what it wants', async () => {
    const { source, open } = await gated(0.6)
    const destination = await memory()
    const stop = new AbortController()
    const place = workplace()
    const yaml = policyBetween(source.url, destination.url)
    const first = await place.run(yaml, {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'blob-progress' && event.bytes >= 0.5 * SIZE) setTimeout(() => stop.abort(), 50)
      },
    })
    expect(first.outcome.execution).toMatchObject({ status: 'stopped' })
    expect(destination.uploads.size).toBe(1)
    open()
    source.repository('app').tags.clear()
    source.add('app', image({ seed: 'small' }), 'v1')
    const second = await place.run(yaml)
    expect(second.outcome).toMatchObject({ exitCode: 0, execution: { status: 'succeeded', succeed: 1 } })
    expect(destination.uploads.size).toBe(0)
  })
})

/** Stopped once `part` of the layer has been sent. */
async function stoppedAt(part: number, url: string, destination: string) {
  const stop = new AbortController()
  const place = workplace()
  const yaml = url === '' ? destination : policyBetween(url, destination)
  const { outcome } = await place.run(yaml, {
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'blob-progress' && event.bytes >= part * SIZE) setTimeout(() => stop.abort(REASON), 50)
    },
  })
  const hint = outcome.error instanceof ReplicateError ? outcome.error.hint : undefined
  return { place, yaml, hint, execution: outcome.execution }
}

const REASON = new CancelledError('interrupted by SIGINT', 130)

describe('the figures of a run that was stopped', () => {
  test('have what the registry keeps of an unfinished blob, and the next run has that as already there', async () => {
    const { source, open } = await gated(0.6)
    const destination = await memory()
    const { place, yaml, hint, execution } = await stoppedAt(0.5, source.url, destination.url)
    expect(execution).toMatchObject({ status: 'stopped', stopped: 1, in_progress: 0, bytes_present: 0 })
    expect(execution?.bytes_copied).toBeGreaterThan(0.45 * SIZE)
    expect(execution?.bytes_copied).toBeLessThan(0.65 * SIZE)
    expect(hint).toBe('run it again: what has arrived stays, and it resumes where it stopped')
    open()
    const { execution: second } = (await place.run(yaml)).outcome
    expect(second).toMatchObject({ status: 'succeeded' })
    const all = (second?.bytes_copied ?? 0) + (second?.bytes_present ?? 0)
    expect(all).toBeGreaterThanOrEqual(SIZE)
    expect(all).toBeLessThan(SIZE + 10_000)
    // Of the first run's bytes only those of manifests and configurations may be missing.
    expect(second?.bytes_present).toBeGreaterThan((execution?.bytes_copied ?? 0) - 10_000)
  })

  test('leave out what the registry does not keep, and say so', async () => {
    const { source } = await gated(0.6)
    const destination = await memory({
      fault: ({ route, method }) => (route === 'upload' && method === 'GET' ? { status: 404 } : undefined),
    })
    const { hint, execution } = await stoppedAt(0.5, source.url, destination.url)
    expect(execution).toMatchObject({ status: 'stopped', stopped: 1 })
    expect(execution?.bytes_copied).toBeLessThan(10_000)
    expect(hint).toMatch(
      /^run it again: finished blobs stay; the 1[0-2]\.\d MiB of unfinished blobs that to did not keep are sent again$/,
    )
  })

  test('have what a directory keeps', async () => {
    const { source, open } = await gated(0.6)
    const layout = policyBetween(source.url, 'http://unused').replace(
      '{ type: docker-registry, url: http://unused }',
      '{ type: oci-layout, path: layout }',
    )
    const { place, yaml, hint, execution } = await stoppedAt(0.5, '', layout)
    expect(execution?.bytes_copied).toBeGreaterThan(0.45 * SIZE)
    expect(hint).toContain('what has arrived stays')
    open()
    const { execution: second } = (await place.run(yaml)).outcome
    expect(second).toMatchObject({ status: 'succeeded' })
    expect(second?.bytes_present).toBeGreaterThan((execution?.bytes_copied ?? 0) - 10_000)
  })

  test('count each byte once where the same execution is resumed', async () => {
    const { source, open } = await gated(0.6)
    const destination = await memory()
    const { place, yaml, execution } = await stoppedAt(0.5, source.url, destination.url)
    open()
    const resumed = await place.resume(yaml, execution?.id ?? 0)
    expect(resumed).toMatchObject({ status: 'succeeded' })
    expect(resumed?.bytes_present).toBeLessThan(10_000)
    expect(resumed?.bytes_copied).toBeGreaterThanOrEqual(SIZE)
    expect(resumed?.bytes_copied).toBeLessThan(SIZE + 10_000)
  })
})

test('a running execution grows in the history, and one that was killed keeps what was known of it', async () => {
  const { source } = await gated(0.6)
  const destination = await memory()
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  const running = here.start(['run', 'policy.yaml'])
  await until('it shows what it copies', async () => {
    const [execution] = await here.executions()
    return (execution?.bytes_copied ?? 0) > 0.5 * SIZE
  })
  expect((await here.execution('last')).tasks).toMatchObject([{ status: 'in_progress' }])
  running.process.kill('SIGKILL')
  await running.ended
  const killed = await here.execution('last')
  expect(killed).toMatchObject({ status: 'interrupted', in_progress: 0, stopped: 1, tasks: [{ status: 'stopped' }] })
  expect(killed.bytes_copied).toBeGreaterThan(0.5 * SIZE)
})

describe.each([
  ['in this thread', undefined],
  ['in another thread', EVERYTHING_CARRIED],
])('within one run, %s', (_, carriers) => {
  real('a source that breaks off is read on', async () => {
    const source = await memory()
    source.add('app', BUILT, 'v1')
    const destination = await server('registry')
    const [down, up] = [await counted(source.url), await counted(destination.url)]
    down.addFault({ cut: 'down', after: 0.6 * SIZE, match: (_, path) => path.includes(LAYER) })
    const { outcome } = await workplace({}, undefined, carriers).run(policyBetween(down.url, up.url))
    expect(outcome.exitCode).toBe(0)
    expect(await manifestOf(destination.url)).toBe(BUILT.digest)
    expect(down.counts.get('GET blob 206')).toBe(1)
    // What was in the connection's buffers when it was cut is lost.
    expect(down.bytesDown).toBeLessThan(1.4 * SIZE)
    expect(up.bytesUp).toBeLessThan(1.05 * SIZE)
  })

  real('an upload that breaks off goes on', async () => {
    const source = await memory()
    source.add('app', BUILT, 'v1')
    const destination = await server('registry')
    const [down, up] = [await counted(source.url), await counted(destination.url)]
    up.addFault({ cut: 'up', after: 0.6 * SIZE, match: (method, path) => method === 'PUT' && isOf(LAYER, path) })
    const { outcome } = await workplace({}, undefined, carriers).run(policyBetween(down.url, up.url))
    expect(outcome.exitCode).toBe(0)
    expect(await manifestOf(destination.url)).toBe(BUILT.digest)
    // The source is opened once more: besides the blob only what the destination has lost is read.
    expect(down.counts.get('GET blob 206')).toBe(1)
    expect(down.bytesDown).toBeLessThan(1.6 * SIZE)
    expect(up.bytesUp).toBeLessThan(1.2 * SIZE)
    expect(up.counts.get('PATCH upload 202')).toBe(1)
  })

  test('an upload that breaks off twice goes on once the registry has written what it received', async () => {
    const source = await memory()
    source.add('app', BUILT, 'v1')
    const destination = await memory({ lag: 0.2 * SIZE })
    const [down, up] = [await counted(source.url), await counted(destination.url)]
    up.addFault({ cut: 'up', after: 0.6 * SIZE, match: (method, path) => method === 'PUT' && isOf(LAYER, path) })
    up.addFault({ cut: 'up', after: 0.2 * SIZE, match: (method) => method === 'PATCH' })
    const { outcome } = await workplace({}, undefined, carriers).run(policyBetween(down.url, up.url))
    expect(outcome.exitCode).toBe(0)
    expect(destination.repository('mirror/app').tags.get('v1')).toBe(BUILT.digest)
    expect(down.counts.get('GET blob 206')).toBe(2)
    // The blob, and what the destination lost of it: at most 40 % and then 20 %.
    expect(down.bytesDown).toBeLessThan(1.65 * SIZE)
    expect(up.bytesUp).toBeLessThan(1.05 * SIZE)
    expect(up.counts.get('PATCH upload 416')).toBeUndefined()
  })

  test('an upload that breaks off while its source is silent goes on from all that the registry has', async () => {
    const { source, open } = await gated(0.6)
    const destination = await memory({
      fault: ({ route, method, path }) => {
        if (route !== 'upload' || !isOf(LAYER, path)) return undefined
        return method === 'PUT' ? { resetAfter: 0.5 * SIZE } : undefined
      },
    })
    const down = await counted(source.url)
    const { outcome } = await workplace({}, undefined, carriers).run(policyBetween(down.url, destination.url), {
      onEvent: ({ type }) => type === 'retry' && open(),
    })
    expect(outcome.exitCode).toBe(0)
    const ranges = destination.requests.map(({ headers }) => headers['content-range']).filter(Boolean)
    expect(ranges).toEqual([`${0.5 * SIZE}-${SIZE - 1}`])
    expect(down.counts.get('GET blob 206')).toBe(1)
    // The source may send the rest of the first stream before it hears that no one reads it.
    expect(down.bytesDown).toBeLessThan(1.55 * SIZE)
  })

  test('a storage whose signed link is good for one request is asked for by the registry again', async () => {
    let cut = false
    const source = await memory({
      redirectBlobs: 'once',
      fault: ({ route, path }) => {
        if (cut || route !== 'storage' || !decodeURIComponent(path).includes(LAYER)) return undefined
        cut = true
        return { truncateAfter: 0.6 * SIZE }
      },
    })
    source.add('app', BUILT, 'v1')
    const destination = await memory()
    const { outcome } = await workplace({}, undefined, carriers).run(policyBetween(source.url, destination.url))
    expect(outcome.exitCode).toBe(0)
    expect(destination.repository('mirror/app').tags.get('v1')).toBe(BUILT.digest)
    const links = source.requests.filter(({ path }) => decodeURIComponent(path).includes(LAYER))
    expect(links.map(({ route, status }) => `${route} ${status}`)).toEqual([
      'blob 307',
      'storage 200',
      'blob 307',
      'storage 206',
    ])
  })
})

describe('verify: off', () => {
  const OFF = '    verify: off'

  test('leaves the digest to the destination', async () => {
    const [source, destination] = [await memory(), await memory()]
    source.add('app', BUILT, 'v1')
    const { outcome } = await workplace().run(policyBetween(source.url, destination.url, OFF))
    expect(outcome.exitCode).toBe(0)
    expect(destination.repository('mirror/app').tags.get('v1')).toBe(BUILT.digest)
  })

  test('sends a blob that is refused once more, and says which side broke it', async () => {
    const [source, destination] = [await memory(), await memory()]
    const damaged = damage(BUILT)
    source.add('app', damaged, 'v1')
    const { outcome, tasks } = await workplace().run(policyBetween(source.url, destination.url, OFF))
    expect(outcome.exitCode).toBe(1)
    expect(tasks[0]?.error).toMatchObject({
      code: 'integrity',
      message: expect.stringMatching(new RegExp(`^source from: blob does not match its digest: expected ${LAYER}`)),
    })
    expect(destination.repository('mirror/app').blobs.has(LAYER)).toBe(false)
    expect(destination.uploads.size).toBe(0)
  })

  test('is no leave for a directory to keep what is damaged', async () => {
    const source = await memory()
    source.add('app', damage(BUILT), 'v1')
    const yaml = policyBetween(source.url, 'http://unused', OFF).replace(
      '{ type: docker-registry, url: http://unused }',
      '{ type: oci-layout, path: layout }',
    )
    const { outcome, tasks } = await workplace().run(yaml)
    expect(outcome.exitCode).toBe(1)
    expect(tasks[0]?.error?.message).toMatch(/^source from: blob does not match its digest/)
  })
})

function damage(artifact: Artifact): Artifact {
  const blobs = new Map(artifact.blobs)
  blobs.set(LAYER as Digest, Buffer.from(BYTES).fill(0, 100, 200))
  return { ...artifact, blobs }
}

function isOf(digest: string, path: string): boolean {
  return decodeURIComponent(path).includes(digest)
}
