/** Pulp, by the contract of all adapters, in memory and a real one, and by what only it does. */

import { afterAll, expect, onTestFinished, test } from 'vitest'
import { bytesOf } from '../../src/core/content.ts'
import type { AdapterSpecimen, AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { type FakePulp, PULP_USER, type PulpOptions, startPulp as startFake } from '../fakes/pulp.ts'
import { startCountingProxy } from '../support/counting-proxy.ts'
import { image, index, named } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { hasPulp, PULP_ADMIN, type RealPulp, startPulp } from '../support/pulp.ts'
import { randomBytes } from '../support/random.ts'
import { seed } from '../support/seed.ts'

const specimen: AdapterSpecimen = {
  identity: 'pulp',
  listing: /^GET \/pulp\/api\/v3\/content\/container\/tags\//,
  wrong: { REPLICATE_IT_USERNAME: PULP_USER.user, REPLICATE_IT_PASSWORD: 'wrong' },
}

describeAdapter('pulp', () => startFake(), { ...specimen, thousand: 5 })
describeAdapter('a real pulp', startReal, { ...specimen, real: true, available: hasPulp() })

/** One for all tests of this file, as it is large. */
let running: Promise<RealPulp> | undefined
let count = 0

afterAll(async () => {
  await (await running?.catch(() => undefined))?.stop()
})

async function startReal(): Promise<AdapterUnderTest & { readonly server: RealPulp }> {
  running ??= startPulp()
  const server = await running
  count += 1
  return {
    server,
    registry: { name: 'it', type: 'pulp', url: server.url },
    env: { REPLICATE_IT_USERNAME: PULP_ADMIN.user, REPLICATE_IT_PASSWORD: PULP_ADMIN.password },
    namespace: `contract-${count}`,
    seed: async (repository, tag, artifact) => {
      await seed(server.url, repository, tag, artifact, { authorization: await server.authorization(repository) })
    },
    async close() {},
  }
}

async function fake(options: PulpOptions = {}): Promise<FakePulp> {
  const it = await startFake(options)
  onTestFinished(() => it.close())
  return it
}

const BOTH = [
  ['a fake', () => fake(), true],
  ['a real one', startReal, hasPulp()],
] as const

test.for(BOTH)(
  'a policy goes to %s with an index and back, and a second run changes nothing',
  async (given, { skip }) => {
    const [, start, there] = given
    skip(!there)
    const it = await start()
    const mine = await startMemoryRegistry()
    onTestFinished(() => mine.close())
    mine.add('team/app', index([image({ seed: 'amd64' }), image({ seed: 'arm64' })]), 'v1', 'latest')
    const work = workplace({ ...it.env })
    const to = `it/${it.namespace}`
    const there_ = policyWith(it, mine.url, 'mine/team/app', to)
    expect((await work.run(there_)).outcome).toMatchObject({ exitCode: 0 })
    expect((await work.plan(there_)).actions.filter(({ action }) => action !== 'keep')).toEqual([])
    const back = policyWith(it, mine.url, `${to}/*`, 'mine/back')
    expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0 })
    expect(mine.repository('back/app').tags).toEqual(mine.repository('team/app').tags)
  },
)

test.for(BOTH)('a mirror deletes from %s the tag that the source no longer has', async (given, { skip }) => {
  const [, start, there] = given
  skip(!there)
  const it = await start()
  const mine = await startMemoryRegistry()
  onTestFinished(() => mine.close())
  mine.add('team/app', image(), 'v1', 'old')
  const work = workplace({ ...it.env })
  const mirror = policyWith(
    it,
    mine.url,
    'mine/team/app',
    `it/${it.namespace}`,
    '    deletion: mirror\n    max_deletions: 5\n',
  )
  expect((await work.run(mirror)).outcome).toMatchObject({ exitCode: 0 })
  mine.repository('team/app').tags.delete('old')
  expect((await work.run(mirror)).outcome).toMatchObject({ exitCode: 0 })
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, `${it.namespace}/app`, ctx)).toEqual([['v1', image().digest]])
})

test.for(BOTH)(
  'lists with digests from the API of %s, and by the registry without a credential',
  async (given, { skip }) => {
    const [, start, there] = given
    skip(!there)
    const it = await start()
    const repository = `${it.namespace}/listed`
    await it.seed(repository, 'v1', image())
    const { endpoint, ctx } = await connect(it)
    expect(await collect(endpoint.adapter.listTags?.(repository, ctx) ?? [])).toEqual([
      { tag: 'v1', digest: image().digest, mediaType: image().mediaType },
    ])
  },
)

test.runIf(hasPulp())('stores a blob in a real one whose upload breaks off', async () => {
  const it = await startReal()
  const proxy = await startCountingProxy(it.server.url, { cutOnce: { way: 'up', after: 2 * 1024 * 1024 } })
  onTestFinished(() => proxy.close())
  const { endpoint, ctx } = await connect({ ...it, registry: { ...it.registry, url: proxy.url } })
  const store = endpoint.adapter.repository(`${it.namespace}/cut`)
  const bytes = randomBytes(12 * 1024 * 1024, 'layer')
  await store.writeBlob(named(bytes), async (offset) => bytesOf(bytes.subarray(offset)), ctx)
  expect(await store.hasBlob(named(bytes), ctx)).toBe(true)
})

test('what Pulp mirrors by itself takes no push', async () => {
  const { endpoint, ctx } = await connect(await fake())
  await expect(push(endpoint, 'mirrored/app', 'v1', image(), ctx)).rejects.toThrow(/unsupported/)
})

test('without its API the registry lists, and only whole manifests are deleted', async () => {
  const it = await fake({ root: '/api/galaxy/pulp/api/v3' })
  it.content.add('contract/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  const store = endpoint.adapter.repository('contract/app')
  expect(await collect(endpoint.adapter.listTags?.('contract/app', ctx) ?? [])).toEqual(['v1'])
  expect(await store.deletes?.(ctx)).toBe('manifest')
  await expect(store.deleteTag?.('v1', ctx)).rejects.toMatchObject({
    code: 'unsupported',
    hint: expect.stringContaining('api_url'),
  })
  const options = { api_url: `${it.content.url}/api/galaxy/pulp/api/v3` }
  const named = await connect({ ...it, registry: { ...it.registry, options } })
  await named.endpoint.adapter.repository('contract/app').deleteTag?.('v1', named.ctx)
  expect(it.content.repository('contract/app').tags.size).toBe(0)
})

test('an `api_url` that is wrong is told', async () => {
  const it = await fake()
  it.content.add('contract/app', image(), 'v1')
  const options = { api_url: `${it.content.url}/elsewhere` }
  const { endpoint, ctx } = await connect({ ...it, registry: { ...it.registry, options } })
  await expect(collect(endpoint.adapter.listTags?.('contract/app', ctx) ?? [])).rejects.toMatchObject({ status: 404 })
})

test('what the API hides is listed by the registry', async () => {
  const it = await fake({ hidden: ['contract/app'] })
  it.content.add('contract/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await collect(endpoint.adapter.listTags?.('contract/app', ctx) ?? [])).toEqual(['v1'])
  await expect(endpoint.adapter.repository('contract/app').deleteTag?.('v1', ctx)).rejects.toThrow(
    /sees no such repository/,
  )
})

test('waits for the worker that deletes, and says why it could not', async () => {
  const slow = await fake({ looks: 3 })
  slow.content.add('contract/app', image(), 'v1')
  const one = await connect(slow)
  await one.endpoint.adapter.repository('contract/app').deleteTag?.('v1', one.ctx)
  expect(slow.content.repository('contract/app').tags.size).toBe(0)
  const broken = await fake({ ends: 'failed' })
  broken.content.add('contract/app', image(), 'v1')
  const two = await connect(broken)
  await expect(two.endpoint.adapter.repository('contract/app').deleteTag?.('v1', two.ctx)).rejects.toThrow(
    'cannot delete contract/app:v1: the task failed: no room',
  )
})
