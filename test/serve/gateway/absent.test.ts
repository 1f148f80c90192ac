/** What is not there, and what was lost: how often it is looked for, and when it is brought. */

import { expect, test } from 'vitest'
import type { Digest } from '../../../src/core/descriptor.ts'
import { computeDigest } from '../../../src/core/manifest.ts'
import { image, index } from '../../support/images.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { asked, bodyOf, type Gateway, policies, pulled, registry, startGateway } from './gateway.ts'

test('a digest that the source does not have is looked for once, however many clients ask', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0')
  const timing = { clock: manualClock() }
  const gateway = await startGateway(policies(source, destination), { timing })
  const get = async (path: string): Promise<void> => {
    const all = await Promise.all(Array.from({ length: 5 }, () => gateway.get(path)))
    expect(all.map(({ status }) => status)).toEqual(Array(5).fill(404))
  }
  const counts = (): readonly number[] => [asked(source).length, asked(destination).length]
  const absent = image({ seed: 2 })
  await get(`team/app/manifests/${absent.digest}`)
  const first = counts()
  expect(first[0]).toBe(1)
  await get(`team/app/manifests/${absent.digest}`)
  expect(counts()).toEqual(first)
  const [blob] = absent.blobs.keys()
  await get(`team/app/blobs/${blob}`)
  await get(`team/app/blobs/${blob}`)
  expect(counts()).toEqual([first[0], (first[1] ?? 0) + 1])
})

test('what was absent a moment ago is found as soon as a pull brings it', async () => {
  const [source, destination] = [await registry(), await registry()]
  const child = image()
  const app = index([child])
  const gateway = await startGateway(policies(source, destination, '    filters: {tag: ["1.*"]}\n'))
  const parts = [`manifests/${app.digest}`, `manifests/${child.digest}`, `blobs/${[...child.blobs.keys()][0]}`]
  const statuses = async (): Promise<readonly number[]> =>
    (await Promise.all(parts.map((part) => gateway.get(`team/app/${part}`)))).map(({ status }) => status)
  expect(await statuses()).toEqual([404, 404, 404])
  source.add('team/app', app, '1.0')
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  expect(await pulled(gateway)).toEqual([0])
  expect(await statuses()).toEqual([200, 200, 200])
})

test('a tag that a filter holds back costs one plan, however many clients ask', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0')
  const timing = { clock: manualClock() }
  const gateway = await startGateway(policies(source, destination, '    filters: {min_age: 7d}\n'), { timing })
  const refused = async (): Promise<void> => {
    expect((await gateway.get('team/app/manifests/1.0')).status).toBe(404)
  }
  await refused()
  const before = asked(source).length
  await refused()
  expect(asked(source)).toHaveLength(before)
})

/** A blob that the destination had, and has lost together with the tag or alone. */
async function lost(what: 'the artifact' | 'the blob') {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 1, size: 300_000 })
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  expect(await pulled(gateway)).toEqual([0])
  const there = destination.repository('mirror/app')
  const [digest] = [...app.blobs.keys()].slice(-1) as [Digest]
  there.blobs.delete(digest)
  if (what === 'the artifact') {
    there.tags.clear()
    there.manifests.clear()
  }
  return { gateway, digest, size: app.blobs.get(digest)?.byteLength, there }
}

function runs({ news }: Gateway): number {
  return news.filter(({ type }) => type === 'execution_started').length
}

test.each(['the artifact', 'the blob'] as const)(
  'where the destination has lost %s, a HEAD of the blob starts no run, and a GET brings it back',
  async (what) => {
    const { gateway, digest, size, there } = await lost(what)
    const head = await gateway.head(`team/app/blobs/${digest}`)
    expect([head.status, head.headers.get('content-length'), runs(gateway)]).toEqual([200, String(size), 1])
    const blob = await gateway.get(`team/app/blobs/${digest}`)
    expect([blob.status, computeDigest(await bodyOf(blob))]).toEqual([200, digest])
    expect(await pulled(gateway, 2)).toEqual([0, 0])
    expect(there.blobs.has(digest)).toBe(true)
  },
)

test('a blob that has another size at the destination is brought again', async () => {
  const { gateway, digest, there } = await lost('the blob')
  there.blobs.set(digest, Buffer.from('not what its digest says'))
  const blob = await gateway.get(`team/app/blobs/${digest}`)
  expect([blob.status, computeDigest(await bodyOf(blob))]).toEqual([200, digest])
  expect(await pulled(gateway, 2)).toEqual([0, 0])
})

test('a HEAD of a blob that is on its way does not make it go before others', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 1, size: 300_000 })
  source.add('team/app', app, '1.0')
  const clock = manualClock()
  const gateway = await startGateway(policies(source, destination), { timing: { clock } })
  const [config, layer] = [...app.blobs.keys()]
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  const head = await gateway.head(`team/app/blobs/${layer}`)
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '300000'])
  // All that no client waits for waits until the clock moves.
  expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${config}`)))).toBe(config)
  const reads = asked(source).filter(({ method, route }) => method === 'GET' && route === 'blob')
  expect(reads.map(({ path }) => path)).toEqual([`/v2/team/app/blobs/${config}`])
  expect(computeDigest(await bodyOf(await gateway.get(`team/app/blobs/${layer}`)))).toBe(layer)
})

test.each([401, 403])(
  'what the source refuses with %i, as of a repository that does not exist, is denied, and asked for once',
  async (status) => {
    const [source, destination] = [
      await registry({ fault: ({ path }) => (path.startsWith('/v2/team/gone/') ? { status } : undefined) }),
      await registry(),
    ]
    source.add('team/app', image(), '1.0')
    destination.add('mirror/gone', image({ seed: 2 }), 'kept')
    const gateway = await startGateway(policies(source, destination, '', '1h'), { timing: { clock: manualClock() } })
    for (let time = 0; time < 3; time += 1) {
      const refused = await gateway.get('team/gone/manifests/1.0')
      expect([refused.status, await refused.json()]).toMatchObject([
        403,
        { errors: [{ code: 'DENIED', message: expect.stringMatching(/^source hub: /) }] },
      ])
    }
    expect(asked(source)).toHaveLength(1)
    const kept = await gateway.get('team/gone/manifests/kept')
    expect([kept.status, kept.headers.get('warning')]).toEqual([200, '111 replicate "Revalidation Failed"'])
    // The rest of the source is still asked.
    destination.add('mirror/app', image({ seed: 3 }), '1.0')
    const other = await gateway.get('team/app/manifests/1.0')
    expect([other.status, other.headers.get('docker-content-digest')]).toEqual([200, image().digest])
  },
)
