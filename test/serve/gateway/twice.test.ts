/** A blob that two artifacts need which clients pull at the same time. */

import { expect, test } from 'vitest'
import type { Digest } from '../../../src/core/descriptor.ts'
import { computeDigest } from '../../../src/core/manifest.ts'
import { until } from '../../e2e/program.ts'
import { image } from '../../support/images.ts'
import { randomBytes } from '../../support/random.ts'
import { asked, bodyOf, policies, pulled, registry, startGateway } from './gateway.ts'

const SIZE = 3_000_000

/** Two images with one layer in common, of which the source sends half until `open` is called. */
async function shared(second: 'team/app' | 'team/other') {
  const [source, destination] = [await registry(), await registry()]
  const base = randomBytes(SIZE, 'base')
  const digest = computeDigest(base)
  const [one, two] = [image({ layers: 1, base: [base] }), image({ layers: 1, base: [base], seed: 2 })]
  source.add('team/app', one, '1.0')
  source.add(second, two, '2.0')
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  for (const name of new Set(['team/app', second])) {
    source.repository(name).blobs.set(digest as Digest, {
      size: SIZE,
      async *open(offset) {
        if (offset < SIZE / 2) yield base.subarray(offset, SIZE / 2)
        await opened
        yield base.subarray(Math.max(offset, SIZE / 2))
      },
    })
  }
  const gateway = await startGateway(policies(source, destination))
  const reads = (): readonly string[] =>
    asked(source)
      .filter(({ method, route, path }) => method === 'GET' && route === 'blob' && path.endsWith(digest))
      .map(({ path }) => path)
  return { source, destination, gateway, digest, two, open, reads }
}

test.each([
  ['one repository', 'team/app'],
  ['two repositories', 'team/other'],
] as const)('is downloaded once for %s, and streamed to the clients of both', async (_, second) => {
  const { destination, gateway, digest, two, open, reads } = await shared(second)
  const begun = async (name: string, tag: string): Promise<() => Promise<Buffer>> => {
    await bodyOf(await gateway.get(`${name}/manifests/${tag}`))
    const answer = await gateway.get(`${name}/blobs/${digest}`)
    expect(answer.status).toBe(200)
    const reader = answer.body?.getReader()
    const parts = [(await reader?.read())?.value ?? new Uint8Array()]
    expect(parts[0]?.byteLength).toBeGreaterThan(0)
    return async () => {
      for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) parts.push(next.value)
      return Buffer.concat(parts)
    }
  }
  const first = await begun('team/app', '1.0')
  const other = await begun(second, '2.0')
  expect(reads()).toEqual([`/v2/team/app/blobs/${digest}`])
  open()
  expect([computeDigest(await first()), computeDigest(await other())]).toEqual([digest, digest])
  expect(await pulled(gateway, 2)).toEqual([0, 0])
  expect(reads()).toHaveLength(1)
  expect(destination.repository(second.replace('team', 'mirror')).tags.get('2.0')).toBe(two.digest)
})

test('is downloaded by the second pull where the first one fails, and no client gets what is cut short', async () => {
  const base = randomBytes(SIZE, 'base')
  const digest = computeDigest(base)
  const source = await registry({
    // The repository of the first pull gives a part of it, and then nothing.
    fault: ({ method, path }, seen) => {
      if (method !== 'GET' || path !== `/v2/team/app/blobs/${digest}`) return undefined
      return seen === 0 ? { truncateAfter: SIZE / 2 } : { reset: true }
    },
  })
  const destination = await registry()
  source.add('team/app', image({ layers: 1, base: [base] }), '1.0')
  const two = image({ layers: 1, base: [base], seed: 2 })
  source.add('team/other', two, '2.0')
  const gateway = await startGateway(policies(source, destination), { timing: { random: () => 0 } })
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const get = (name: string): Promise<Buffer> => gateway.get(`team/${name}/blobs/${digest}`).then(bodyOf)
  const first = expect(get('app')).rejects.toThrow()
  await until('the first pull reads it', () => asked(source).some(({ path }) => path.endsWith(`app/blobs/${digest}`)))
  await bodyOf(await gateway.get('team/other/manifests/2.0'))
  const second = get('other')
  second.catch(() => {})
  await first
  // It may have followed the first one, and is broken off with it then.
  const got = await second.catch(() => get('other'))
  expect(computeDigest(got)).toBe(digest)
  expect((await pulled(gateway, 2)).toSorted()).toEqual([0, 1])
  expect(destination.repository('mirror/other').tags.get('2.0')).toBe(two.digest)
})
