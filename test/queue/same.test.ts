/** Each case is run without workers and with two: executions, tasks, logs and exit statuses are the same, and so is what the destination has. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { RunOptions } from '../../src/app/app.ts'
import { descriptorOf } from '../../src/core/manifest.ts'
import { policyBetween } from '../e2e/harness.ts'
import { image, index, referrer } from '../support/images.ts'
import type { MemoryRegistry, MemoryRegistryOptions } from '../support/memory-registry.ts'
import { hasRedis } from '../support/redis.ts'
import { registry } from '../support/registries.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { comparable } from './compared.ts'
import { place, redis, worker } from './workplace.ts'

interface Case {
  readonly name: string
  readonly source?: MemoryRegistryOptions
  readonly destination?: MemoryRegistryOptions
  readonly fill: (from: MemoryRegistry, to: MemoryRegistry) => void
  /** Of the policy, two spaces deep. */
  readonly extra?: string
  readonly yaml?: (from: string, to: string, directory: string) => string
  readonly options?: RunOptions
  /** What the run without workers must be, so that no case compares nothing. */
  readonly expected: { readonly exitCode: number; readonly succeed: number; readonly failed: number }
}

const seeds = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `v${at + 1}`)

const cases: readonly Case[] = [
  {
    name: 'plain images',
    fill: (from) => {
      for (const tag of seeds(12)) from.add('app', image({ seed: tag }), tag)
      for (const tag of seeds(3)) from.add('team/web', image({ seed: `web ${tag}` }), tag)
    },
    expected: { exitCode: 0, succeed: 15, failed: 0 },
  },
  {
    name: 'an index of which some platforms are wanted, and its signature',
    fill: (from) => {
      const platforms = ['amd64', 'arm64', 's390x'].map((architecture) =>
        image({ seed: architecture, platform: { os: 'linux', architecture } }),
      )
      const whole = index(platforms)
      from.add('app', whole, 'v1')
      from.add('app', referrer(descriptorOf(whole)))
    },
    extra: '    filters: { platforms: [linux/amd64, linux/arm64], platforms_index: narrow }\n    verify: full',
    expected: { exitCode: 0, succeed: 1, failed: 0 },
  },
  {
    name: 'a destination that refuses one repository',
    destination: {
      intercept: ({ url, method }) =>
        method !== 'GET' && method !== 'HEAD' && url.pathname.includes('/mirror/secret/') ? { status: 403 } : undefined,
    },
    fill: (from) => {
      for (const tag of seeds(2)) from.add('app', image({ seed: tag }), tag)
      for (const tag of seeds(2)) from.add('secret', image({ seed: `secret ${tag}` }), tag)
    },
    expected: { exitCode: 1, succeed: 2, failed: 2 },
  },
  {
    name: 'a blob that the source has lost',
    fill: (from) => {
      const built = image({ seed: 'whole' })
      const broken = image({ seed: 'broken' })
      from.add('app', built, 'v1')
      from.add('app', broken, 'v2')
      const [lost] = [...broken.blobs.keys()]
      if (lost) from.repository('app').blobs.delete(lost)
    },
    expected: { exitCode: 1, succeed: 1, failed: 1 },
  },
  {
    name: 'bytes that are not what their digest says',
    fill: (from) => {
      const broken = image({ seed: 'broken' })
      from.add('app', broken, 'v1')
      const [one, bytes] = [...broken.blobs][0] ?? []
      if (one && bytes) from.repository('app').blobs.set(one, Buffer.alloc(bytes.byteLength, 7))
    },
    expected: { exitCode: 1, succeed: 0, failed: 1 },
  },
  {
    name: 'a server that fails for a while',
    source: { fault: ({ route }, seen) => (route === 'blob' && seen < 2 ? { status: 503 } : undefined) },
    fill: (from) => from.add('app', image({ seed: 1 }), 'v1'),
    expected: { exitCode: 0, succeed: 1, failed: 0 },
  },
  {
    name: 'a mirror that deletes',
    fill: (from, to) => {
      for (const tag of seeds(3)) from.add('app', image({ seed: tag }), tag)
      to.add('mirror/app', image({ seed: 'old' }), 'old')
      to.add('mirror/app', image({ seed: 'v1' }), 'v1')
    },
    extra: '    deletion: mirror\n    max_deletions: 10',
    expected: { exitCode: 0, succeed: 3, failed: 0 },
  },
  {
    name: 'a tag that is kept',
    fill: (from, to) => {
      from.add('app', image({ seed: 1 }), 'v1', 'v2')
      to.add('mirror/app', image({ seed: 'other' }), 'v1')
    },
    extra: '    override: false',
    expected: { exitCode: 0, succeed: 1, failed: 0 },
  },
  {
    name: 'a directory as the destination',
    fill: (from) => {
      for (const tag of seeds(3)) from.add('app', image({ seed: tag }), tag)
    },
    yaml: (from, _to, directory) => `
registries:
  from: { type: docker-registry, url: ${from} }
policies:
  copy: { source: { registry: from }, destination: "oci:${join(directory, 'layout')}" }
`,
    expected: { exitCode: 0, succeed: 3, failed: 0 },
  },
  {
    name: 'a registry and a directory',
    fill: (from) => {
      for (const tag of seeds(3)) from.add('app', image({ seed: tag }), tag)
    },
    yaml: (from, to, directory) => `
registries:
  from: { type: docker-registry, url: ${from} }
  to: { type: docker-registry, url: ${to} }
  dir: { type: oci-layout, path: ${join(directory, 'layout')} }
policies:
  copy:
    source: { registry: from }
    destination: [{ registry: to, namespace: mirror, flatten: 0 }, { registry: dir }]
`,
    expected: { exitCode: 0, succeed: 6, failed: 0 },
  },
  {
    name: 'the first failure ends it',
    destination: {
      intercept: ({ url, method }) =>
        method !== 'GET' && method !== 'HEAD' && url.pathname.includes('/mirror/app/') ? { status: 403 } : undefined,
    },
    fill: (from) => from.add('app', image({ seed: 1 }), 'v1'),
    options: { failFast: true },
    expected: { exitCode: 1, succeed: 0, failed: 1 },
  },
]

describe.skipIf(!hasRedis())('the same with workers and without', () => {
  test.each(cases)('$name', async (one) => {
    const queue = await redis()
    const without = await runOnce(one, undefined)
    const withWorkers = await runOnce(one, queue.url)
    const { exitCode, ...counts } = one.expected
    expect(without.ran.outcome.exitCode, without.ran.logs.join('\n')).toBe(exitCode)
    expect(without.ran.execution).toMatchObject(counts)
    expect(withWorkers.compared).toEqual(without.compared)
    expect(await queue.client.keys('*:run:*')).toEqual([])
  })
})

async function runOnce(one: Case, queue: string | undefined) {
  const [from, to] = [await registry(one.source), await registry(one.destination)]
  one.fill(from, to)
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'layout'))
  const policy = one.yaml?.(from.url, to.url, directory) ?? policyBetween(from.url, to.url, one.extra)
  const yaml = `${policy}\nworkers: { queue: "${queue ?? 'redis://127.0.0.1:1'}" }\n`
  const workers = queue ? [await worker(yaml, { name: 'one' }), await worker(yaml, { name: 'two' })] : []
  const ran = await place().run(yaml, { ...one.options, workers: queue !== undefined })
  await Promise.all(workers.map(({ end }) => end()))
  const plain = (text: string): string =>
    text.replaceAll(from.host, 'FROM').replaceAll(to.host, 'TO').replaceAll(directory, 'DIR')
  return { ran, compared: comparable(ran, to, plain) }
}
