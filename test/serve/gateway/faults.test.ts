/** Two faults at once: a source that gives other bytes when it is read again, beside a destination or a reading that breaks off. Nothing
 *  wrong is ever complete, neither at a client nor at the destination. */

import { request as httpRequest, type IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import type { Digest } from '../../../src/core/descriptor.ts'
import { computeDigest } from '../../../src/core/manifest.ts'
import { Flight } from '../../../src/serve/gateway/pull/flight.ts'
import { createSpools } from '../../../src/serve/gateway/pull/spool.ts'
import { until } from '../../e2e/program.ts'
import { image, index } from '../../support/images.ts'
import type { MemoryRegistry } from '../../support/memory-registry.ts'
import { randomBytes } from '../../support/random.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { bodyOf, policies, pulled, registry, startGateway } from './gateway.ts'

const MIB = 1024 * 1024
const SIZE = 12 * MIB

/** The layer that is right, and the same with other bytes before its middle. */
function twice() {
  const right = randomBytes(SIZE, 'right')
  const wrong = Buffer.from(right)
  randomBytes(MIB, 'wrong').copy(wrong, 2 * MIB)
  return { right, wrong, digest: computeDigest(right) }
}

/** The source's blob is `readings` in this order, the last one again and again; one that is cut ends after so many bytes. */
function give(
  source: MemoryRegistry,
  digest: string,
  readings: readonly { readonly bytes: Buffer; readonly cut?: number }[],
): { count: number } {
  const seen = { count: 0 }
  source.repository('team/app').blobs.set(digest as Digest, {
    size: SIZE,
    async *open(offset) {
      const { bytes, cut = SIZE } = readings[Math.min(seen.count, readings.length - 1)] ?? { bytes: Buffer.alloc(0) }
      seen.count += 1
      for (let at = offset; at < cut; at += 64 * 1024) yield bytes.subarray(at, Math.min(at + 64 * 1024, cut))
      if (cut < SIZE) throw new Error('the source breaks off')
    },
  })
  return seen
}

/** A client that takes nothing of the body until it is told to. */
function opened(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { agent: false }, resolve).on('error', reject).end()
  })
}

/** What the client got, where it was told that it is all. */
async function complete(answer: IncomingMessage): Promise<Buffer | 'broken off'> {
  const parts: Buffer[] = []
  try {
    for await (const part of answer) parts.push(part)
  } catch {
    return 'broken off'
  }
  return Buffer.concat(parts)
}

test('a slow client of a reading that proves wrong is not given the rest of the next one', async () => {
  const { right, wrong, digest } = twice()
  const [source, destination] = [await registry(), await registry()]
  // Two platforms have the layer: where its copy fails for one, the other tries again.
  const platforms = ['amd64', 'arm64'].map((architecture) =>
    image({ layers: 1, base: [right], seed: architecture, platform: { os: 'linux', architecture } }),
  )
  source.add('team/app', index(platforms), '1.0')
  const seen = give(source, digest, [{ bytes: wrong }, { bytes: right }])
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  for (const { digest: platform } of platforms) await bodyOf(await gateway.get(`team/app/manifests/${platform}`))
  const slow = await opened(`${gateway.url}/v2/team/app/blobs/${digest}`)
  await pulled(gateway)
  await until('it was read again', () => seen.count > 1)
  const got = await complete(slow)
  expect(got === 'broken off' || computeDigest(got) === digest).toBe(true)
  expect(destination.repository('mirror/app').blobs.has(digest)).toBe(true)
})

test.each([
  ['room for all', { memory: 64 * MIB, disk: 64 * MIB }],
  ['no room at all', { memory: 0, disk: 0 }],
])('a destination that breaks off, and a source that then gives other bytes, with %s', async (_, spooled) => {
  const { right, wrong, digest } = twice()
  let cuts = 0
  const [source, destination] = [
    await registry(),
    await registry({
      fault({ method }) {
        if ((method !== 'PUT' && method !== 'PATCH') || cuts >= 2) return undefined
        cuts += 1
        return { resetAfter: 4 * MIB }
      },
    }),
  ]
  source.add('team/app', image({ layers: 1, base: [right] }), '1.0')
  give(source, digest, [{ bytes: right }, { bytes: wrong }])
  const gateway = await startGateway(policies(source, destination), { timing: { random: () => 0 }, spooled })
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const [fast, slow] = [1, 2].map(() => opened(`${gateway.url}/v2/team/app/blobs/${digest}`).catch(() => undefined))
  const first = await fast
  const got = first && (await complete(first))
  await pulled(gateway)
  const second = await slow
  for (const one of [got, second && (await complete(second))]) {
    if (one instanceof Buffer && one.byteLength === SIZE) expect(computeDigest(one)).toBe(digest)
  }
  for (const [name, blob] of destination.repository('mirror/app').blobs) {
    if (blob instanceof Uint8Array) expect(computeDigest(blob)).toBe(name)
  }
})

test('the rest of a blob that two destinations shared is hashed together with its beginning', async () => {
  const { right, wrong, digest } = twice()
  const cut = { done: false }
  const [source, destination, other] = [
    await registry(),
    await registry({
      fault({ method }) {
        if ((method !== 'PUT' && method !== 'PATCH') || cut.done) return undefined
        cut.done = true
        return { resetAfter: 4 * MIB }
      },
    }),
    await registry(),
  ]
  source.add('team/app', image({ layers: 1, base: [right] }), '1.0')
  // Wrong in what the first reading gives, right in what comes after: each half alone would pass.
  const seen = give(source, digest, [{ bytes: wrong }, { bytes: right }])
  const yaml = policies(source, destination)
    .replace('policies:', `  other: {type: docker-registry, url: ${other.url}}\npolicies:`)
    .replace(
      'destination: {registry: mine, namespace: mirror}',
      'destination: [{registry: mine, namespace: mirror}, {registry: other, namespace: mirror}]',
    )
  const gateway = await startGateway(yaml, { timing: { random: () => 0 } })
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const answer = await opened(`${gateway.url}/v2/team/app/blobs/${digest}`)
  const got = answer.statusCode === 200 ? await complete(answer) : 'broken off'
  await pulled(gateway)
  expect(seen.count).toBeGreaterThan(1)
  if (got instanceof Buffer && got.byteLength === SIZE) expect(computeDigest(got)).toBe(digest)
  expect(destination.repository('mirror/app').tags.size).toBe(0)
})

test('what an abandoned reading still writes is not written twice', async () => {
  const bytes = randomBytes(3 * MIB, 'flight')
  const spools = createSpools(`${temporaryDirectory()}/pulls`, { memory: 0, disk: 8 * MIB })
  const flight = new Flight({ mediaType: 'application/octet-stream', digest: computeDigest(bytes), size: 3 * MIB })
  flight.listen(spools.open(3 * MIB))
  flight.begin(0)
  const first = flight.hear(bytes.subarray(0, MIB))
  // The destination broke off meanwhile, and reads from the beginning.
  flight.begin(0)
  const again = flight.hear(bytes.subarray(0, 2 * MIB))
  await Promise.all([first, again])
  await flight.hear(bytes.subarray(2 * MIB))
  flight.arrive()
  const reader = {}
  const got: Uint8Array[] = []
  for (let at = 0; at < bytes.byteLength; ) {
    const held = await flight.read(at, reader, new AbortController().signal)
    if (!held) throw new Error(`nothing at ${at}`)
    got.push(Buffer.from(held.bytes))
    at += held.bytes.byteLength
    held.release(true)
  }
  expect(Buffer.concat(got).equals(bytes)).toBe(true)
  await flight.closeSpool()
})
