/** Volcengine's Container Registry, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { adapters } from '../../adapters/index.ts'
import { signature } from '../../adapters/volcengine-cr/sign-in.ts'
import { registryOfHost } from '../../src/config/hosts.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, prepared, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import {
  type FakeVolcengine,
  INSTANCE,
  LOGIN,
  startVolcengine,
  TEMPORARY,
  VOLCENGINE_KEY,
  type VolcengineOptions,
} from '../fakes/volcengine-cr.ts'
import { placesOf } from '../support/found.ts'
import { image } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'

describeAdapter('volcengine-cr', () => startVolcengine(), {
  identity: 'volcengine-cr',
  listing: /^POST \/\?Action=ListTags/,
  query: /^POST \/\?Action=(List\w+|Get\w+)/,
  wrong: { REPLICATE_IT_USERNAME: VOLCENGINE_KEY.id, REPLICATE_IT_PASSWORD: 'wrong' },
  thousand: 10,
  create: 'both',
  creation: {
    namespace: 'made',
    lookup: /^POST \/\?Action=ListNamespaces/,
    absent: { status: 200, body: '{"ResponseMetadata":{},"Result":{"TotalCount":0,"Items":null}}' },
  },
})

async function volcengine(options: VolcengineOptions = {}): Promise<FakeVolcengine> {
  const started = await startVolcengine(options)
  onTestFinished(() => started.close())
  return started
}

const everything = { namespaces: [], names: [] }

test('signs as the published algorithm does', () => {
  const request = {
    method: 'POST',
    url: new URL('https://open.volcengineapi.com/?Action=ListNamespaces&Version=2022-05-12'),
    headers: { 'content-type': 'application/json; charset=utf-8', accept: 'application/json' },
    body: Buffer.from('{"Registry":"registrya","PageSize":100,"PageNumber":1}'),
  } as const
  const key = { id: 'AKEXAMPLE', secret: 'EXAMPLESECRET' }
  expect(signature(request, key, 'cn-beijing', new Date('2023-11-14T22:13:20Z'))).toMatchObject({
    'x-date': '20231114T221320Z',
    authorization:
      'HMAC-SHA256 Credential=AKEXAMPLE/20231114/cn-beijing/cr/request, SignedHeaders=content-type;host;x-content-sha256;x-date, Signature=160c02f96695eac2845f70649fda70bb95df265ed13901f4ebe3c173b351da70',
  })
})

test.each([
  'mirror-cn-beijing.cr.volces.com',
  'my-cn-registry-cn-beijing.cr.ivolces.com',
  'a-ap-southeast-1.cr.volces.com',
])('knows %s as its own', (host) => {
  expect(registryOfHost(host, adapters).type).toBe('volcengine-cr')
})

test('reads instance and region from the right of the host, and says where they are missing', async () => {
  const it = await volcengine()
  const { instance: _, region: __, ...options } = it.registry.options ?? {}
  const url = 'https://my-cn-registry-cn-beijing.cr.volces.com'
  const named = await connect({ ...it, registry: { ...it.registry, url, options } })
  it.content.add('contract/app', image(), 'v1')
  expect(await digestsIn(named.endpoint, 'contract/app', named.ctx)).toHaveLength(1)
  const { endpoint, ctx } = await connect({ ...it, registry: { ...it.registry, options } })
  await expect(digestsIn(endpoint, 'contract/app', ctx)).rejects.toMatchObject({
    code: 'configuration',
    hint: expect.stringContaining('instance'),
  })
})

test('a password that is about to end is renewed before it does', async () => {
  const it = await volcengine({ life: 61_000 })
  it.content.add('contract/app', image(), 'v1')
  const { endpoint, ctx, connections } = await connect(it)
  const store = endpoint.adapter.repository('contract/app')
  await store.readManifest('v1', ctx)
  expect(it.signIns()).toBe(1)
  await connections.close()
  const short = await volcengine({ life: 30_000 })
  short.content.add('contract/app', image(), 'v1')
  const second = await connect(short)
  const soon = second.endpoint.adapter.repository('contract/app')
  await soon.readManifest('v1', second.ctx)
  await soon.readManifest('v1', second.ctx)
  expect(short.signIns()).toBeGreaterThan(1)
})

test('a temporary key signs with the token of its session', async () => {
  const it = await volcengine()
  it.content.add('contract/app', image(), 'v1')
  const { id: username, secret: password, session: token } = TEMPORARY
  const credential = { type: 'access_key', username, password, token } as const
  const { endpoint, ctx } = await connect({ ...it, registry: { ...it.registry, credential } })
  await endpoint.adapter.ping(ctx)
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toHaveLength(1)
})

test('the password of docker login moves content, and says that it cannot list', async () => {
  const it = await volcengine()
  const artifact = image()
  it.content.add('contract/app', artifact, 'v1')
  const { credential: _, ...registry } = it.registry
  const env = { REPLICATE_IT_USERNAME: LOGIN.username, REPLICATE_IT_PASSWORD: LOGIN.password }
  const { endpoint, ctx } = await connect({ registry, env })
  await endpoint.adapter.ping(ctx)
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toEqual([['v1', artifact.digest]])
  await push(endpoint, 'contract/app', 'v2', artifact, ctx)
  await expect(collect(endpoint.adapter.repositories?.(everything, ctx) ?? [])).rejects.toMatchObject({
    code: 'unsupported',
    hint: expect.stringContaining('access_key'),
  })
  expect(it.requests?.().filter((line) => line.startsWith('POST /?'))).toEqual([])
})

test('lists just the namespaces that are wanted, whatever the filter of the API matches', async () => {
  const it = await volcengine()
  it.namespaces.add('contractor')
  for (const name of ['contract/a/b', 'contractor/c']) it.content.add(name, image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  const wanted = { namespaces: ['contract'], names: [] }
  expect(await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).toEqual(['contract/a/b'])
  expect(await digestsIn(endpoint, 'contract/a/b', ctx)).toEqual([['v1', image().digest]])
  expect(await collect(endpoint.adapter.namespaces?.(ctx) ?? [])).toEqual(['contract', 'contractor'])
})

test('creates a repository with the access level that is asked for', async () => {
  const it = await volcengine()
  const { endpoint, ctx } = await connect(it)
  for (const isPublic of [true, false]) {
    await endpoint.adapter.ensureRepository?.(`contract/made-${isPublic}`, { public: isPublic }, ctx)
  }
  expect([...it.created]).toEqual([
    ['contract/made-true', 'Public'],
    ['contract/made-false', 'Private'],
  ])
})

test('creates a namespace although one whose name contains it exists', async () => {
  const it = await volcengine()
  it.namespaces.add('library-old')
  const { endpoint, ctx } = await connect(it)
  await prepared(endpoint, 'library/deep/app', ctx)
  expect(it.namespaces.has('library')).toBe(true)
  await push(endpoint, 'library/deep/app', 'v1', image(), ctx)
  expect(await digestsIn(endpoint, 'library/deep/app', ctx)).toHaveLength(1)
})

test('tells an instance that does not run, one that does not exist, and one that is closed to the public', async () => {
  const stopped = await volcengine({ phase: 'Creating' })
  const one = await connect(stopped)
  await expect(one.endpoint.adapter.ping(one.ctx)).rejects.toMatchObject({
    message: expect.stringContaining('is not running: Creating'),
  })
  const it = await volcengine()
  const options = { ...it.registry.options, instance: 'nothing' }
  const two = await connect({ ...it, registry: { ...it.registry, options } })
  await expect(two.endpoint.adapter.ping(two.ctx)).rejects.toMatchObject({
    status: 404,
    message: expect.stringContaining('no instance nothing'),
  })
  const closed = await volcengine({ closed: true })
  const three = await connect(closed)
  await expect(three.endpoint.adapter.ping(three.ctx)).rejects.toMatchObject({
    message: expect.stringContaining(`public access to the instance ${INSTANCE} is off`),
    hint: expect.stringContaining('.cr.ivolces.com'),
  })
})

test('tells a refusal in an answer that says 200, and deletes that failed', async () => {
  const it = await volcengine()
  it.content.add('contract/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  const refused = { ResponseMetadata: { Error: { Code: 'InternalError.X', Message: 'no\u001b[31m luck' } } }
  it.fault?.(/ListTags/, { status: 200, body: JSON.stringify(refused) })
  await expect(digestsIn(endpoint, 'contract/app', ctx)).rejects.toMatchObject({
    codes: ['InternalError.X'],
    message: 'cannot list the tags of contract/app: InternalError.X (no [31m luck)',
  })
  const Failures = [{ Name: 'v1', Reason: 'Locked' }]
  it.fault?.(/DeleteTags/, { status: 200, body: JSON.stringify({ ResponseMetadata: {}, Result: { Failures } }) })
  await expect(endpoint.adapter.repository('contract/app').deleteTag?.('v1', ctx)).rejects.toMatchObject({
    message: expect.stringContaining('Locked'),
  })
})

test('deletes only the tag that is named, not others of the same image', async () => {
  const it = await volcengine()
  for (const tag of ['v1', 'v2']) it.content.add('contract/app', image(), tag)
  const { endpoint, ctx } = await connect(it)
  await endpoint.adapter.repository('contract/app').deleteTag?.('v1', ctx)
  expect([...it.content.repository('contract/app').tags.keys()]).toEqual(['v2'])
})

test('where the key may not list tags the registry does, and a missing permission is named', async () => {
  const it = await volcengine({ denied: ['ListTags', 'ListRegistries', 'CreateNamespace'] })
  const artifact = image()
  it.content.add('contract/app', artifact, 'v1')
  const { endpoint, ctx } = await connect(it)
  await endpoint.adapter.ping(ctx)
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toEqual([['v1', artifact.digest]])
  await expect(endpoint.adapter.ensureNamespace?.('fresh', { public: false }, ctx)).rejects.toMatchObject({
    status: 403,
    hint: 'allow cr:CreateNamespace to this user or role',
  })
})

test('is asked again where it says by a code that it was asked too often', async () => {
  const it = await volcengine()
  it.content.add('contract/app', image(), 'v1')
  const body = JSON.stringify({ ResponseMetadata: { Error: { Code: 'FlowLimitExceeded', Message: 'slow down' } } })
  it.fault?.(/ListTags/, { status: 400, body })
  it.fault?.(/ListTags/, { status: 200, body })
  const { endpoint, ctx, events } = await connect(it)
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toHaveLength(1)
  expect(events.filter(({ type }) => type === 'retry')).toHaveLength(2)
})

test.runIf(availableServers().includes('registry'))('goes to a real registry and back', async () => {
  const it = await volcengine()
  for (const tag of ['v1', 'v2', 'v3']) it.content.add('contract/app', image({ seed: tag }), tag)
  const server = await startServer('registry')
  onTestFinished(() => server.stop())
  const work = workplace({ SECRET: VOLCENGINE_KEY.secret })
  const there = policyWith(it, server.url, 'it/contract/*', 'mine/mirror')
  const ran = await work.run(there)
  expect(ran.outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 3, total: 0 } })
  const back = policyWith(it, server.url, 'mine/mirror/app', 'it/copies/deep')
  expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect([...it.content.repository('copies/deep/app').tags.keys()].sort()).toEqual(['v1', 'v2', 'v3'])
  expect(placesOf([VOLCENGINE_KEY.secret, ...it.passwords()], work.home, ran)).toEqual([])
})
