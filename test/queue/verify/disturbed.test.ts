/** `verify --full --workers` while workers die, lack something or are not there, and while it is stopped. */

import { describe, expect, test } from 'vitest'
import type { Digest } from '../../../src/core/descriptor.ts'
import { policyBetween } from '../../e2e/harness.ts'
import { program, until } from '../../e2e/program.ts'
import { image } from '../../support/images.ts'
import type { MemoryRegistry, MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { hasRedis } from '../../support/redis.ts'
import { registry } from '../../support/registries.ts'
import { redis, type TestRedis, worker } from '../workplace.ts'

const VERIFY = ['verify', '--full', '--workers', '--config', 'config.yaml'] as const
const SIZE = 2_000_000
const gated = image({ layers: 1, size: SIZE, seed: 'gate' })

interface Scene {
  readonly queue: TestRedis
  readonly from: MemoryRegistry
  readonly to: MemoryRegistry
  readonly yaml: string
  /** How often the large blob was asked for at the destination. */
  readonly asked: () => number
  /** From now on it comes whole. */
  open(): void
}

/** Both sides are the same; the large blob of the destination stops half way until it is let go. */
async function scene(options: MemoryRegistryOptions = {}): Promise<Scene> {
  const [queue, from, to] = [await redis(), await registry(), await registry(options)]
  for (const tag of ['v1', 'v2', 'v3']) {
    from.add('app', image({ seed: tag }), tag)
    to.add('mirror/app', image({ seed: tag }), tag)
  }
  from.add('app', gated, 'large')
  to.add('mirror/app', gated, 'large')
  const [blob, bytes] = largest()
  const { promise, resolve } = Promise.withResolvers<void>()
  to.repository('mirror/app').blobs.set(blob, {
    size: SIZE,
    async *open(offset) {
      if (offset < SIZE / 2) yield bytes.subarray(offset, SIZE / 2)
      await promise
      yield bytes.subarray(Math.max(offset, SIZE / 2))
    },
  })
  const asked = (): number => to.requests.filter(({ method, path }) => method === 'GET' && path.endsWith(blob)).length
  return {
    queue,
    from,
    to,
    yaml: `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}" }\n`,
    asked,
    open: resolve,
  }
}

function largest(): readonly [Digest, Uint8Array] {
  const found = [...gated.blobs].find(([, { byteLength }]) => byteLength === SIZE)
  if (!found) throw new Error('no such layer')
  return found
}

/** A registry that wants a credential, which is in the environment. */
const AUTH = { kind: 'basic', user: 'robot', password: 'correct-horse-7' } as const
const credential = 'credential: { type: basic, username: robot, password: "$' + '{TO_PASSWORD}" }'
const secured = (yaml: string, to: MemoryRegistry): string =>
  yaml.replace(`url: ${to.url}`, `url: ${to.url}, ${credential}`)

describe.skipIf(!hasRedis())('a full verification by workers', () => {
  test('has a blob read by another worker where one was killed while it read', async () => {
    const { queue, yaml, asked, open } = await scene()
    const doomed = program()
    const working = doomed.start(['worker', '--name', 'doomed', '--config', doomed.write('config.yaml', yaml)])
    await until('it is ready', () => working.said().includes('worker doomed takes tasks'))
    const user = program()
    user.write('config.yaml', yaml)
    const running = user.start(VERIFY)
    await until('the worker reads the blob', () => asked() > 0)
    expect(working.said()).toContain('reads blobs for the verification of copy on ')
    working.process.kill('SIGKILL')
    await working.ended
    const { news } = await worker(yaml, { name: 'heir' })
    await until('the heir reads it, too', () => asked() > 1)
    open()
    const { code, stdout, stderr } = await running.ended
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('4 artifacts compared, no difference')
    expect(stderr).toMatch(/a worker that had blob mirror\/app@sha256:.* does not answer any more: another one takes/)
    expect(news.some((one) => one.type === 'blob' && one.blob === `mirror/app@${largest()[0]}`)).toBe(true)
    expect(await queue.client.keys('*:run:*')).toEqual([])
  })

  test('ends at once when it is stopped, and so does what its workers read', async () => {
    const { queue, yaml, asked } = await scene()
    const { news } = await worker(yaml)
    const user = program()
    user.write('config.yaml', yaml)
    const running = user.start(VERIFY)
    await until('the worker reads the blob', () => asked() > 0)
    running.process.kill('SIGINT')
    const { code, stdout } = await running.ended
    expect([code, stdout]).toEqual([130, 'copy  from → to/mirror\n'])
    expect(await queue.client.keys('*:run:*')).toEqual([])
    await until('the worker has left it', () => news.at(-1)?.type === 'left')
  })

  test('ends as soon when it is stopped while its only worker is dead', async () => {
    const { yaml, asked } = await scene()
    const doomed = program()
    const working = doomed.start(['worker', '--config', doomed.write('config.yaml', yaml)])
    await until('it is ready', () => working.said().includes('takes tasks from'))
    const user = program()
    user.write('config.yaml', yaml)
    const running = user.start(VERIFY)
    await until('the worker reads the blob', () => asked() > 0)
    working.process.kill('SIGKILL')
    await working.ended
    running.process.kill('SIGTERM')
    expect((await running.ended).code).toBe(143)
  })

  test('goes on when Redis comes back without its file', async () => {
    const { queue, yaml, asked, open } = await scene()
    await worker(yaml)
    const user = program()
    user.write('config.yaml', yaml)
    const running = user.start(VERIFY)
    await until('the worker reads the blob', () => asked() > 0)
    await queue.kill()
    await until('it is told', () => running.said().includes('does not answer'))
    await queue.start()
    open()
    const { code, stdout, stderr } = await running.ended
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('4 artifacts compared, no difference')
  })

  test('waits for a worker, and says so also under --quiet', async () => {
    const { queue, yaml, open } = await scene()
    open()
    const user = program()
    user.write('config.yaml', yaml)
    const running = user.start([...VERIFY, '--quiet'])
    await until('it says so', () => running.said().includes(`waiting: no worker takes tasks from ${queue.url}`))
    await worker(yaml)
    expect(await running.ended).toMatchObject({ code: 0, stdout: '' })
  })

  test('needs workers that have its destination, and not its source', async () => {
    const { to, yaml, open } = await scene()
    open()
    await worker(yaml.replace(`url: ${to.url}`, 'url: http://127.0.0.1:9'), { name: 'astray' })
    const user = program()
    user.write('config.yaml', yaml)
    const failed = await user.run(VERIFY)
    expect(failed.code).toBe(3)
    expect(failed.stderr).toContain('warning: worker astray reads no blobs of this verification: its registry `to` is')
    expect(failed.stderr).toContain('error: no worker can read the blobs: astray: its registry `to` is')
    const elsewhere = yaml.replace(/url: (\S+) \}/, 'url: http://127.0.0.1:9 }')
    const { news } = await worker(elsewhere, { name: 'near' })
    const ended = await user.run(VERIFY)
    expect(ended, ended.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('no difference') })
    expect(news.filter(({ type }) => type === 'blob')).toHaveLength(to.repository('mirror/app').blobs.size)
  })

  test('reads itself what the credential of a worker may not', async () => {
    const { to, yaml, open } = await scene({ auth: AUTH })
    open()
    const [blob] = largest()
    to.repository('mirror/app').blobs.set(blob, Buffer.alloc(SIZE, 7))
    const user = program({ TO_PASSWORD: AUTH.password })
    user.write('config.yaml', secured(yaml, to))
    await worker(secured(yaml, to), { name: 'wrong', env: { TO_PASSWORD: 'no' } })
    const ended = await user.run(VERIFY)
    expect(ended, ended.stderr).toMatchObject({ code: 1, stdout: expect.stringContaining(`damaged blob ${blob}`) })
    expect(ended.stderr).toMatch(/warning: worker wrong: destination to: .*; this process reads such blobs itself/)
  })

  test("keeps to the registry's bandwidth over all workers, as it does without them", async () => {
    const { queue, from, to, yaml, open } = await scene()
    open()
    const other = image({ layers: 1, size: SIZE, seed: 'other' })
    from.add('app', other, 'other')
    to.add('mirror/app', other, 'other')
    // Four megabytes at one a second; two workers that each had a limit of their own would take half the time.
    const limited = yaml.replaceAll('type: docker-registry', 'type: docker-registry, limits: { bandwidth: 1MB/s }')
    const user = program()
    user.write('config.yaml', limited)
    const alone = await user.run(VERIFY.filter((word) => word !== '--workers'))
    expect(alone, alone.stderr).toMatchObject({ code: 0 })
    expect(alone.took).toBeGreaterThan(3500)
    for (const name of ['one', 'two']) await worker(limited, { name, concurrency: 1 })
    const joined = async (): Promise<number> => (await queue.client.keys('*:worker:*')).length
    await until('both are there', async () => (await joined()) === 2)
    const ended = await user.run(VERIFY)
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(ended.took).toBeGreaterThan(3500)
  })
})

describe('--workers of a verification', () => {
  test('goes with --full, and says why', async () => {
    const user = program()
    user.write('policy.yaml', policyBetween('http://127.0.0.1:9', 'http://127.0.0.1:9'))
    const ended = await user.run(['verify', 'policy.yaml', '--workers'])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain('--workers goes with --full')
  })

  test('needs a queue that the configuration names', async () => {
    const user = program()
    user.write('policy.yaml', policyBetween('http://127.0.0.1:9', 'http://127.0.0.1:9'))
    const ended = await user.run(['verify', 'policy.yaml', '--full', '--workers'])
    expect(ended).toMatchObject({ code: 2 })
    expect(ended.stderr).toContain('no configuration names a queue for workers')
  })
})
