/** Alibaba Cloud Container Registry in both editions, by the contract of all adapters and by what only it does. */

import { describe, expect, onTestFinished, test } from 'vitest'
import { placeIn, signature } from '../../adapters/ali-acr/api.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, prepared, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { type AcrOptions, ALIBABA_KEY, ALIBABA_LOGIN, type FakeAcr, startAcr } from '../fakes/ali-acr.ts'
import { INSTANCE } from '../fakes/ali-acr-control.ts'
import { image } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'

const EDITIONS = ['personal', 'enterprise'] as const
const digest = `sha256:${'a'.repeat(64)}` as const
const WRONG = { REPLICATE_IT_USERNAME: ALIBABA_KEY.id, REPLICATE_IT_PASSWORD: 'wrong' }
const AS_LOGIN = { REPLICATE_IT_USERNAME: ALIBABA_LOGIN.user, REPLICATE_IT_PASSWORD: ALIBABA_LOGIN.password }

const bridged = (type: string) => ({
  delivery: {
    headers: { 'content-type': 'application/json' },
    body: {
      ...{ id: 'e1', source: 'acs.cr', specversion: '1.0', type, time: '2020-11-19T21:04:41+08:00' },
      data: { InstanceId: INSTANCE, RegionId: 'cn-hangzhou', RepoNamespaceName: 'team', RepoName: 'app', Tag: 'v1' },
    },
  },
  time: new Date('2020-11-19T13:04:41Z'),
})
const [pushed, scanned, built] = ['Push', 'Scan', 'Build'].map((kind) => bridged(`cr:Artifact:${kind}Completed`))

const DELIVERIES = [
  {
    delivery: {
      headers: { 'content-type': 'application/json' },
      body: {
        push_data: { digest, pushed_at: '2016-11-29 12:25:46', tag: 'latest' },
        repository: {
          ...{ date_created: '2016-10-28 21:31:42', name: 'app', namespace: 'team', region: 'cn-hangzhou' },
          ...{ repo_full_name: 'team/app', repo_type: 'PUBLIC' },
        },
      },
    },
    events: [{ action: 'push', repository: 'team/app', tag: 'latest', digest, time: new Date('2016-11-29T04:25:46Z') }],
  },
  ...[
    { action: 'push', told: pushed },
    { action: 'scan', told: scanned },
  ].map(({ action, told }) => ({
    delivery: told?.delivery ?? { headers: {}, body: {} },
    events: [
      {
        action: action as 'push' | 'scan',
        repository: 'team/app',
        tag: 'v1',
        time: told?.time ?? new Date(),
        id: 'e1',
      },
    ],
  })),
  { delivery: built?.delivery ?? { headers: {}, body: {} }, events: [] },
] as const

describeAdapter('ali-acr, personal edition', () => startAcr({ edition: 'personal' }), {
  identity: 'ali-acr',
  listing: /^GET \/repos\/[^/]+\/[^/]+\/tags/,
  wrong: WRONG,
  thousand: 12,
  create: 'both',
  creation: {
    namespace: 'made',
    lookup: /^GET \/namespace\/made/,
    absent: { status: 404, body: '{"code":"NAMESPACE_NOT_EXIST","message":"none","requestId":"1"}' },
  },
  deliveries: DELIVERIES,
})

describeAdapter('ali-acr, enterprise edition', () => startAcr({ edition: 'enterprise' }), {
  identity: 'ali-acr',
  listing: /^POST \/ ListRepoTag/,
  query: /^POST \/ (Get|List)\w+$/,
  wrong: WRONG,
  thousand: 12,
  create: 'both',
  creation: {
    namespace: 'made',
    lookup: /^POST \/ GetNamespace/,
    absent: { status: 200, body: '{"IsSuccess":false,"Code":"NAMESPACE_NOT_EXIST","RequestId":"1"}' },
  },
  deliveries: DELIVERIES,
})

async function acr(options: AcrOptions = {}): Promise<FakeAcr> {
  const started = await startAcr(options)
  onTestFinished(() => started.close())
  return started
}

const calls = (it: FakeAcr, match: RegExp) => it.requests().filter((line) => match.test(line)).length
const all = { namespaces: [], names: [] }

test('signs as the vendor does', () => {
  const request = {
    method: 'POST',
    url: new URL(
      'https://ecs.cn-shanghai.aliyuncs.com/?ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai',
    ),
    headers: { 'x-acs-action': 'RunInstances', 'x-acs-version': '2014-05-26' },
    body: new Uint8Array(),
  } as const
  const key = { id: 'YourAccessKeyId', secret: 'YourAccessKeySecret' }
  const when = { now: new Date('2023-10-26T10:22:32Z'), nonce: '3156853299f313e23d1673dc12e1703d' }
  expect(signature(request, key, when)).toEqual({
    'x-acs-date': '2023-10-26T10:22:32Z',
    'x-acs-signature-nonce': when.nonce,
    'x-acs-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    authorization:
      'ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0',
  })
})

test('tells the editions apart by the challenge, and takes no other word for a region', () => {
  expect(placeIn('registry.aliyuncs.com:cn-hangzhou:26842')).toEqual({ region: 'cn-hangzhou', instance: undefined })
  expect(placeIn('Registry.aliyuncs.com:eu-central-1:26842:cri-abc123')).toEqual({
    region: 'eu-central-1',
    instance: 'cri-abc123',
  })
  for (const service of ['', 'harbor-registry', 'registry.aliyuncs.com', 'registry.aliyuncs.com:evil.example/:1']) {
    expect(placeIn(service)).toBeUndefined()
  }
})

test('the address of the API is told from that of a registry', async () => {
  const registry = { name: 'it', type: 'ali-acr', url: 'https://cr.cn-hangzhou.aliyuncs.com' }
  await expect(connect({ registry, env: {} })).rejects.toMatchObject({
    code: 'configuration',
    hint: expect.stringContaining('https://registry.cn-hangzhou.aliyuncs.com'),
  })
})

test('what does not say where it is needs the options, and with them is not asked', async () => {
  const it = await acr({ service: 'something-else' })
  it.content.add('team/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  await expect(digestsIn(endpoint, 'team/app', ctx)).rejects.toMatchObject({
    code: 'configuration',
    hint: expect.stringContaining('region'),
  })
  const options = { ...it.registry.options, region: 'cn-hangzhou', instance: INSTANCE }
  const { endpoint: told } = await connect({ ...it, registry: { ...it.registry, options } })
  const before = calls(it, /^GET \/v2\/$/)
  expect(await digestsIn(told, 'team/app', ctx)).toHaveLength(1)
  expect(calls(it, /^GET \/v2\/$/)).toBe(before)
  const { endpoint: odd } = await connect({
    ...it,
    registry: { ...it.registry, options: { ...options, region: 'x.example/' } },
  })
  await expect(digestsIn(odd, 'team/app', ctx)).rejects.toMatchObject({ code: 'configuration' })
})

describe.each(EDITIONS)('the %s edition', (edition) => {
  test('gives digests as they are, and when a tag was pushed', async () => {
    const it = await acr({ edition })
    it.content.add('team/app', image(), 'v1')
    const { endpoint, ctx } = await connect(it)
    expect(await collect(endpoint.adapter.listTags?.('team/app', ctx) ?? [])).toEqual([
      { tag: 'v1', digest: image().digest, pushed: new Date(1_767_323_045_000) },
    ])
  })

  test('a temporary key brings the token of its session', async () => {
    const it = await acr({ edition, session: 'session-token' })
    it.content.add('team/app', image(), 'v1')
    const { endpoint, ctx } = await connect(it)
    await endpoint.adapter.ping(ctx)
    expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
    const { token: _, ...credential } = it.registry.credential ?? { type: 'access_key' }
    const { endpoint: without } = await connect({ ...it, registry: { ...it.registry, credential } })
    await expect(digestsIn(without, 'team/app', ctx)).rejects.toMatchObject({ code: 'credential' })
  })

  test('a wrong key, a wrong clock and an unknown key are told as credentials', async () => {
    const late = await acr({ edition, now: () => Date.now() + 3_600_000 })
    const { endpoint, ctx } = await connect(late)
    await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
      code: 'credential',
      message: expect.stringContaining('InvalidTimeStamp.Expired'),
    })
    const { endpoint: unknown } = await connect({
      ...late,
      env: { REPLICATE_IT_USERNAME: 'LTAIother', REPLICATE_IT_PASSWORD: 'x' },
    })
    await expect(digestsIn(unknown, 'team/app', ctx)).rejects.toMatchObject({
      code: 'credential',
      message: expect.stringContaining('InvalidAccessKeyId.NotFound'),
    })
  })

  test('a password of the registry is asked for anew before it ends, and kept until then', async () => {
    const [short, long] = [await acr({ edition, life: 30_000 }), await acr({ edition })]
    for (const it of [short, long]) {
      it.content.add('team/app', image(), 'v1')
      const { endpoint, ctx } = await connect(it)
      for (let n = 0; n < 3; n += 1) await endpoint.adapter.repository('team/app').readManifest('v1', ctx)
    }
    expect(short.signIns()).toBeGreaterThan(1)
    expect(long.signIns()).toBe(1)
  })

  test('creates a namespace that creates repositories, and both with the visibility that is asked for', async () => {
    const it = await acr({ edition })
    const { endpoint, ctx } = await connect(it)
    const { adapter } = endpoint
    await adapter.ensureNamespace?.('shown', { public: true }, ctx)
    await adapter.ensureNamespace?.('shown', { public: false }, ctx)
    expect(it.namespaces.get('shown')).toEqual({ autoCreate: true, visibility: 'PUBLIC' })
    await adapter.ensureRepository?.('team/app', { public: true }, ctx)
    for (let n = 0; n < 2; n += 1) await adapter.ensureRepository?.('closed/app', { public: false }, ctx)
    expect([...it.created]).toEqual([
      ['team/app', 'PUBLIC'],
      ['closed/app', 'PRIVATE'],
    ])
    expect(await collect(adapter.namespaces?.(ctx) ?? [])).toEqual(['team', 'closed', 'shown'])
  })

  test('a key that may not create repositories may still push where the namespace does', async () => {
    const it = await acr({ edition, denied: ['CreateRepo', 'CreateRepository'] })
    const { endpoint, ctx, events } = await connect(it)
    await prepared(endpoint, 'team/app', ctx)
    await push(endpoint, 'team/app', 'v1', image(), ctx)
    expect(it.content.repository('team/app').tags.has('v1')).toBe(true)
    expect(events).toContainEqual({
      ...{ type: 'log', level: 'warning' },
      text: expect.stringMatching(
        /cannot create the repository team\/app.*push is tried all the same.*cr:CreateRepository/,
      ),
    })
  })

  test('lists by the registry where the API is denied, and names the action that is missing elsewhere', async () => {
    const it = await acr({
      edition,
      denied: ['GetRepoTags', 'ListRepoTag', 'GetRepoList', 'ListRepository', 'DeleteRepoTag'],
    })
    it.content.add('team/app', image(), 'v1')
    const { endpoint, ctx } = await connect(it)
    expect(await digestsIn(endpoint, 'team/app', ctx)).toEqual([['v1', image().digest]])
    const { adapter } = endpoint
    const lacking = (action: string) => ({ status: 403, hint: expect.stringContaining(`allow cr:${action}`) })
    await expect(collect(adapter.repositories?.(all, ctx) ?? [])).rejects.toMatchObject(
      lacking(edition === 'personal' ? 'GetRepositoryList' : 'ListRepository'),
    )
    await expect(adapter.repository('team/app').deleteTag?.('v1', ctx)).rejects.toMatchObject(
      lacking('DeleteRepositoryTag'),
    )
  })

  test('a repository that the registry refuses and the API does not know is absent', async () => {
    const it = await acr({ edition })
    const { endpoint, ctx } = await connect(it)
    const store = endpoint.adapter.repository('team/none')
    expect(await store.resolve('v1', ctx)).toBeUndefined()
    it.content.repository('team/none')
    expect(await store.resolve('v1', ctx)).toBeUndefined()
  })

  test('is asked again where it is asked too often', async () => {
    const it = await acr({ edition })
    it.content.add('team/app', image(), 'v1')
    const listing = edition === 'personal' ? /^GET \/repos\/.*tags/ : /ListRepoTag/
    it.fault?.(listing, {
      status: 400,
      body: JSON.stringify({ Code: 'Throttling.User', Message: 'Request was denied due to user flow control.' }),
    })
    const { endpoint, ctx, events } = await connect(it)
    expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
    expect(events).toContainEqual(expect.objectContaining({ type: 'retry', attempt: 2 }))
  })

  test('a RAM user that has never opened the console is told to', async () => {
    const it = await acr({ edition })
    const listing = edition === 'personal' ? /^GET \/repos\/.*tags/ : /ListRepoTag/
    it.content.add('team/app', image(), 'v1')
    it.fault?.(
      listing,
      { status: 500, body: '{"code":"USER_NOT_EXIST","message":"user is not exist.","requestId":"1"}' },
      10,
    )
    const { endpoint, ctx } = await connect(it)
    await expect(digestsIn(endpoint, 'team/app', ctx)).rejects.toMatchObject({
      code: 'registry',
      message: expect.stringContaining('USER_NOT_EXIST'),
      hint: expect.stringContaining('console'),
    })
  })

  test('the password of docker login moves content, and deletes and creates nothing', async () => {
    const it = await acr({ edition })
    const { credential: _, ...registry } = it.registry
    const { endpoint, ctx } = await connect({ registry, env: AS_LOGIN })
    await endpoint.adapter.ping(ctx)
    await prepared(endpoint, 'team/app', ctx)
    await expect(digestsIn(endpoint, 'team/app', ctx)).rejects.toMatchObject({
      status: 404,
      hint: expect.stringContaining('access key'),
    })
    await push(endpoint, 'team/app', 'v1', image(), ctx)
    expect(await digestsIn(endpoint, 'team/app', ctx)).toEqual([['v1', image().digest]])
    const store = endpoint.adapter.repository('team/app')
    expect(await store.deletes?.(ctx)).toBe('nothing')
    await expect(store.deleteTag?.('v1', ctx)).rejects.toMatchObject({ code: 'unsupported' })
    expect(it.created.size).toBe(0)
    expect(it.requests().filter((line) => /^(POST \/ |\S+ \/(repos|namespace|tokens))/.test(line))).toEqual([])
  })

  test.runIf(availableServers().includes('registry'))('goes to a real registry and back', async () => {
    const it = await acr({ edition })
    it.content.add('team/app', image(), 'v1')
    const server = await startServer('registry')
    onTestFinished(() => server.stop())
    const work = workplace({ SECRET: ALIBABA_KEY.secret })
    expect((await work.run(policyWith(it, server.url, 'it/team/*', 'mine/mirror'))).outcome.exitCode).toBe(0)
    const back = policyWith(it, server.url, 'mine/mirror/app', 'it/copies')
    expect((await work.run(back)).outcome.exitCode).toBe(0)
    expect([...it.content.repository('copies/app').tags.keys()]).toEqual(['v1'])
    expect((await work.plan(back)).actions.filter(({ action }) => action !== 'keep')).toEqual([])
  })
})

test.runIf(availableServers().includes('registry'))('the password of docker login fills a new repository', async () => {
  const [full, it] = [await acr(), await acr()]
  const server = await startServer('registry')
  onTestFinished(() => server.stop())
  full.content.add('team/app', image(), 'v1')
  const key = workplace({ SECRET: ALIBABA_KEY.secret })
  expect((await key.run(policyWith(full, server.url, 'it/team/app', 'mine/mirror'))).outcome.exitCode).toBe(0)
  const { credential: _, ...registry } = it.registry
  const login = workplace(AS_LOGIN)
  const back = policyWith({ ...it, registry }, server.url, 'mine/mirror/app', 'it/team')
  expect((await login.run(back)).outcome.exitCode).toBe(0)
  expect([...it.content.repository('team/app').tags.keys()]).toEqual(['v1'])
})

test('an immutable tag is known to before, and told where it is refused', async () => {
  const it = await acr({ immutable: ['team/app'] })
  it.content.add('team/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  const rules = await endpoint.adapter.writeRules?.('team/app', ctx)
  expect(rules?.immutable?.('v1')).toMatch(/immutable/)
  expect(await endpoint.adapter.writeRules?.('team/none', ctx)).toEqual({})
  await expect(endpoint.adapter.repository('team/app').deleteTag?.('v1', ctx)).rejects.toMatchObject({
    codes: ['TAG_IMMUTABLE'],
  })
})

test('a manifest without a tag is not deleted, and that is said', async () => {
  const it = await acr()
  it.content.add('team/app', image())
  const { endpoint, ctx } = await connect(it)
  await expect(endpoint.adapter.repository('team/app').deleteManifest?.(image().digest, ctx)).rejects.toMatchObject({
    code: 'unsupported',
    hint: expect.stringContaining('console'),
  })
})
