/** Azure Container Registry, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import type { Digest } from '../../src/core/descriptor.ts'
import { computeDigest } from '../../src/core/manifest.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, push } from '../contract/opened.ts'
import { workplace } from '../e2e/harness.ts'
import { type AcrOptions, ADMIN, type FakeAcr, startAcr } from '../fakes/azure-acr.ts'
import type { Grant } from '../fakes/azure-acr-tokens.ts'
import { image, index } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'

const DIGEST = `sha256:${'c'.repeat(64)}` as const
const timestamp = '2017-11-17T16:52:01.343145347Z'
const target = {
  mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
  size: 524,
  digest: DIGEST,
  length: 524,
  repository: 'team/hello',
  tag: 'v1',
}
const payload = {
  id: 'e1',
  timestamp,
  action: 'push',
  target,
  request: { id: 'r1', host: 'x.azurecr.io', method: 'PUT' },
}
const pushed = {
  action: 'push',
  repository: 'team/hello',
  tag: 'v1',
  digest: DIGEST,
  time: new Date(timestamp),
  id: 'e1',
} as const
const { tag: _, ...untagged } = target
const { tag: __, ...deleted } = { ...pushed, action: 'delete' as const }

describeAdapter('azure-acr', () => startAcr(), {
  identity: 'azure-acr',
  listing: /^GET \/acr\/v1\/.+\/_tags/,
  wrong: { REPLICATE_IT_USERNAME: ADMIN.user, REPLICATE_IT_PASSWORD: 'wrong' },
  thousand: 12,
  query: /^POST \/oauth2\/(token|exchange)/,
  deliveries: [
    { delivery: { headers: {}, body: payload }, events: [pushed] },
    { delivery: { headers: {}, body: { ...payload, action: 'delete', target: untagged } }, events: [deleted] },
    { delivery: { headers: {}, body: { id: 'e2', timestamp, action: 'ping' } }, events: [] },
    { delivery: { headers: {}, body: { ...payload, action: 'chart_push' } }, events: [] },
    {
      delivery: {
        headers: { 'aeg-event-type': 'Notification' },
        body: [
          { id: 'g1', eventType: 'Microsoft.ContainerRegistry.ImagePushed', subject: 'team/hello:v1', data: payload },
        ],
      },
      events: [pushed],
    },
    {
      delivery: {
        headers: {},
        body: { specversion: '1.0', type: 'Microsoft.ContainerRegistry.ImagePushed', data: payload },
      },
      events: [pushed],
    },
    {
      delivery: {
        headers: { 'aeg-event-type': 'SubscriptionValidation' },
        body: [{ eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', data: { validationCode: 'x' } }],
      },
      events: [],
    },
  ],
})

async function acr(options: AcrOptions = {}): Promise<FakeAcr> {
  const started = await startAcr(options)
  onTestFinished(() => started.close())
  return started
}

/** A token with a scope map that allows only these actions. */
async function limited(may: Grant, options: AcrOptions = {}): Promise<FakeAcr> {
  const it = await acr({ ...options, accounts: [ADMIN, { user: 'limited', password: 'limited-secret', may }] })
  return { ...it, env: { REPLICATE_IT_USERNAME: 'limited', REPLICATE_IT_PASSWORD: 'limited-secret' } }
}

test('a layer of 100 MB goes in chunks of which the registry knows the length', async () => {
  const it = await acr({ content: { sink: true } })
  const { endpoint, ctx } = await connect(it)
  const chunk = Buffer.alloc(1024 * 1024, 7)
  const size = 100 * chunk.length
  const digest: Digest = computeDigest(Buffer.alloc(size, 7))
  const open = async (offset: number) => zeros(chunk, size - offset)
  await endpoint.adapter
    .repository('team/big')
    .writeBlob({ digest, size, mediaType: 'application/octet-stream' }, open, ctx)
  const sent = it.content.requests.filter(({ route, method }) => route === 'upload' && method !== 'POST')
  const sizes = sent.map(({ method, bytesIn }) => `${method} ${bytesIn}`)
  expect(sizes).toEqual([...Array(6).fill('PATCH 16777216'), 'PATCH 4194304', 'PUT 0'])
  expect(sent.every(({ headers }) => headers['content-length'] !== undefined)).toBe(true)
  expect(it.content.repository('team/big').blobs.has(digest)).toBe(true)
})

async function* zeros(chunk: Buffer, size: number) {
  for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, left)
}

test('a plan asks for no more than listing and pulling', async () => {
  const it = await acr()
  it.content.add('team/app', image(), 'v1')
  const work = workplace({ REPLICATE_AZ_USERNAME: ADMIN.user, REPLICATE_AZ_PASSWORD: ADMIN.password })
  await work.plan(`
registries: { az: { type: azure-acr, url: ${it.content.url} } }
policies: { copy: { source: az/team/**, destination: az/copy } }
`)
  expect([...new Set(it.asked.map((scope) => scope.replace(/^.*:/, '')))].sort()).toEqual([
    '*',
    'metadata_read',
    'pull',
  ])
})

test('untagged manifests are listed where they are wanted only', async () => {
  const it = await acr()
  const both = index([image({ seed: 1 }), image({ seed: 2 })])
  it.content.add('team/app', both, 'v1')
  const { endpoint, ctx } = await connect(it)
  const list = (untagged: boolean) => collect(endpoint.adapter.listTags?.('team/app', ctx, { untagged }) ?? [])
  expect(await list(false)).toMatchObject([{ tag: 'v1', digest: both.digest }])
  expect((await list(true)).filter((info) => typeof info !== 'string' && info.tag === undefined)).toHaveLength(2)
})

test('a token that may pull but not list is told which right its scope map lacks', async () => {
  const it = await limited((_name, action) => action === 'pull')
  const artifact = image()
  it.content.add('team/app', artifact, 'v1')
  const { endpoint, ctx } = await connect(it)
  await endpoint.adapter.ping(ctx)
  expect((await endpoint.adapter.repository('team/app').resolve('v1', ctx))?.digest).toBe(artifact.digest)
  await expect(digestsIn(endpoint, 'team/app', ctx)).rejects.toMatchObject({
    code: 'registry',
    status: 403,
    hint: expect.stringContaining('repositories/team/app/metadata/read'),
  })
})

test('a token that may not push is told so, and not that it is wrong', async () => {
  const it = await limited((_name, action) => action !== 'push' && action !== 'delete')
  const { endpoint, ctx } = await connect(it)
  await expect(push(endpoint, 'team/app', 'v1', image(), ctx)).rejects.toMatchObject({
    status: 403,
    message: expect.stringContaining('may not push to team/app'),
    hint: expect.stringContaining('AcrPush'),
  })
  it.content.add('team/app', image(), 'v1')
  await expect(endpoint.adapter.repository('team/app').deleteTag?.('v1', ctx)).rejects.toMatchObject({
    status: 403,
    hint: expect.stringContaining('AcrDelete'),
  })
})

test('says of a catalogue that is empty or refused to name the repositories', async () => {
  const wanted = { namespaces: [], names: [] }
  const hidden = await limited((name, action) => action === 'catalog' || name === 'team/app')
  hidden.content.add('other/app', image(), 'v1')
  const first = await connect(hidden)
  expect(await collect(first.endpoint.adapter.repositories?.(wanted, first.ctx) ?? [])).toEqual([])
  expect(first.events).toContainEqual(expect.objectContaining({ type: 'log', level: 'warning' }))
  const abac = await limited((_name, action) => action !== 'catalog', { abac: true })
  const second = await connect(abac)
  await expect(collect(second.endpoint.adapter.repositories?.(wanted, second.ctx) ?? [])).rejects.toMatchObject({
    status: 403,
    hint: expect.stringContaining('Catalog Lister'),
  })
})

test('a locked repository is known before the write, a locked tag by its refusal', async () => {
  const it = await acr()
  it.content.add('team/app', image({ seed: 1 }), 'v1')
  it.locked.add('team/app:v1')
  const { endpoint, ctx } = await connect(it)
  const { adapter } = endpoint
  expect(await adapter.writeRules?.('team/app', ctx)).toEqual({})
  expect(await adapter.writeRules?.('team/fresh', ctx)).toEqual({})
  const refusal = { status: 405, hint: expect.stringContaining('--write-enabled true') }
  await expect(push(endpoint, 'team/app', 'v1', image({ seed: 2 }), ctx)).rejects.toMatchObject(refusal)
  await expect(adapter.repository('team/app').deleteTag?.('v1', ctx)).rejects.toMatchObject(refusal)
  it.locked.add('team/locked')
  it.content.add('team/locked', image(), 'v1')
  expect((await adapter.writeRules?.('team/locked', ctx))?.refused?.reason).toContain('locked against writes')
  expect(await adapter.repository('team/locked').deletes?.(ctx)).toBe('nothing')
  expect(it.requests?.().filter((line) => line === 'GET /acr/v1/team/locked')).toHaveLength(1)
})

test('asks for locks again where the question failed', async () => {
  const it = await acr()
  it.locked.add('team/locked')
  it.content.add('team/locked', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  it.fault?.(/^GET \/acr\/v1\/team\/locked$/, { status: 500 }, 100)
  await expect(endpoint.adapter.writeRules?.('team/locked', ctx)).rejects.toMatchObject({ status: 500 })
  it.fault?.(/^$/, { status: 500 }, 0)
  expect(await endpoint.adapter.writeRules?.('team/locked', ctx)).toMatchObject({ refused: {} })
})

test("the registry's firewall is told as that, and not as a wrong credential", async () => {
  const it = await acr({ firewall: true })
  const { endpoint, ctx } = await connect(it)
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'registry',
    status: 403,
    hint: expect.stringContaining('network rules'),
  })
})

test('anonymous access pulls from a registry that allows it', async () => {
  const it = await acr({ anonymousPull: true })
  it.content.add('team/app', image(), 'v1')
  // Not only without a credential: the machine that tests may have one.
  const registry = { ...it.registry, credential: { type: 'anonymous' } } as const
  const { endpoint, ctx } = await connect({ registry, env: {} })
  await endpoint.adapter.ping(ctx)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
})

test.runIf(availableServers().includes('registry'))('goes to a real registry and back', async () => {
  const it = await acr()
  for (const tag of ['v1', 'v2', 'v3']) it.content.add('team/app', image({ seed: tag }), tag)
  const server = await startServer('registry')
  onTestFinished(() => server.stop())
  const work = workplace({ REPLICATE_AZ_USERNAME: ADMIN.user, REPLICATE_AZ_PASSWORD: ADMIN.password })
  const policy = (from: string, to: string): string => `
registries:
  az: { type: azure-acr, url: ${it.content.url} }
  mine: { type: docker-registry, url: ${server.url} }
policies: { copy: { source: ${from}, destination: ${to} } }
`
  const there = policy('az/team/**', 'mine/mirror')
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 3, total: 0 } })
  const back = policy('mine/mirror/app', 'az/fresh')
  expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect([...it.content.repository('fresh/app').tags.keys()].sort()).toEqual(['v1', 'v2', 'v3'])
})
