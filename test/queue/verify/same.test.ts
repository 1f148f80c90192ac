/** `verify --full` finds the same with workers and without: what it prints, as text and as JSON, and its exit status. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Digest } from '../../../src/core/descriptor.ts'
import { descriptorOf } from '../../../src/core/manifest.ts'
import { policyBetween } from '../../e2e/harness.ts'
import { type Ended, type Program, program } from '../../e2e/program.ts'
import { naming, world } from '../../e2e/with-images/world.ts'
import { chart, pushed } from '../../support/charts.ts'
import { missingHelm } from '../../support/clients.ts'
import { chartMuseum } from '../../support/helm.ts'
import { image, index, referrer } from '../../support/images.ts'
import type { MemoryRegistry, MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { hasRedis } from '../../support/redis.ts'
import { registry } from '../../support/registries.ts'
import { redis, type TestWorker, worker } from '../workplace.ts'

const one = image({ seed: 'one' })
const two = image({ seed: 'two', platform: { os: 'linux', architecture: 'arm64' } })
const both = index([one, two])
const sbom = referrer(descriptorOf(one))
const [config, layer] = [...one.blobs.keys()]
if (!config || !layer) throw new Error('an image without blobs')

const there = (to: MemoryRegistry) => to.repository('mirror/app')

/** A registry with an index, an SBOM and an image, and its copy, damaged. */
async function copied(damage: (to: MemoryRegistry) => void, options: MemoryRegistryOptions = {}) {
  const [from, to] = [await registry(), await registry(options)]
  for (const [side, repository] of [
    [from, 'app'],
    [to, 'mirror/app'],
  ] as const) {
    side.add(repository, both, 'both')
    side.add(repository, sbom)
    for (const tag of ['v1', 'v2', 'v3']) side.add(repository, image({ seed: tag }), tag)
  }
  damage(to)
  return { from, to, yaml: policyBetween(from.url, to.url) }
}

interface Ways {
  readonly without: readonly Ended[]
  readonly with: readonly Ended[]
  readonly workers: readonly TestWorker[]
}

/** Two workers read what `targets` are about. Standard output is in the order in which things were found: it is sorted. */
async function bothWays(yaml: string, targets: readonly string[] = [], user: Program = program()): Promise<Ways> {
  const queue = await redis()
  const whole = `${yaml}\nworkers: { queue: "${queue.url}" }\n`
  const workers = [await worker(whole, { name: 'one' }), await worker(whole, { name: 'two' })]
  const file = user.write('config.yaml', whole)
  const ran = async (...more: readonly string[]): Promise<readonly Ended[]> =>
    Promise.all(
      [[], ['--json']].map((format) =>
        user.run(['verify', ...targets, '--config', file, '--full', ...more, ...format]),
      ),
    )
  const ways = { without: await ran(), with: await ran('--workers'), workers }
  expect(await queue.client.keys('*:run:*')).toEqual([])
  return ways
}

function comparable({ code, stdout, stderr }: Ended) {
  return {
    code,
    stderr: sortedLines(stderr),
    stdout: stdout.startsWith('{') ? sorted(JSON.parse(stdout)) : sortedLines(stdout),
  }
}

function sortedLines(text: string): readonly string[] {
  return text.split('\n').sort()
}

/** Each list of the document in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, sorted(inner)]))
}

function read({ workers }: Ways): number {
  return workers.flatMap(({ news }) => news.filter(({ type }) => type === 'blob')).length
}

/** `kinds` are those of the differences without workers, so that no case compares nothing. */
function same(ways: Ways, code: number, kinds: readonly string[]): void {
  const [text, json] = ways.without
  expect([text?.code, json?.code], text?.stderr).toEqual([code, code])
  const { policies, places } = JSON.parse(json?.stdout ?? '') as Record<
    string,
    readonly { differences: readonly { kind: string }[] }[] | undefined
  >
  const found = (policies ?? places ?? []).flatMap(({ differences = [] }) => differences.map(({ kind }) => kind))
  expect(found.sort()).toEqual(kinds)
  expect(ways.with.map(comparable)).toEqual(ways.without.map(comparable))
}

describe.skipIf(!hasRedis())('with workers and without', () => {
  test('a healthy copy: workers read every blob', async () => {
    const { to, yaml } = await copied(() => {})
    const ways = await bothWays(yaml)
    same(ways, 0, [])
    const blobs = there(to).blobs.size
    expect(read(ways)).toBe(2 * blobs)
  })

  test.each<[string, number, readonly string[], (to: MemoryRegistry) => void, MemoryRegistryOptions?]>([
    ['other bytes', 1, ['damaged_blob'], (to) => there(to).blobs.set(layer, Buffer.alloc(1000, 7))],
    ['a blob that is gone', 1, ['missing_blob'], (to) => there(to).blobs.delete(layer)],
    ['a blob of another size', 1, ['damaged_blob'], (to) => there(to).blobs.set(config, Buffer.alloc(10))],
    [
      'a blob that is there until it is read',
      1,
      ['missing_blob'],
      () => {},
      { fault: ({ method, path }) => (method === 'GET' && path.endsWith(layer) ? { status: 404 } : undefined) },
    ],
    [
      'a server that fails for a while',
      0,
      [],
      () => {},
      {
        fault: ({ method, route }, seen) =>
          method === 'GET' && route === 'blob' && seen % 3 > 0 ? { status: 503 } : undefined,
      },
    ],
    [
      'a blob that must not be read',
      1,
      ['unreadable'],
      () => {},
      { fault: ({ method, path }) => (method === 'GET' && path.endsWith(layer) ? { status: 403 } : undefined) },
    ],
  ])('%s', async (_, code, kinds, damage, options) => {
    const { yaml } = await copied(damage, options)
    same(await bothWays(yaml), code, kinds)
  })

  test('a registry and a directory, which this process reads itself', async () => {
    const { from, to } = await copied((to) => there(to).blobs.set(layer, Buffer.alloc(1000, 7)))
    const user = program()
    const yaml = `
registries:
  from: { type: docker-registry, url: ${from.url} }
  to: { type: docker-registry, url: ${to.url} }
  dir: { type: oci-layout, path: ${join(user.directory, 'layout')} }
policies:
  copy:
    source: { registry: from }
    destination: [{ registry: to, namespace: mirror, flatten: 0 }, { registry: dir }]
`
    const carried = yaml.replace(/destination: .*/, 'destination: { registry: dir }')
    expect((await user.run(['run', user.write('carry.yaml', carried)])).code).toBe(0)
    writeFileSync(join(user.directory, 'layout', 'blobs', config.replace(':', '/')), Buffer.alloc(10))
    const ways = await bothWays(yaml, [], user)
    same(ways, 1, ['damaged_blob', 'damaged_blob'])
    expect(read(ways)).toBe(2 * there(to).blobs.size)
  })

  test('one registry by itself', async () => {
    const { to, yaml } = await copied((to) => there(to).blobs.set(layer, Buffer.alloc(1000, 7)))
    const ways = await bothWays(yaml, ['to/mirror/app'])
    same(ways, 1, ['damaged_blob'])
    expect(read(ways)).toBe(2 * there(to).blobs.size)
  })

  test('a registry that only the command names', async () => {
    const { to } = await copied((to) => there(to).blobs.set(layer, Buffer.alloc(1000, 7)))
    const ways = await bothWays('', [`${to.host}/mirror/app`])
    same(ways, 1, ['damaged_blob'])
    expect(read(ways)).toBe(2 * there(to).blobs.size)
  })

  test('as many blobs are read at once as workers have places, of one repository, too', async () => {
    const [places, size] = [24, 5000]
    const all = Promise.withResolvers<void>()
    const tags = Array.from(
      { length: 2 * places },
      (_, at) => [`v${at}`, image({ layers: 1, size, seed: at })] as const,
    )
    const layers = new Set(
      tags.flatMap(([, { blobs }]) => [...blobs].flatMap(([key, bytes]) => (bytes.length === size ? [key] : []))),
    )
    const reading = new Set<string>()
    const [queue, from, to] = [
      await redis(),
      await registry(),
      await registry({
        intercept: async ({ method, url }) => {
          const digest = url.pathname.split('/').at(-1) ?? ''
          if (method !== 'GET' || !layers.has(digest as Digest)) return undefined
          reading.add(digest)
          if (reading.size === places) all.resolve()
          await all.promise
          return undefined
        },
      }),
    ]
    for (const [tag, built] of tags) {
      from.add('app', built, tag)
      to.add('mirror/app', built, tag)
    }
    const yaml = `${policyBetween(from.url, to.url)}\nworkers: { queue: "${queue.url}" }\n`
    for (const name of ['one', 'two']) await worker(yaml, { name, concurrency: places / 2 })
    const user = program()
    const ended = await user.run(['verify', '--config', user.write('config.yaml', yaml), '--full', '--workers'])
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(reading.size).toBe(tags.length)
  })

  test('a directory by itself needs no worker', async () => {
    const { yaml } = await copied(() => {})
    const user = program()
    const config = user.write('config.yaml', yaml)
    expect((await user.run(['copy', 'from/app:both', 'oci:carried', '--config', config])).code).toBe(0)
    const ways = await bothWays(yaml, ['oci:carried'], user)
    same(ways, 0, [])
    expect(read(ways)).toBe(0)
  })

  test('the images that charts name', async () => {
    const { put, images, to, yaml } = await world()
    images.add('team/app', one, '1.0')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0` })])
    const user = program({ PATH: '' })
    expect((await user.run(['run', user.write('policy.yaml', yaml())])).code).toBe(0)
    const [home] = [...to.repositories.keys()].filter((name) => to.repository(name).blobs.has(layer))
    to.repository(home ?? '').blobs.set(layer, Buffer.alloc(1000, 7))
    same(await bothWays(yaml(), [], user), 1, ['damaged_blob'])
  })

  test('a repair, whose run and whose second look have workers, too', async () => {
    const { to, yaml } = await copied((to) => there(to).blobs.set(layer, Buffer.alloc(1000, 7)))
    const queue = await redis()
    const whole = `${yaml}\nworkers: { queue: "${queue.url}" }\n`
    const { news } = await worker(whole)
    const user = program()
    const ended = await user.run([
      'verify',
      '--config',
      user.write('config.yaml', whole),
      '--full',
      '--workers',
      '--repair',
    ])
    expect(ended, ended.stderr).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Execution 1 succeeded[\s\S]*repaired\n$/),
    })
    expect(there(to).blobs.get(layer)).toEqual(one.blobs.get(layer))
    expect(news.flatMap((one) => (one.type === 'joined' ? [[one.execution, one.policy]] : []))).toEqual([
      [null, 'copy'],
      [1, 'copy'],
      [null, 'copy'],
    ])
  })
})

describe.skipIf(!hasRedis() || missingHelm().length > 0)('a chart repository, with workers and without', () => {
  test('what it makes of its charts is read by this process', async () => {
    const [from, museum] = [await registry(), await chartMuseum()]
    for (const version of ['1.0.0', '1.1.0']) from.add('charts/demo', await pushed(chart('demo', version)), version)
    const yaml = `
registries:
  from: { type: docker-registry, url: ${from.url} }
  to: { type: chartmuseum, url: "${museum.url}" }
policies:
  copy: { source: { registry: from }, destination: { registry: to, flatten: 1 } }
`
    const user = program()
    expect((await user.run(['run', user.write('policy.yaml', yaml)])).code).toBe(0)
    const ways = await bothWays(yaml, [], user)
    same(ways, 0, [])
    expect(read(ways)).toBe(0)
  })
})
