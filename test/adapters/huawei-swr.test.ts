/** Huawei Cloud's SWR, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { authorization, signature, signIn } from '../../adapters/huawei-swr/sign-in.ts'
import { adapters } from '../../adapters/index.ts'
import { registryOfHost } from '../../src/config/hosts.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, prepared, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { type FakeSwr, HUAWEI_KEY, LOGIN, type SwrOptions, startSwr, TEMPORARY } from '../fakes/huawei-swr.ts'
import { placesOf } from '../support/found.ts'
import { image, index } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { availableServers, startServer } from '../support/servers.ts'

describeAdapter('huawei-swr', () => startSwr(), {
  identity: 'huawei-swr',
  listing: /^GET \/v2\/manage\/namespaces\/[^/]+\/repos\/[^/]+\/tags/,
  wrong: { REPLICATE_IT_USERNAME: HUAWEI_KEY.id, REPLICATE_IT_PASSWORD: 'wrong' },
  thousand: 5,
  create: 'namespace',
  creation: {
    namespace: 'made',
    lookup: /^GET \/v2\/manage\/namespaces\/made$/,
    absent: { status: 404, body: '{"errors":[{"errorCode":"SVCSTG.SWR.4040058","errorMessage":"none"}]}' },
  },
})

async function swr(options: SwrOptions = {}): Promise<FakeSwr> {
  const started = await startSwr(options)
  onTestFinished(() => started.close())
  return started
}

/** With the password of `docker login` alone, or anonymously. */
function without(it: FakeSwr, env: Readonly<Record<string, string>> = {}) {
  const { credential: _, ...registry } = it.registry
  return { registry, env }
}
const asLogin = { REPLICATE_IT_USERNAME: LOGIN.username, REPLICATE_IT_PASSWORD: LOGIN.password }
const everything = { namespaces: [], names: [] }
const never = { signal: new AbortController().signal, emit: () => {} }
const PUBLISHED = { id: 'AccessKey', secret: 'SecretKey' }

test("signs as Huawei's own library does", () => {
  const url = new URL('https://example.huaweicloud.com/path?limit=1')
  const request = { method: 'GET', url, headers: {}, body: new Uint8Array() } as const
  const date = '20060102T150405Z'
  expect(authorization(request, { 'x-sdk-date': date }, PUBLISHED, date)).toBe(
    'SDK-HMAC-SHA256 Access=AccessKey, SignedHeaders=x-sdk-date, Signature=5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624',
  )
  expect(signature(request, PUBLISHED, new Date('2006-01-02T15:04:05.999Z'))).toMatchObject({ 'x-sdk-date': date })
})

test('derives the password of the registry from a permanent key', async () => {
  const tools = { api: () => expect.unreachable('nothing is asked'), env: {}, ctx: never }
  const registry = { name: 'swr', type: 'huawei-swr', url: 'https://swr.cn-north-4.myhuaweicloud.com' }
  const found = { kind: 'access_key', ...PUBLISHED, origin: 'test' } as const
  expect(await signIn(found, registry, tools)).toEqual({
    kind: 'basic',
    username: 'cn-north-4@AccessKey',
    password: 'f004a0445bcaf37d946c882a22e1e5f9007ea3513c293aa2d3360af05b8875cd',
    origin: 'test',
  })
  const project = { ...registry, options: { project: 'cn-north-4_team' } }
  expect(await signIn(found, project, tools)).toMatchObject({ username: 'cn-north-4_team@AccessKey' })
  const elsewhere = { ...registry, url: 'https://registry.example.com' }
  await expect(signIn(found, elsewhere, tools)).rejects.toMatchObject({
    code: 'configuration',
    hint: expect.stringContaining('region'),
  })
})

test.each(['swr.cn-north-4.myhuaweicloud.com', 'swr.eu-west-101.myhuaweicloud.eu', 'swr.eu-de.otc.t-systems.com'])(
  'knows %s as its own',
  (host) => {
    expect(registryOfHost(host, adapters).type).toBe('huawei-swr')
  },
)

test('a temporary key asks for a password, and asks again when that has expired', async () => {
  const it = await swr()
  it.content.add('contract/app', image(), 'v1')
  const credential = {
    type: 'access_key',
    username: TEMPORARY.id,
    password: TEMPORARY.secret,
    token: TEMPORARY.session,
  } as const
  const { endpoint, ctx } = await connect({ ...it, registry: { ...it.registry, credential } })
  await endpoint.adapter.ping(ctx)
  const store = endpoint.adapter.repository('contract/app')
  await store.readManifest('v1', ctx)
  const asked = () => it.requests?.().filter((line) => line.startsWith('POST /v2/manage/utils/secret')).length
  expect(asked()).toBe(1)
  it.expire?.()
  await store.readManifest('v1', ctx)
  expect(asked()).toBe(2)
})

test('with the password of docker login alone it lists, creates, and moves content', async () => {
  const it = await swr()
  const artifact = image()
  it.content.add('contract/deep/app', artifact, 'v1')
  const { endpoint, ctx } = await connect(without(it, asLogin))
  await endpoint.adapter.ping(ctx)
  expect(await collect(endpoint.adapter.repositories?.(everything, ctx) ?? [])).toEqual(['contract/deep/app'])
  expect(await collect(endpoint.adapter.namespaces?.(ctx) ?? [])).toEqual(['contract'])
  expect(await digestsIn(endpoint, 'contract/deep/app', ctx)).toEqual([['v1', artifact.digest]])
  await prepared(endpoint, 'fresh/app', ctx)
  expect(it.organizations.has('fresh')).toBe(true)
  await push(endpoint, 'fresh/app', 'v1', artifact, ctx)
  expect(it.requests?.().filter((line) => line.includes('/v2/manage/'))).toEqual([])
})

test('a missing organization, which the registry tells as a missing right, is created by a run and named by a push', async () => {
  const it = await swr()
  const mine = await startMemoryRegistry()
  onTestFinished(() => mine.close())
  for (const tag of ['v1', 'v2']) mine.add('mirror/app', image(), tag)
  const { registry } = without(it)
  const work = workplace({ ...asLogin, SECRET: HUAWEI_KEY.secret })
  for (const [server, source, to] of [
    [{ ...it, registry }, 'mine/mirror/app:v1', 'first'],
    [{ ...it, registry }, 'mine/mirror/app', 'second'],
    [it, 'mine/mirror/app:v1', 'third'],
  ] as const) {
    const { outcome } = await work.run(policyWith(server, mine.url, source, `it/${to}`))
    expect(outcome.exitCode).toBe(0)
    expect(it.organizations.has(to)).toBe(true)
  }
  const { endpoint, ctx } = await connect(it)
  const store = endpoint.adapter.repository('missing/app')
  expect(await store.resolve('v1', ctx)).toBeUndefined()
  await expect(push(endpoint, 'missing/app', 'v1', image(), ctx)).rejects.toMatchObject({
    status: 404,
    hint: expect.stringContaining('destination.create'),
  })
})

test('is not asked for lists anonymously, and says what to do', async () => {
  const it = await swr()
  const { endpoint, ctx } = await connect(without(it))
  await expect(collect(endpoint.adapter.repositories?.(everything, ctx) ?? [])).rejects.toMatchObject({
    code: 'unsupported',
    hint: expect.stringContaining('name filter'),
  })
})

test('lists the repositories of one organization, not of those whose names contain it', async () => {
  const it = await swr()
  it.organizations.add('contractor')
  for (const name of ['contract/a/b', 'contractor/c']) it.content.add(name, image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  const wanted = { namespaces: ['contract'], names: [] }
  expect(await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).toEqual(['contract/a/b'])
  expect(await digestsIn(endpoint, 'contract/a/b', ctx)).toEqual([['v1', image().digest]])
  expect(it.requests?.().some((line) => line.includes('/contract/repos/a%24b/tags'))).toBe(true)
  expect(await collect(endpoint.adapter.namespaces?.(ctx) ?? [])).toEqual(['contract', 'contractor'])
})

test('says that another customer has the name of an organization', async () => {
  const it = await swr({ foreign: ['library'] })
  const { endpoint, ctx } = await connect(it)
  await expect(endpoint.adapter.ensureNamespace?.('library/deep', { public: false }, ctx)).rejects.toMatchObject({
    status: 409,
    message: expect.stringContaining('another customer'),
    hint: expect.stringContaining('destination.namespace'),
  })
})

test('where the key may not list tags the registry does, and a missing permission is named', async () => {
  const it = await swr({ denied: /tags$|^POST .*namespaces$/ })
  const artifact = image()
  it.content.add('contract/app', artifact, 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toEqual([['v1', artifact.digest]])
  await expect(endpoint.adapter.ensureNamespace?.('fresh', { public: false }, ctx)).rejects.toMatchObject({
    status: 403,
    hint: expect.stringContaining('SWR FullAccess'),
  })
})

test('a clock that is wrong is told, and not the key', async () => {
  const it = await swr({ clock: 20 * 60_000 })
  const { endpoint, ctx } = await connect(it)
  await expect(digestsIn(endpoint, 'contract/app', ctx)).rejects.toMatchObject({
    code: 'credential',
    message: expect.stringContaining('APIGW.0301'),
    hint: expect.stringContaining('20 minutes slow'),
  })
})

test('is asked again where the gateway refuses for too many requests, by the status or by its code alone', async () => {
  const it = await swr()
  it.content.add('contract/app', image(), 'v1')
  const body = JSON.stringify({ error_code: 'APIGW.0308', error_msg: 'The throttling threshold has been reached' })
  it.fault?.(/tags/, { status: 429, body })
  it.fault?.(/tags/, { status: 400, body })
  const { endpoint, ctx, events } = await connect(it)
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toHaveLength(1)
  expect(events.filter(({ type }) => type === 'retry')).toHaveLength(2)
})

test('an index that the basic edition cannot read is told with what to do', async () => {
  const it = await swr()
  const { endpoint, ctx } = await connect(it)
  const artifact = index([image()])
  for (const child of artifact.children) await push(endpoint, 'contract/app', child.digest, child, ctx)
  await expect(push(endpoint, 'contract/app', 'v1', artifact, ctx)).rejects.toMatchObject({
    status: 400,
    hint: expect.stringContaining('attestations: false'),
  })
})

test.runIf(availableServers().includes('registry'))('goes to a real registry and back', async () => {
  const it = await swr()
  for (const tag of ['v1', 'v2', 'v3']) it.content.add('contract/app', image({ seed: tag }), tag)
  const server = await startServer('registry')
  onTestFinished(() => server.stop())
  const work = workplace({ SECRET: HUAWEI_KEY.secret })
  const there = policyWith(it, server.url, 'it/contract/*', 'mine/mirror')
  const ran = await work.run(there)
  expect(ran.outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 3, total: 0 } })
  const back = policyWith(it, server.url, 'mine/mirror/app', 'it/copies')
  expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect([...it.content.repository('copies/app').tags.keys()].sort()).toEqual(['v1', 'v2', 'v3'])
  expect(placesOf([HUAWEI_KEY.secret, LOGIN.password], work.home, ran)).toEqual([])
})
