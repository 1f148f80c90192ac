/** Tencent Container Registry, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { signature } from '../../adapters/tencent-tcr/api.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { tencentDelivery } from '../contract/deliveries.ts'
import { collect, connect, digestsIn, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { type FakeTcr, startTcr, type TcrOptions, TENCENT_KEY, TENCENT_LOGIN } from '../fakes/tencent-tcr.ts'
import { image } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'

const digest = `sha256:${'a'.repeat(64)}` as const
const time = new Date(1589106605_000)
const WRONG = { REPLICATE_IT_USERNAME: TENCENT_KEY.id, REPLICATE_IT_PASSWORD: 'wrong' }
const AS_LOGIN = { REPLICATE_IT_USERNAME: TENCENT_LOGIN.user, REPLICATE_IT_PASSWORD: TENCENT_LOGIN.password }

describeAdapter('tencent-tcr', () => startTcr(), {
  identity: 'tencent-tcr',
  listing: /^POST \/ DescribeImages/,
  query: /^POST \/ (Describe\w+|CreateInstanceToken)$/,
  wrong: WRONG,
  thousand: 12,
  create: 'namespace',
  creation: {
    namespace: 'made',
    lookup: /^POST \/ DescribeNamespaces/,
    absent: { status: 200, body: '{"Response":{"NamespaceList":[],"TotalCount":0,"RequestId":"1"}}' },
  },
  deliveries: [
    {
      delivery: tencentDelivery('pushImage', { digest, tag: 'v1.10.0' }),
      events: [{ action: 'push', repository: 'public/nginx', tag: 'v1.10.0', digest, time }],
    },
    {
      delivery: tencentDelivery('deleteImage', { tag: 'v1.10.0' }),
      events: [{ action: 'delete', repository: 'public/nginx', tag: 'v1.10.0', time }],
    },
    { delivery: tencentDelivery('uploadChart', { tag: 'v1.10.0' }), events: [] },
    { delivery: tencentDelivery('deleteChart', { tag: 'v1.10.0' }), events: [] },
  ],
})

async function tcr(options: TcrOptions = {}): Promise<FakeTcr> {
  const started = await startTcr(options)
  onTestFinished(() => started.close())
  return started
}

const calls = (it: FakeTcr, match: RegExp) => it.requests().filter((line) => match.test(line)).length
const all = { namespaces: [], names: [] }

test('signs as the vendor does', () => {
  const request = {
    method: 'POST',
    url: new URL('https://tcr.tencentcloudapi.com/'),
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{"RegistryId":"tcr-abc12345","All":true}'),
  } as const
  const signed = signature(request, { id: 'AKIDEXAMPLE', secret: 'EXAMPLESECRET' }, new Date(1_700_000_000_000))
  expect(signed).toEqual({
    'x-tc-timestamp': '1700000000',
    authorization:
      'TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2023-11-14/tcr/tc3_request, SignedHeaders=content-type;host, Signature=9fb517a1f75aff415fad15f8cd5f927c33ef64f6aa2c425270a5bd2ae9a20b7f',
  })
})

test('a temporary key brings the token of its session, and its end is told', async () => {
  const it = await tcr({ session: 'session-token' })
  it.content.add('team/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  const { token: _, ...credential } = it.registry.credential ?? { type: 'access_key' }
  const { endpoint: without } = await connect({ ...it, registry: { ...it.registry, credential } })
  await expect(digestsIn(without, 'team/app', ctx)).rejects.toMatchObject({
    code: 'credential',
    message: expect.stringContaining('AuthFailure.TokenFailure'),
  })
})

test('a clock that is wrong is told as a credential that the service refuses', async () => {
  const it = await tcr({ now: () => Date.now() + 600_000 })
  const { endpoint, ctx } = await connect(it)
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'credential',
    message: expect.stringContaining('AuthFailure.SignatureExpire'),
    hint: expect.stringContaining('clock'),
  })
})

test('a token of the instance is asked for anew before it ends', async () => {
  const it = await tcr({ life: 30_000 })
  it.content.add('team/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  const store = endpoint.adapter.repository('team/app')
  await store.readManifest('v1', ctx)
  const before = it.signIns()
  await store.readManifest('v1', ctx)
  expect(it.signIns()).toBeGreaterThan(before)
  const lasting = await tcr()
  lasting.content.add('team/app', image(), 'v1')
  const { endpoint: kept } = await connect(lasting)
  for (let n = 0; n < 3; n += 1) await kept.adapter.repository('team/app').readManifest('v1', ctx)
  expect(lasting.signIns()).toBe(1)
})

test('finds the instance by the host, also within a network, and in the region that it says', async () => {
  const other = {
    RegistryId: 'tcr-other',
    RegistryName: 'acme-test',
    PublicDomain: 'acme-test.tencentcloudcr.com',
    RegionName: 'ap-tokyo',
  }
  const it = await tcr({ instances: [other] })
  it.content.add('team/app', image(), 'v1')
  const options = { api_url: it.content.url }
  for (const host of ['acme', 'acme-vpc']) {
    const registry = { ...it.registry, url: `https://${host}.tencentcloudcr.com`, options }
    const { endpoint, ctx } = await connect({ ...it, registry })
    expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  }
  const { endpoint, ctx } = await connect({
    ...it,
    registry: { ...it.registry, url: 'https://nobody.tencentcloudcr.com', options },
  })
  await expect(digestsIn(endpoint, 'team/app', ctx)).rejects.toMatchObject({
    code: 'credential',
    message: expect.stringContaining('no instance nobody'),
    hint: expect.stringContaining('options.instance'),
  })
  const { endpoint: custom } = await connect({ ...it, registry: { ...it.registry, options } })
  await expect(digestsIn(custom, 'team/app', ctx)).rejects.toMatchObject({
    code: 'configuration',
    hint: expect.stringContaining('instance'),
  })
})

test('with instance and region nothing has to be found', async () => {
  const it = await tcr()
  it.content.add('team/app', image(), 'v1')
  const options = { ...it.registry.options, region: 'ap-shanghai' }
  const { endpoint, ctx } = await connect({ ...it, registry: { ...it.registry, options } })
  await digestsIn(endpoint, 'team/app', ctx)
  expect(calls(it, /DescribeInstances/)).toBe(0)
})

test('is asked again where it says, with status 200, that it is asked too often', async () => {
  const it = await tcr()
  it.content.add('team/app', image(), 'v1')
  const refusal = { Code: 'RequestLimitExceeded', Message: 'Your current request times exceed the limit' }
  it.fault?.(/DescribeImages/, { status: 200, body: JSON.stringify({ Response: { Error: refusal, RequestId: '1' } }) })
  const { endpoint, ctx, events } = await connect(it)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  expect(events).toContainEqual(expect.objectContaining({ type: 'retry', what: 'DescribeImages', attempt: 2 }))
})

test('an empty list of a repository is checked with the registry', async () => {
  const it = await tcr({ quiet: true })
  const { endpoint, ctx } = await connect(it)
  await expect(digestsIn(endpoint, 'team/none', ctx)).rejects.toMatchObject({ status: 404 })
  it.content.repository('team/empty')
  expect(await digestsIn(endpoint, 'team/empty', ctx)).toEqual([])
})

test('lists by the registry where the API is denied, and names the action that is missing elsewhere', async () => {
  const it = await tcr({ denied: ['DescribeImages', 'DescribeRepositories', 'CreateNamespace', 'DeleteImage'] })
  it.content.add('team/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  const lacking = (action: string) => ({ status: 403, hint: expect.stringContaining(`allow tcr:${action}`) })
  const { adapter } = endpoint
  await expect(collect(adapter.repositories?.(all, ctx) ?? [])).rejects.toMatchObject(lacking('DescribeRepositories'))
  await expect(adapter.ensureNamespace?.('fresh', { public: false }, ctx)).rejects.toMatchObject(
    lacking('CreateNamespace'),
  )
  await expect(adapter.repository('team/app').deleteTag?.('v1', ctx)).rejects.toMatchObject(lacking('DeleteImage'))
})

test('creates a namespace although the search finds longer names, and makes it public where that is wanted', async () => {
  const it = await tcr()
  const { endpoint, ctx } = await connect(it)
  await endpoint.adapter.ensureNamespace?.('my', { public: true }, ctx)
  await endpoint.adapter.ensureNamespace?.('my', { public: false }, ctx)
  await endpoint.adapter.ensureNamespace?.('tea', { public: false }, ctx)
  expect(it.namespaces.get('my')).toEqual({ isPublic: true })
  expect(it.namespaces.get('tea')).toEqual({ isPublic: false })
  expect(calls(it, /CreateNamespace/)).toBe(2)
  expect(await collect(endpoint.adapter.namespaces?.(ctx) ?? [])).toContain('my-team')
})

test('lists one namespace, and nothing of one that is not there', async () => {
  const it = await tcr()
  for (const name of ['team/app', 'team-a/app', 'team/deep/app']) it.content.add(name, image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  const listed = (names: readonly string[]) =>
    collect(endpoint.adapter.repositories?.({ namespaces: [], names }, ctx) ?? [])
  expect(await listed(['team/**'])).toEqual(['team/app', 'team/deep/app'])
  expect(await listed(['none/*'])).toEqual([])
  expect(await listed(['**'])).toHaveLength(3)
  expect(await digestsIn(endpoint, 'team/deep/app', ctx)).toHaveLength(1)
})

test('the password of docker login moves content, and deletes nothing', async () => {
  const it = await tcr()
  const { credential: _, ...registry } = it.registry
  const { endpoint, ctx } = await connect({ registry, env: AS_LOGIN })
  await endpoint.adapter.ping(ctx)
  await endpoint.adapter.ensureNamespace?.('team', { public: false }, ctx)
  await push(endpoint, 'team/app', 'v1', image(), ctx)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toEqual([['v1', image().digest]])
  const store = endpoint.adapter.repository('team/app')
  expect(await store.deletes?.(ctx)).toBe('nothing')
  await expect(store.deleteTag?.('v1', ctx)).rejects.toMatchObject({ code: 'unsupported' })
  await expect(store.deleteManifest?.(image().digest, ctx)).rejects.toMatchObject({ code: 'unsupported' })
  await expect(collect(endpoint.adapter.repositories?.(all, ctx) ?? [])).rejects.toMatchObject({ code: 'credential' })
  expect(calls(it, /^POST \/ /)).toBe(0)
})

test('a plan says which names the service does not take', async () => {
  const it = await tcr()
  const server = await tcr()
  server.content.add('team/app', image(), 'v1')
  const work = workplace({ ...it.env, SECRET: TENCENT_KEY.secret })
  const file = (to: string): string => policyWith(it, server.content.url, 'it/team/app', to)
  it.content.add('team/app', image(), 'v1')
  for (const [to, says] of [
    ['it/x', '2 to 30 lower-case letters'],
    ['it/a__b', '2 to 30 lower-case letters'],
  ] as const) {
    const { actions } = await work.plan(file(to))
    expect(actions).toMatchObject([{ action: 'blocked', reason: expect.stringContaining(says) }])
  }
  expect((await work.plan(file('it/copies'))).actions).toMatchObject([{ action: 'copy' }])
})

test.runIf(availableServers().includes('registry'))('goes to a real registry and back', async () => {
  const it = await tcr()
  it.content.add('team/app', image(), 'v1')
  const server = await startServer('registry')
  onTestFinished(() => server.stop())
  const work = workplace({ SECRET: TENCENT_KEY.secret })
  expect((await work.run(policyWith(it, server.url, 'it/team/*', 'mine/mirror'))).outcome.exitCode).toBe(0)
  const back = policyWith(it, server.url, 'mine/mirror/app', 'it/copies')
  expect((await work.run(back)).outcome.exitCode).toBe(0)
  expect([...it.namespaces.keys()]).toContain('copies')
  expect([...it.content.repository('copies/app').tags.keys()]).toEqual(['v1'])
  const again = await work.plan(back)
  expect(again.actions.filter(({ action }) => action !== 'keep')).toEqual([])
})
