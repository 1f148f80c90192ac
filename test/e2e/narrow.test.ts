import { expect, test } from 'vitest'
import { descriptorOf } from '../../src/core/manifest.ts'
import { type Artifact, cosignSignature, image, index, referrer } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { policyBetween, workplace } from './harness.ts'

const linux = (architecture: string) => ({ os: 'linux', architecture })
const NARROW = '    filters: { platforms: [linux/amd64], platforms_index: narrow }'

function indexAt(from: MemoryRegistry, repository: string, tag: string) {
  const held = from.repository(repository)
  const digest = held.tags.get(tag)
  const manifest = digest && held.manifests.get(digest)
  if (!digest || !manifest) throw new Error(`${repository}:${tag} is not there`)
  return { digest, json: JSON.parse(Buffer.from(manifest.bytes).toString()) }
}

test('a narrowed index has the wanted children only, and all else as it was', async () => {
  const [source, destination] = [await registry(), await registry()]
  const [amd, arm] = [image({ seed: 'amd' }), image({ seed: 'arm', platform: linux('arm64') })]
  const about = { 'vnd.docker.reference.type': 'attestation-manifest' }
  const attest = (of: Artifact, seed: string): Artifact => {
    const built = image({ seed, platform: { os: 'unknown', architecture: 'unknown' } })
    const annotations = { ...about, 'vnd.docker.reference.digest': of.digest }
    return { ...built, descriptor: { ...built.descriptor, annotations } }
  }
  const [amdAttested, armAttested] = [attest(amd, 'amd attestation'), attest(arm, 'arm attestation')]
  const whole = index([arm, amd, armAttested, amdAttested], { annotations: { team: 'base' } })
  source.add('app', whole, 'v1')
  const { outcome, logs } = await workplace().run(policyBetween(source.url, destination.url, NARROW))
  expect(outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1 } })
  const { digest, json } = indexAt(destination, 'mirror/app', 'v1')
  expect(digest).not.toBe(whole.digest)
  expect(json).toEqual({
    ...JSON.parse(Buffer.from(whole.bytes).toString()),
    manifests: [amd.descriptor, amdAttested.descriptor],
  })
  expect(Object.keys(json)).toEqual(['schemaVersion', 'mediaType', 'manifests', 'annotations'])
  const there = destination.repository('mirror/app')
  expect([there.manifests.has(arm.digest), there.manifests.has(armAttested.digest)]).toEqual([false, false])
  expect(logs.join('\n')).toContain(`index ${whole.digest} is narrowed to ${digest}`)
})

test('the next run knows a narrowed index as unchanged by a HEAD on each side', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', index([image({ seed: 'a' }), image({ seed: 'b', platform: linux('arm64') })]), 'v1')
  source.add('app', image({ seed: 'plain' }), 'v2')
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url, NARROW)
  await place.run(yaml)
  source.requests.length = 0
  destination.requests.length = 0
  const { outcome } = await place.run(yaml)
  expect(outcome.execution).toMatchObject({ unchanged: 2, total: 0 })
  for (const side of [source, destination]) {
    const manifests = side.requests.filter((request) => request.route === 'manifest')
    expect(manifests.map((request) => request.method)).toEqual(['HEAD', 'HEAD'])
  }
})

test('without a history the narrowed index is made again, and is the same', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', index([image({ seed: 'a' }), image({ seed: 'b', platform: linux('arm64') })]), 'v1')
  const yaml = policyBetween(source.url, destination.url, NARROW)
  await workplace().run(yaml)
  const { outcome } = await workplace().run(yaml)
  expect(outcome.execution).toMatchObject({ unchanged: 1, total: 0 })
})

test('the plan of a narrowed index agrees with the run, and writes no history', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', index([image({ seed: 'a' }), image({ seed: 'b', platform: linux('arm64') })]), 'v1')
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url, NARROW)
  expect((await place.plan(yaml)).actions).toMatchObject([{ action: 'copy', platforms: ['linux/amd64'] }])
  await place.run(yaml)
  expect(await place.plan(yaml)).toMatchObject({ actions: [], unchanged: 1 })
})

test('a whole index from before is replaced by the narrowed one', async () => {
  const [source, destination] = [await registry(), await registry()]
  const whole = index([image({ seed: 'a' }), image({ seed: 'b', platform: linux('arm64') })])
  source.add('app', whole, 'v1')
  const place = workplace()
  await place.run(policyBetween(source.url, destination.url))
  expect(indexAt(destination, 'mirror/app', 'v1').digest).toBe(whole.digest)
  const { tasks } = await place.run(policyBetween(source.url, destination.url, NARROW))
  expect(tasks).toMatchObject([{ action: 'update', status: 'succeeded' }])
  expect(indexAt(destination, 'mirror/app', 'v1').digest).not.toBe(whole.digest)
})

test('an index that has the wanted platforms only keeps its digest, its signature and its referrers', async () => {
  const [source, destination] = [await registry(), await registry()]
  const built = index([image({ seed: 'a' })])
  source.add('app', built, 'v1')
  const sbom = referrer(descriptorOf(built))
  source.add('app', sbom)
  await workplace().run(policyBetween(source.url, destination.url, NARROW))
  expect(indexAt(destination, 'mirror/app', 'v1').digest).toBe(built.digest)
  expect(destination.repository('mirror/app').manifests.has(sbom.digest)).toBe(true)
})

test("a narrowed index leaves its own referrers behind, and takes its children's along", async () => {
  const [source, destination] = [await registry(), await registry()]
  const amd = image({ seed: 'amd' })
  const built = index([amd, image({ seed: 'arm', platform: linux('arm64') })])
  source.add('app', built, 'v1')
  const own = cosignSignature(descriptorOf(built))
  source.add('app', own.artifact, own.tag)
  const childs = referrer(descriptorOf(amd))
  source.add('app', childs)
  await workplace().run(policyBetween(source.url, destination.url, NARROW))
  const there = destination.repository('mirror/app')
  expect([there.tags.has(own.tag), there.manifests.has(childs.digest)]).toEqual([false, true])
})

test('nested indexes are narrowed too, and one that nothing is left of goes', async () => {
  const [source, destination] = [await registry(), await registry()]
  const amd = image({ seed: 'amd' })
  const mixed = index([amd, image({ seed: 'arm', platform: linux('arm64') })])
  const foreign = index([image({ seed: 'other', platform: linux('s390x') })])
  source.add('app', index([foreign, mixed]), 'v1')
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url, NARROW)
  const { outcome } = await place.run(yaml)
  expect(outcome.exitCode).toBe(0)
  const { json } = indexAt(destination, 'mirror/app', 'v1')
  expect(json.manifests).toHaveLength(1)
  const inner = destination.repository('mirror/app').manifests.get(json.manifests[0].digest)
  expect(json.manifests[0].size).toBe(inner?.bytes.byteLength)
  expect(JSON.parse(Buffer.from(inner?.bytes ?? []).toString()).manifests).toMatchObject([{ digest: amd.digest }])
  expect((await place.run(yaml)).outcome.execution).toMatchObject({ unchanged: 1, total: 0 })
})

test('an index without any wanted platform is left out', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', index([index([image({ seed: 'arm', platform: linux('arm64') })])]), 'arm')
  source.add('app', image({ seed: 'plain' }), 'plain')
  const place = workplace()
  const yaml = policyBetween(source.url, destination.url, NARROW)
  const { outcome } = await place.run(yaml)
  expect(outcome).toMatchObject({ exitCode: 0, execution: { total: 1, succeed: 1 } })
  expect([...destination.repository('mirror/app').tags.keys()]).toEqual(['plain'])
  const plan = await place.plan(yaml, { explain: true })
  expect(plan.explanations).toContainEqual({ resource: 'from/app:arm', kept: false, rule: 'platforms: linux/amd64' })
})

test('verify: full looks at every child of a narrowed index', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', index([image({ seed: 'a' }), image({ seed: 'b', platform: linux('arm64') })]), 'v1')
  const { outcome } = await workplace().run(policyBetween(source.url, destination.url, `${NARROW}\n    verify: full`))
  expect(outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1 } })
})

test('a registry that wants every child refuses a sparse index with the way out', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', index([image({ seed: 'a' }), image({ seed: 'b', platform: linux('arm64') })]), 'v1')
  const sparse = '    filters: { platforms: [linux/amd64] }'
  const { outcome, tasks } = await workplace().run(policyBetween(source.url, destination.url, sparse))
  expect(outcome.exitCode).toBe(1)
  expect(tasks[0]?.error?.hint).toContain('platforms_index: narrow')
})
