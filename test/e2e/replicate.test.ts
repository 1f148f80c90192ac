import { join } from 'node:path'
import { expect, test } from 'vitest'
import { computeDigest, descriptorOf } from '../../src/core/manifest.ts'
import { ociLayout } from '../../src/oci/layout/layout.ts'
import { artifact, cosignSignature, image, index, referrer, schema1 } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { policyBetween, workplace } from './harness.ts'

const linux = (architecture: string) => ({ os: 'linux', architecture })

test('copies every kind of artifact with its digest, and says unchanged the second time', async () => {
  const [source, destination] = [await registry(), await registry()]
  const kinds = {
    docker: image({ docker: true, seed: 'docker' }),
    oci: image({ seed: 'oci' }),
    list: index([image({ docker: true, seed: 'a' }), image({ docker: true, seed: 'b', platform: linux('arm64') })], {
      docker: true,
    }),
    index: index([image({ seed: 'c' }), image({ seed: 'd', platform: linux('arm64') })]),
    nested: index([index([image({ seed: 'e' })])]),
    artifact: artifact(),
  }
  for (const [tag, built] of Object.entries(kinds)) source.add('group/app', built, tag)
  const place = workplace()
  const first = await place.run(policyBetween(source.url, destination.url))
  expect(first.outcome).toMatchObject({
    exitCode: 0,
    execution: { status: 'succeeded', total: 6, succeed: 6, unchanged: 0 },
  })
  for (const [tag, built] of Object.entries(kinds)) {
    expect(destination.repository('mirror/group/app').tags.get(tag), tag).toBe(built.digest)
  }
  const second = await place.run(policyBetween(source.url, destination.url))
  expect(second.outcome).toMatchObject({ exitCode: 0, execution: { status: 'succeeded', total: 0, unchanged: 6 } })
})

test('a schema 1 image is refused by name, the others are copied', async () => {
  const [source, destination] = [await registry({ schema1: true }), await registry()]
  source.add('app', schema1(), 'old')
  source.add('app', image(), 'new')
  const { outcome, tasks } = await workplace().run(policyBetween(source.url, destination.url))
  expect(outcome).toMatchObject({ exitCode: 1, execution: { status: 'failed', succeed: 1, failed: 1 } })
  const failed = tasks.find((task) => task.status === 'failed')
  expect(failed).toMatchObject({
    action: 'blocked',
    src_resource: 'from/app:old',
    error: { message: expect.stringContaining('schema 1') },
  })
  expect(destination.repository('mirror/app').tags.has('new')).toBe(true)
})

// Seven of them ask for the tags that may hang on it, so that no list of tags is read, and one for the named tag at the destination.
test('one new image of five layers costs 28 requests in a new repository, 34 in a known one', async () => {
  const [source, destination] = [await registry({ referrers: false }), await registry()]
  source.add('app', image({ layers: 5 }), 'v1')
  const place = workplace()
  const yaml = (tag: string) => policyBetween(source.url, destination.url, `    filters: { name: app, tag: ${tag} }`)
  await place.run(yaml('v1'))
  expect(contentRequests(source, destination)).toBe(28)
  source.requests.length = 0
  destination.requests.length = 0
  source.add('app', image({ layers: 5, seed: 'other' }), 'v2')
  await place.run(yaml('v2'))
  expect(contentRequests(source, destination)).toBe(34)
})

/** All that is about content: not the check of each registry, the tag lists, and the one look for a referrers API. */
function contentRequests(...registries: readonly MemoryRegistry[]): number {
  const fixed = new Set(['ping', 'tags', 'referrers'])
  return registries.flatMap((from) => from.requests).filter((request) => !fixed.has(request.route)).length
}

test('an unchanged tag costs a HEAD on each side, and no manifest is read', async () => {
  const [source, destination] = [await registry(), await registry()]
  for (let tag = 0; tag < 10; tag += 1) source.add('app', image({ seed: tag }), `v${tag}`)
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url)
  await place.run(yaml)
  source.requests.length = 0
  destination.requests.length = 0
  const { outcome } = await place.run(yaml)
  expect(outcome.execution).toMatchObject({ unchanged: 10, total: 0 })
  for (const side of [source, destination]) {
    const manifests = side.requests.filter((request) => request.route === 'manifest')
    expect(manifests.map((request) => request.method)).toEqual(Array.from({ length: 10 }, () => 'HEAD'))
    expect(side.requests.filter((request) => request.route === 'blob' || request.route === 'upload')).toEqual([])
  }
})

test('referrers and signatures travel with their image, those of its children too', async () => {
  const [source, destination] = [await registry(), await registry()]
  const child = image({ seed: 'child' })
  const built = index([child])
  source.add('app', built, 'v1')
  const sbom = referrer(descriptorOf(child))
  source.add('app', sbom)
  const signature = referrer(descriptorOf(sbom))
  source.add('app', signature)
  const cosign = cosignSignature(descriptorOf(built))
  source.add('app', cosign.artifact, cosign.tag)
  const { outcome } = await workplace().run(policyBetween(source.url, destination.url))
  expect(outcome.exitCode).toBe(0)
  const there = destination.repository('mirror/app')
  for (const digest of [sbom.digest, signature.digest, cosign.artifact.digest])
    expect(there.manifests.has(digest)).toBe(true)
  expect(there.tags.get(cosign.tag)).toBe(cosign.artifact.digest)
  // A referrer is no image of its own: one task, one tag.
  expect(outcome.execution?.total).toBe(1)
})

test('a destination without the referrers API gets the fallback index', async () => {
  const [source, destination] = [await registry(), await registry({ referrers: false })]
  const built = image()
  source.add('app', built, 'v1')
  const sbom = referrer(descriptorOf(built))
  source.add('app', sbom)
  await workplace().run(policyBetween(source.url, destination.url))
  const there = destination.repository('mirror/app')
  const fallback = there.tags.get(built.digest.replace(':', '-'))
  expect(
    fallback && JSON.parse(Buffer.from(there.manifests.get(fallback)?.bytes ?? []).toString()).manifests,
  ).toMatchObject([{ digest: sbom.digest }])
})

test('a layer that ten repositories share is sent once and mounted nine times', async () => {
  const [source, destination] = [await registry(), await registry()]
  const base = [Buffer.alloc(400_000, 'a'), Buffer.alloc(300_000, 'b')]
  for (let at = 0; at < 10; at += 1) source.add(`team/app${at}`, image({ base, seed: at, layers: 1 }), 'v1')
  const { outcome } = await workplace().run(policyBetween(source.url, destination.url))
  expect(outcome.execution).toMatchObject({ succeed: 10, bytes_mounted: 9 * 700_000 })
  const sent = destination.requests
    .filter((request) => request.route === 'upload')
    .reduce((sum, request) => sum + request.bytesIn, 0)
  expect(sent).toBeLessThan(800_000)
})

const FLIPPED = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])])

for (const [what, damage, told] of [
  ['a flipped byte', FLIPPED, (bytes: Buffer) => `got ${computeDigest(FLIPPED(bytes))}`],
  ['a missing byte', (bytes: Buffer) => bytes.subarray(0, -1), sizes(-1)],
  ['a byte too many', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('!')]), sizes(1)],
] as const) {
  test(`${what} in a layer fails that task with what is wrong, and nothing that refers to it is written`, async () => {
    const [source, destination] = [await registry(), await registry()]
    const bad = image({ seed: 'bad', layers: 1 })
    const [layer, bytes] = [...bad.blobs].at(-1) ?? []
    if (!layer || !bytes) throw new Error('an image without layers')
    source.add('app', bad, 'bad')
    source.add('app', image({ seed: 'good' }), 'good')
    source.repository('app').blobs.set(layer, damage(bytes))
    const { outcome, tasks } = await workplace().run(policyBetween(source.url, destination.url))
    expect(outcome).toMatchObject({ exitCode: 1, execution: { succeed: 1, failed: 1 } })
    const there = destination.repository('mirror/app')
    expect([...there.tags.keys()]).toEqual(['good'])
    expect([there.manifests.has(bad.digest), there.blobs.has(layer)]).toEqual([false, false])
    const error = tasks.find((task) => task.status === 'failed')?.error
    expect(error).toMatchObject({
      code: 'integrity',
      message: expect.stringMatching(new RegExp(`source from: .*${layer}.*${told(bytes)}`)),
    })
  })
}

function sizes(difference: number): (bytes: Buffer) => string {
  return ({ length }) => `has ${length + difference} bytes at the registry, its descriptor says ${length}`
}

test('a source that breaks off again and again is read on until all is there', async () => {
  const source = await registry({ fault: (request) => (request.route === 'blob' ? { truncateAfter: 400 } : undefined) })
  const destination = await registry()
  const built = image({ layers: 1 })
  source.add('app', built, 'v1')
  const { outcome } = await workplace().run(policyBetween(source.url, destination.url))
  expect(outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1 } })
  expect(destination.repository('mirror/app').tags.get('v1')).toBe(built.digest)
})

test('a manifest that is not its digest fails with both digests', async () => {
  const source = await registry({
    fault: (request) => (request.route === 'manifest' && request.method === 'GET' ? { corrupt: true } : undefined),
  })
  const destination = await registry()
  const built = image()
  source.add('app', built, 'v1')
  const { outcome, tasks } = await workplace().run(policyBetween(source.url, destination.url))
  expect(outcome.exitCode).toBe(1)
  expect(tasks[0]?.error).toMatchObject({
    code: 'integrity',
    message: expect.stringMatching(new RegExp(`${built.digest}.*sha256:`)),
  })
})

test('override: false keeps what differs', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', image({ seed: 1 }), 'v1')
  destination.add('mirror/app', image({ seed: 2 }), 'v1')
  const { outcome, tasks } = await workplace().run(policyBetween(source.url, destination.url, '    override: false'))
  expect(outcome).toMatchObject({ exitCode: 0, execution: { status: 'succeeded', skipped: 1 } })
  expect(tasks[0]).toMatchObject({ action: 'keep', status: 'skipped' })
  expect(destination.repository('mirror/app').tags.get('v1')).toBe(image({ seed: 2 }).digest)
})

test('two sources for one destination tag are refused before anything is copied', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('a/app', image({ seed: 1 }), 'v1')
  source.add('b/app', image({ seed: 2 }), 'v1')
  const yaml = policyBetween(source.url, destination.url).replace('flatten: 0', 'flatten: all')
  const { outcome } = await workplace().run(yaml)
  expect(outcome.exitCode).toBe(3)
  expect(String(outcome.error)).toMatch(/from\/a\/app:v1 and from\/b\/app:v1|from\/b\/app:v1 and from\/a\/app:v1/)
  expect(destination.requests.every((request) => request.method === 'GET' || request.method === 'HEAD')).toBe(true)
})

test('a selection that matches nothing is an error that says what was seen', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', image(), 'v1')
  const yaml = policyBetween(source.url, destination.url, '    filters: { tag: "9.*" }')
  const { outcome } = await workplace().run(yaml)
  expect(outcome.exitCode).toBe(3)
  expect(String(outcome.error)).toContain('1 repository with 1 tag seen')
  const allowed = await workplace().run(`${yaml}\n    allow_empty: true`)
  expect(allowed.outcome.exitCode).toBe(0)
})

test('one repository that cannot be listed is one failed task, the others are copied', async () => {
  const source = await registry({
    fault: (request) =>
      request.path.startsWith('/v2/broken/tags') ? { status: 403, body: '{"errors":[{"code":"DENIED"}]}' } : undefined,
  })
  const destination = await registry()
  source.add('broken', image({ seed: 1 }), 'v1')
  source.add('fine', image({ seed: 2 }), 'v1')
  const { outcome, tasks } = await workplace().run(policyBetween(source.url, destination.url))
  expect(outcome).toMatchObject({ exitCode: 1, execution: { succeed: 1, failed: 1 } })
  expect(tasks.find((task) => task.status === 'failed')).toMatchObject({ src_resource: 'from/broken' })
})

test('names without wildcards never ask the catalogue, and one that is missing has failed', async () => {
  const [source, destination] = [await registry({ catalog: 401 }), await registry()]
  source.add('lib/a', image({ seed: 1 }), 'v1')
  const yaml = policyBetween(source.url, destination.url, '    filters: { name: "lib/{a,b}" }')
  const { outcome, tasks } = await workplace().run(yaml)
  expect(outcome).toMatchObject({ exitCode: 1, execution: { succeed: 1, failed: 1 } })
  expect(tasks.find(({ status }) => status === 'failed')).toMatchObject({
    src_resource: 'from/lib/b',
    error: { code: 'missing', message: 'source from: there is no repository lib/b' },
  })
  expect(source.requests.some((request) => request.route === 'catalog')).toBe(false)
  const warned = await workplace().run(`${yaml}\n    missing: warn`)
  expect(warned.outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 1, failed: 0 } })
  expect(warned.events).toContainEqual(
    expect.objectContaining({ type: 'log', level: 'warning', text: 'source from: there is no repository lib/b' }),
  )
})

test('platforms keep the index and leave the other children out', async () => {
  const source = await registry()
  const [amd, arm] = [image({ seed: 'amd' }), image({ seed: 'arm', platform: linux('arm64') })]
  const built = index([amd, arm])
  source.add('app', built, 'v1')
  const place = workplace()
  const { outcome } = await place.run(`
registries:
  from: { type: docker-registry, url: ${source.url} }
  to: { type: oci-layout, path: ./copy }
policies:
  copy: { source: from, destination: to, filters: { platforms: [linux/amd64] } }
`)
  expect(outcome.exitCode).toBe(0)
  const there = ociLayout({ name: 'to', type: 'oci-layout', path: join(place.directory, 'copy') }).repository('app')
  const ctx = { signal: new AbortController().signal, emit: () => {} }
  expect((await there.resolve('v1', ctx))?.digest).toBe(built.digest)
  expect(await there.resolve(amd.digest, ctx)).toBeDefined()
  expect(await there.resolve(arm.digest, ctx)).toBeUndefined()
})

test('newest keeps the highest versions', async () => {
  const [source, destination] = [await registry(), await registry()]
  for (const tag of ['1.2', '1.10', '1.9', 'v2.0.0', '2.1.0-rc1', 'latest'])
    source.add('app', image({ seed: tag }), tag)
  const yaml = policyBetween(source.url, destination.url, '    filters: { semver: ">=1", newest: 2 }')
  await workplace().run(yaml)
  expect([...destination.repository('mirror/app').tags.keys()].sort()).toEqual(['1.10', 'v2.0.0'])
})

test('a layer that an earlier run put into another repository is mounted from there', async () => {
  const [source, destination] = [await registry(), await registry()]
  const base = [Buffer.alloc(400_000, 'a')]
  source.add('one', image({ base, seed: 1, layers: 1 }), 'v1')
  const place = workplace()
  const yaml = (name: string) => policyBetween(source.url, destination.url, `    filters: { name: ${name} }`)
  await place.run(yaml('one'))
  source.add('two', image({ base, seed: 2, layers: 1 }), 'v1')
  const { outcome } = await place.run(yaml('two'))
  expect(outcome.execution).toMatchObject({ succeed: 1, bytes_mounted: 400_000 })
})

test('a hint that is out of date costs nothing but the hint', async () => {
  const [source, destination] = [await registry(), await registry()]
  const base = [Buffer.alloc(400_000, 'a')]
  source.add('one', image({ base, seed: 1, layers: 1 }), 'v1')
  const place = workplace()
  const yaml = (name: string) => policyBetween(source.url, destination.url, `    filters: { name: ${name} }`)
  await place.run(yaml('one'))
  destination.repositories.clear()
  source.add('two', image({ base, seed: 2, layers: 1 }), 'v1')
  destination.requests.length = 0
  const { outcome } = await place.run(yaml('two'))
  expect(outcome.execution).toMatchObject({ succeed: 1, bytes_mounted: 0 })
  // The refused mount's session is the upload's: two requests a blob, as ever.
  expect(destination.requests.filter((request) => request.route === 'upload')).toHaveLength(6)
})

test('a tag that is immutable at the destination is a final failure that says what to do', async () => {
  const [source, destination] = [await registry(), await registry({ immutableTags: true })]
  source.add('app', image({ seed: 'new' }), 'v1')
  destination.add('mirror/app', image({ seed: 'old' }), 'v1')
  const { tasks } = await workplace().run(
    policyBetween(source.url, destination.url).replace('attempts: 1', 'attempts: 3'),
  )
  expect(tasks[0]).toMatchObject({
    status: 'failed',
    attempts: 1,
    error: { message: expect.stringContaining('immutable'), hint: expect.stringContaining('override: false') },
  })
})
