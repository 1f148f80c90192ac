/** Pulls through the gateway: what clients get, what is asked of the source, and what the destination has then. */

import { expect, test } from 'vitest'
import { computeDigest, OCI_INDEX } from '../../../src/core/manifest.ts'
import { until } from '../../e2e/program.ts'
import { cosignSignature, image, index, referrer } from '../../support/images.ts'
import { asked, policies, registry, startGateway } from './gateway.ts'

test('gives a client the source’s manifest and blobs, and leaves the whole artifact at the destination', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 3, size: 400_000 })
  const all = index([app, image({ seed: 2, platform: { os: 'linux', architecture: 'arm64' } })])
  source.add('team/app', all, '1.0')
  const signature = cosignSignature(all.descriptor)
  source.add('team/app', signature.artifact, signature.tag)
  const sbom = referrer(all.descriptor, { artifactType: 'application/spdx+json' })
  source.add('team/app', sbom)
  const gateway = await startGateway(policies(source, destination))

  const manifest = await gateway.get('team/app/manifests/1.0')
  expect([manifest.status, manifest.headers.get('docker-content-digest')]).toEqual([200, all.digest])
  expect(manifest.headers.get('content-type')).toBe(OCI_INDEX)
  expect(Buffer.from(await manifest.arrayBuffer())).toEqual(Buffer.from(all.bytes))
  const child = await gateway.get(`team/app/manifests/${app.digest}`)
  expect(child.status).toBe(200)
  for (const [digest, bytes] of app.blobs) {
    const blob = await gateway.get(`team/app/blobs/${digest}`)
    expect(blob.status).toBe(200)
    expect(Buffer.from(await blob.arrayBuffer()).equals(bytes)).toBe(true)
  }
  const there = destination.repository('mirror/app')
  await until('the tag is at the destination', () => there.tags.get('1.0') === all.digest)
  await until('the execution has ended', () => gateway.news.some(({ type }) => type === 'execution_ended'))
  expect([...there.manifests.keys()].sort()).toEqual([...source.repository('team/app').manifests.keys()].sort())
  const blobReads = source.requests.filter(({ method, route }) => method === 'GET' && route === 'blob')
  expect(new Set(blobReads.map(({ path }) => path)).size).toBe(blobReads.length)
  const manifestReads = source.requests.filter(({ method, route }) => method === 'GET' && route === 'manifest')
  expect(new Set(manifestReads.map(({ path }) => path)).size).toBe(manifestReads.length)

  const referrers = await gateway.get(`team/app/referrers/${all.digest}`)
  expect(await referrers.json()).toMatchObject({ manifests: [{ digest: sbom.digest }] })
  const tags = await gateway.get('team/app/tags/list')
  expect(await tags.json()).toMatchObject({ name: 'team/app', tags: expect.arrayContaining(['1.0']) })
})

test('a second pull is served by the destination alone', async () => {
  const [source, destination] = [await registry(), await registry()]
  const app = image({ layers: 2, size: 400_000 })
  source.add('team/app', app, '1.0')
  const gateway = await startGateway(policies(source, destination))
  const pull = async (): Promise<void> => {
    expect(computeDigest(Buffer.from(await (await gateway.get('team/app/manifests/1.0')).arrayBuffer()))).toBe(
      app.digest,
    )
    for (const digest of app.blobs.keys()) {
      const bytes = Buffer.from(await (await gateway.get(`team/app/blobs/${digest}`)).arrayBuffer())
      expect(computeDigest(bytes)).toBe(digest)
    }
  }
  await pull()
  await until('the execution has ended', () => gateway.news.some(({ type }) => type === 'execution_ended'))
  const [before, written] = [asked(source).length, asked(destination).length]
  await pull()
  expect(asked(source).slice(before)).toEqual([])
  // Each blob costs the destination one request.
  const blobs = asked(destination)
    .slice(written)
    .filter(({ route }) => route === 'blob')
  expect(blobs.map(({ method, path }) => `${method} ${path}`)).toEqual(
    [...app.blobs.keys()].map((digest) => `GET /v2/mirror/app/blobs/${digest}`),
  )
  // The source's registry would have counted the second manifest as a pull.
  const saved = gateway.news.flatMap((news) => (news.type === 'gateway' ? [news.saved] : []))
  expect(saved.filter((one) => one)).toHaveLength(1)
})

test('what no policy selects is 404 with the rule, and nothing is asked of the source', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('team/app', image(), '1.0', 'beta')
  source.add('other/app', image(), '1.0')
  const gateway = await startGateway(policies(source, destination, '    filters: {tag: ["1.*"]}\n'))
  const outside = await gateway.get('other/app/manifests/1.0')
  expect([outside.status, await outside.json()]).toMatchObject([
    404,
    { errors: [{ code: 'NAME_UNKNOWN', detail: expect.stringContaining('namespaces: team') }] },
  ])
  const tag = await gateway.get('team/app/manifests/beta')
  expect([tag.status, await tag.json()]).toMatchObject([
    404,
    { errors: [{ code: 'MANIFEST_UNKNOWN', detail: expect.stringContaining('tag: 1.*') }] },
  ])
  const digest = await gateway.get(`team/app/manifests/${image().digest}`)
  expect(digest.status).toBe(404)
  expect(asked(source)).toEqual([])
})
