/** Blobs on their way, as many clients see them: one download, each at its own pace, and never what is wrong or cut short. */

import { request as httpRequest, type IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { computeDigest } from '../../../src/core/manifest.ts'
import { image } from '../../support/images.ts'
import type { Fault, LoggedRequest } from '../../support/memory-registry.ts'
import { asked, bodyOf, policies, pulled, registry, startGateway } from './gateway.ts'

const SIZE = 6_000_000

/** A client that reads nothing of the body until it is told to. */
function opened(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest(url, resolve).on('error', reject).end()
  })
}

function layerOf(app: ReturnType<typeof image>): readonly [string, Buffer] {
  const [digest, bytes] = [...app.blobs].at(-1) ?? []
  if (!digest || !bytes) throw new Error('no layer')
  return [digest, bytes]
}

/** Faults of the blob's GETs at the source, in their order. */
function faultsOf(digest: string, ...faults: readonly (Fault | undefined)[]) {
  return ({ method, path }: LoggedRequest, seen: number): Fault | undefined =>
    method === 'GET' && path.endsWith(digest) ? faults[seen] : undefined
}

test('fifty clients at once cause one download', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 1, size: SIZE })
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  const client = async (): Promise<void> => {
    expect(computeDigest(await bodyOf(await gateway.get('team/app/manifests/1.0')))).toBe(app.digest)
    for (const digest of app.blobs.keys()) {
      expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${digest}`)))).toBe(digest)
    }
  }
  await Promise.all(Array.from({ length: 50 }, client))
  expect(await pulled(gateway)).toEqual([0])
  const reads = asked(source).filter(({ method }) => method === 'GET')
  expect(reads.filter(({ route }) => route === 'blob')).toHaveLength(app.blobs.size)
  expect(reads.filter(({ route }) => route === 'manifest')).toHaveLength(1)
})

test('a client that reads nothing holds up neither the others nor the copy, and gets the rest later', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 1, size: SIZE * 3 })
  const [digest, bytes] = layerOf(app)
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const slow = await opened(`${gateway.url}/v2/team/app/blobs/${digest}`)
  expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${digest}`)))).toBe(digest)
  expect(await pulled(gateway)).toEqual([0])
  const got: Buffer[] = []
  for await (const chunk of slow) got.push(chunk)
  expect(Buffer.concat(got).equals(bytes)).toBe(true)
})

test('a client that goes away does not stop the copy', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 2, size: SIZE })
  const [digest] = layerOf(app)
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const client = await opened(`${gateway.url}/v2/team/app/blobs/${digest}`)
  client.destroy()
  expect(await pulled(gateway)).toEqual([0])
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(app.digest)
})

test('a source that dies in the middle of a blob is read on where it stopped', async () => {
  const app = image({ layers: 1, size: SIZE })
  const [digest] = layerOf(app)
  const source = await registry({ fault: faultsOf(digest, { truncateAfter: 2_000_000 }) })
  const destination = await registry()
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${digest}`)))).toBe(digest)
  expect(await pulled(gateway)).toEqual([0])
})

test('a source that stays dead in the middle of a blob breaks the client off, and the next pull brings it', async () => {
  const app = image({ layers: 1, size: SIZE })
  const [digest] = layerOf(app)
  const cut = { truncateAfter: 2_000_000 } as const
  const source = await registry({
    fault: faultsOf(
      digest,
      cut,
      { reset: true },
      { reset: true },
      { reset: true },
      { reset: true },
      { reset: true },
      { reset: true },
      { reset: true },
      { reset: true },
    ),
  })
  const destination = await registry()
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination), { timing: { random: () => 0 } })
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const response = await gateway.get(`team/app/blobs/${digest}`)
  expect(response.status).toBe(200)
  await expect(bodyOf(response)).rejects.toThrow()
  expect(await pulled(gateway)).toEqual([1])
  expect(destination.repository('mirror/app').tags.size).toBe(0)
  expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${digest}`)))).toBe(digest)
  expect(await pulled(gateway, 2)).toEqual([1, 0])
})

test('a blob with another digest never looks complete, to a client or at the destination', async () => {
  const app = image({ layers: 1, size: SIZE })
  const [digest] = layerOf(app)
  const source = await registry({ fault: faultsOf(digest, { corrupt: true }, { corrupt: true }) })
  const destination = await registry()
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  await expect(gateway.get(`team/app/blobs/${digest}`).then(bodyOf)).rejects.toThrow()
  expect(await pulled(gateway)).toEqual([1])
  const there = destination.repository('mirror/app')
  expect([there.blobs.has(digest as `${string}:${string}`), there.tags.size]).toEqual([false, 0])
})

test('a part of a blob is sent as it is asked for, on its way and afterwards', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 1, size: SIZE })
  const [digest, bytes] = layerOf(app)
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const part = async (range: string): Promise<readonly unknown[]> => {
    const response = await gateway.get(`team/app/blobs/${digest}`, { headers: { range } })
    const body = await bodyOf(response)
    return [response.status, response.headers.get('content-range'), body.byteLength && computeDigest(body)]
  }
  const of = (first: number, end: number): readonly unknown[] => [
    206,
    `bytes ${first}-${end - 1}/${SIZE}`,
    computeDigest(bytes.subarray(first, end)),
  ]
  for (const state of ['on its way', 'there']) {
    expect([state, await part('bytes=100-199')]).toEqual([state, of(100, 200)])
    expect([state, await part('bytes=5999000-')]).toEqual([state, of(5_999_000, SIZE)])
    expect([state, await part('bytes=-10')]).toEqual([state, of(SIZE - 10, SIZE)])
    expect([state, await part(`bytes=${SIZE}-`)]).toEqual([state, [416, `bytes */${SIZE}`, 0]])
    await pulled(gateway)
  }
  // A range counts for GET alone.
  const looked = await gateway.get(`team/app/blobs/${digest}`, { method: 'HEAD', headers: { range: 'bytes=0-9' } })
  expect([looked.status, looked.headers.get('content-length')]).toEqual([200, String(SIZE)])
})
