/** Tags that move, sources that are down, and rules of a policy that hold a tag back. */

import { expect, test } from 'vitest'
import { image } from '../../support/images.ts'
import { bodyOf, policies, pulled, registry, startGateway } from './gateway.ts'

const digestOf = (response: Response): string | null => response.headers.get('docker-content-digest')

test('a tag that has moved is brought once it is older than max_age', async () => {
  const [source, destination] = [await registry(), await registry()]
  const [old, now] = [image(), image({ seed: 2 })]
  source.add('team/app', old, '1.0')
  const gateway = await startGateway(policies(source, destination, '', '1ms'))
  expect(digestOf(await gateway.get('team/app/manifests/1.0'))).toBe(old.digest)
  await pulled(gateway)
  source.add('team/app', now, '1.0')
  expect(digestOf(await gateway.get('team/app/manifests/1.0'))).toBe(now.digest)
  await pulled(gateway, 2)
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(now.digest)
})

test('a fresh tag is not asked for again at its source', async () => {
  const [source, destination] = [await registry(), await registry()]
  const old = image()
  source.add('team/app', old, '1.0')
  const gateway = await startGateway(policies(source, destination))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  await pulled(gateway)
  source.add('team/app', image({ seed: 2 }), '1.0')
  expect(digestOf(await gateway.get('team/app/manifests/1.0'))).toBe(old.digest)
})

test('with the source down the destination’s copy is served with a warning, and what is not there is 503', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0')
  const gateway = await startGateway(policies(source, destination, '', '1ms'))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  await pulled(gateway)
  await source.close()
  const there = await gateway.get('team/app/manifests/1.0')
  expect([there.status, there.headers.get('warning'), digestOf(there)]).toEqual([
    200,
    '111 replicate "Revalidation Failed"',
    image().digest,
  ])
  const [digest] = image().blobs.keys()
  expect((await gateway.get(`team/app/blobs/${digest}`)).status).toBe(200)
  const absent = await gateway.get('team/app/manifests/2.0')
  expect([absent.status, await absent.json()]).toMatchObject([503, { errors: [{ code: 'UNAVAILABLE' }] }])
})

test('a tag that the source no longer has is served as stale', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0')
  const gateway = await startGateway(policies(source, destination, '', '1ms'))
  await bodyOf(await gateway.get('team/app/manifests/1.0'))
  await pulled(gateway)
  source.repository('team/app').tags.delete('1.0')
  const there = await gateway.get('team/app/manifests/1.0')
  expect([there.status, there.headers.get('warning')]).toEqual([200, '110 replicate "Response is Stale"'])
})

test('what min_age holds back is 404 with that rule, or the destination’s older content', async () => {
  const [source, destination] = [await registry(), await registry()]
  const old = image()
  source.add('team/app', image({ seed: 2 }), '1.0', '2.0')
  destination.add('mirror/app', old, '1.0')
  const gateway = await startGateway(policies(source, destination, '    filters: {min_age: 7d}\n'))
  const young = await gateway.get('team/app/manifests/2.0')
  expect([young.status, await young.json()]).toMatchObject([
    404,
    { errors: [{ detail: expect.stringContaining('min_age: 7d') }] },
  ])
  expect(digestOf(await gateway.get('team/app/manifests/1.0'))).toBe(old.digest)
  expect((await gateway.get(`team/app/manifests/${image({ seed: 2 }).digest}`)).status).toBe(404)
})

test('a HEAD copies nothing, and the GET of its digest does', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image()
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination, '    filters: {tag: ["1.*"]}\n'))
  const head = await gateway.head('team/app/manifests/1.0')
  expect([head.status, digestOf(head), head.headers.get('content-length')]).toEqual([
    200,
    app.digest,
    String(app.bytes.byteLength),
  ])
  expect(gateway.news.some(({ type }) => type === 'execution_started')).toBe(false)
  const manifest = await gateway.get(`team/app/manifests/${app.digest}`)
  expect([manifest.status, (await bodyOf(manifest)).equals(Buffer.from(app.bytes))]).toEqual([200, true])
  expect(await pulled(gateway)).toEqual([0])
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(app.digest)
})

test('a digest without a tag is pulled where no rule needs a tag', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image()
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  expect((await gateway.get(`team/app/manifests/${app.digest}`)).status).toBe(200)
  expect(await pulled(gateway)).toEqual([0])
  expect(destination.repository('mirror/app').manifests.has(app.digest)).toBe(true)
})

test('a narrowed index is served as the destination has it', async () => {
  const { index } = await import('../../support/images.ts')
  const [source, destination] = [await registry(), await registry()]
  const amd64 = image()
  const all = index([amd64, image({ seed: 2, platform: { os: 'linux', architecture: 'arm64' } })])
  source.add('team/app', all, '1.0')
  const rules = '    filters: {platforms: [linux/amd64], platforms_index: narrow}\n'
  const gateway = await startGateway(policies(source, destination, rules))
  const first = await gateway.get('team/app/manifests/1.0')
  const digest = digestOf(first)
  expect(await first.json()).toMatchObject({ manifests: [{ digest: amd64.digest }] })
  expect(destination.repository('mirror/app').tags.get('1.0')).toBe(digest)
  expect(digestOf(await gateway.get('team/app/manifests/1.0'))).toBe(digest)
  expect(await pulled(gateway)).toEqual([0])
})
