/** Gitea and Forgejo, by the contract of all adapters, on a fake and on a real one, and by what only they do. */

import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { gitea as type } from '../../adapters/gitea/index.ts'
import { bytesOf } from '../../src/core/content.ts'
import type { AdapterSpecimen, AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { until } from '../e2e/program.ts'
import { GITEA_TOKENS, startFakeGitea } from '../fakes/gitea.ts'
import { startCountingProxy } from '../support/counting-proxy.ts'
import { GITEA_ADMIN, hasGitea, startGitea } from '../support/gitea.ts'
import { image, index, named } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { randomBytes } from '../support/random.ts'
import { basic, seed } from '../support/seed.ts'

const ENV = { REPLICATE_IT_USERNAME: GITEA_ADMIN.user, REPLICATE_IT_PASSWORD: GITEA_ADMIN.password }
const DIGEST = `sha256:${'d'.repeat(64)}` as const

/** As Gitea 1.26 sent it, without what nothing here reads. */
const body = {
  action: 'created',
  repository: null,
  package: {
    id: 3,
    owner: { id: 2, login: 'contract', username: 'contract' },
    repository: null,
    creator: { id: 1, login: 'tester' },
    type: 'container',
    name: 'team/app',
    version: 'v1',
    html_url: 'http://127.0.0.1:3000/contract/-/packages/container/team%2Fapp/v1',
    created_at: '2026-01-02T03:04:05Z',
  },
  organization: { id: 2, name: 'contract' },
  sender: { id: 1, login: 'tester' },
}
const headers = { 'x-gitea-event': 'package', 'x-gitea-delivery': 'd-1' }
const pushed = {
  action: 'push',
  repository: 'contract/team/app',
  tag: 'v1',
  time: new Date(body.package.created_at),
  id: 'd-1',
} as const

const specimen: AdapterSpecimen = {
  identity: 'gitea',
  listing: /\/tags\/list/,
  wrong: { ...ENV, REPLICATE_IT_PASSWORD: 'wrong' },
  create: 'namespace',
  restarts: true,
  creation: {
    namespace: 'made',
    lookup: /^GET \/api\/v1\/users\//,
    absent: { status: 404, body: '{"message":"no such user"}' },
  },
  deliveries: [
    { delivery: { headers, body }, events: [pushed] },
    {
      delivery: { headers, body: { ...body, package: { ...body.package, version: DIGEST } } },
      events: [{ action: 'push', repository: 'contract/team/app', digest: DIGEST, time: pushed.time, id: 'd-1' }],
    },
    {
      delivery: { headers, body: { ...body, action: 'deleted' } },
      events: [{ action: 'delete', repository: 'contract/team/app', tag: 'v1', id: 'd-1' }],
    },
    { delivery: { headers, body: { ...body, package: { ...body.package, type: 'npm' } } }, events: [] },
    { delivery: { headers: { 'x-gitea-event': 'push' }, body: { ref: 'refs/heads/main' } }, events: [] },
    // As Forgejo sends them.
    {
      delivery: { headers: { ...headers, 'x-gitea-event': '', 'x-gitea-event-type': 'package' }, body },
      events: [pushed],
    },
    {
      delivery: { headers: { 'x-gitea-event': '', 'x-gitea-event-type': 'push' }, body: { ref: 'refs/heads/main' } },
      events: [],
    },
  ],
}

describeAdapter('gitea', startFakeGitea, specimen)
describeAdapter('a real gitea', startReal, { ...specimen, real: true, available: hasGitea() })

async function startReal(): Promise<AdapterUnderTest> {
  const server = await startGitea()
  return {
    registry: { name: 'it', type: 'gitea', url: server.url },
    env: ENV,
    namespace: 'contract',
    seed: async (repository, tag, artifact) => {
      await seed(server.url, repository, tag, artifact, {
        authorization: basic(GITEA_ADMIN.user, GITEA_ADMIN.password),
      })
    },
    close: () => server.stop(),
  }
}

async function startWithToken(): Promise<AdapterUnderTest & { readonly token: string }> {
  const server = await startGitea()
  const made = await server.api('POST', `/users/${GITEA_ADMIN.user}/tokens`, {
    name: 'mirror',
    scopes: ['write:package'],
  })
  const { sha1 } = made as { readonly sha1: string }
  return {
    registry: { name: 'it', type: 'gitea', url: server.url },
    env: {},
    namespace: 'contract',
    seed() {},
    token: sha1,
    close: () => server.stop(),
  }
}

test.for([
  ['a fake', async () => ({ ...(await startFakeGitea()), token: GITEA_TOKENS.packages }), true],
  ['a real one', startWithToken, hasGitea()],
] as const)(
  'a token for packages alone pushes to %s, and does not fail where it may not look for the owner',
  async ([, start, there], { skip }) => {
    skip(!there)
    const it = await start()
    onTestFinished(() => it.close())
    const { endpoint, ctx } = await connect({ ...it, env: { REPLICATE_IT_TOKEN: it.token } })
    await endpoint.adapter.ensureNamespace?.('contract', { public: false }, ctx)
    await push(endpoint, 'contract/app', 'v1', image(), ctx)
    expect(await digestsIn(endpoint, 'contract/app', ctx)).toHaveLength(1)
    await expect(push(endpoint, 'missing/app', 'v1', image(), ctx)).rejects.toMatchObject({
      hint: expect.stringContaining('no user or organization missing'),
    })
  },
)

test('creates an organization with the visibility that the policy says, and says why it cannot', async () => {
  const it = await startFakeGitea()
  onTestFinished(() => it.close())
  const { endpoint, ctx } = await connect(it)
  await endpoint.adapter.ensureNamespace?.('hidden', { public: false }, ctx)
  await endpoint.adapter.ensureNamespace?.('seen/below', { public: true }, ctx)
  expect([...it.organizations]).toEqual([
    ['contract', 'public'],
    ['hidden', 'private'],
    ['seen', 'public'],
  ])
  await expect(endpoint.adapter.ensureNamespace?.('api', { public: true }, ctx)).rejects.toMatchObject({
    message: expect.stringContaining('cannot create the organization api'),
    hint: expect.stringContaining('reserved'),
  })
})

test('refuses a tag with capital letters, which would come back under another name', async () => {
  const it = await startFakeGitea()
  onTestFinished(() => it.close())
  const { endpoint, ctx } = await connect(it)
  await expect(push(endpoint, 'contract/app', 'v1-RC1', image(), ctx)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('v1-rc1'),
  })
})

test.for([
  ['a fake', startFakeGitea, true],
  ['a real one', startReal, hasGitea()],
] as const)(
  'a policy goes to %s with an index and back, and a second run changes nothing',
  async ([, start, there], { skip }) => {
    skip(!there)
    const it = await start()
    onTestFinished(() => it.close())
    const mine = await startMemoryRegistry()
    onTestFinished(() => mine.close())
    const several = index([image({ seed: 'amd64' }), image({ seed: 'arm64' })])
    mine.add('team/app', several, 'v1', 'latest')
    const work = workplace(ENV)
    const there_ = policyWith(it, mine.url, 'mine/team/app', 'it/fresh')
    expect((await work.run(there_)).outcome).toMatchObject({ exitCode: 0 })
    expect((await work.plan(there_)).actions.filter(({ action }) => action !== 'keep')).toEqual([])
    const back = policyWith(it, mine.url, 'it/fresh/*', 'mine/back')
    expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0 })
    expect(mine.repository('back/app').tags).toEqual(mine.repository('team/app').tags)
  },
)

test.runIf(hasGitea())('reads the webhooks that a real one sends, with its signature', async () => {
  const server = await startGitea()
  onTestFinished(() => server.stop())
  const got: { readonly headers: IncomingHttpHeaders; readonly body: unknown }[] = []
  const hook = createServer((request, response) => {
    void json(request).then((told) => {
      got.push({ headers: request.headers, body: told })
      response.end()
    })
  })
  hook.listen(0, '127.0.0.1')
  onTestFinished(() => void hook.close())
  await new Promise((resolve) => hook.once('listening', resolve))
  const { port } = hook.address() as AddressInfo
  await server.api('POST', '/orgs/contract/hooks', {
    type: 'gitea',
    active: true,
    events: ['package'],
    config: { url: `http://127.0.0.1:${port}/hooks/it`, content_type: 'json', secret: 'hook-secret' },
  })
  const { endpoint, ctx } = await connect({ registry: { name: 'it', type: 'gitea', url: server.url }, env: ENV })
  await push(endpoint, 'contract/app', 'v1', image(), ctx)
  await endpoint.adapter.repository('contract/app').deleteTag?.('v1', ctx)
  await until('two deliveries', () => got.length >= 2)
  const told = await Promise.all(
    got.map(({ headers, body }) => type.parseEvents?.({ headers: headers as Record<string, string>, body })),
  )
  expect(told.flat()).toMatchObject([
    { action: 'push', repository: 'contract/app', tag: 'v1', id: expect.any(String) },
    { action: 'delete', repository: 'contract/app', tag: 'v1' },
  ])
  expect(got[0]?.headers['x-hub-signature-256']).toMatch(/^sha256=[0-9a-f]{64}$/)
})

test.runIf(hasGitea())(
  'stores a blob in a real one whose upload breaks off, and finds its tags in lower case',
  async () => {
    const server = await startGitea()
    onTestFinished(() => server.stop())
    const proxy = await startCountingProxy(server.url, { cutOnce: { way: 'up', after: 2 * 1024 * 1024 } })
    onTestFinished(() => proxy.close())
    const { endpoint, ctx } = await connect({ registry: { name: 'it', type: 'gitea', url: proxy.url }, env: ENV })
    const store = endpoint.adapter.repository('contract/app')
    const bytes = randomBytes(12 * 1024 * 1024, 'layer')
    await store.writeBlob(named(bytes), async (offset) => bytesOf(bytes.subarray(offset)), ctx)
    expect(proxy.counts.get('POST upload 202')).toBe(2)
    // Otherwise than the adapter, which refuses it.
    await seed(server.url, 'contract/app', 'V1', image(), {
      authorization: basic(ENV.REPLICATE_IT_USERNAME, ENV.REPLICATE_IT_PASSWORD),
    })
    expect(await collect(store.tags(ctx))).toEqual(['v1'])
    expect(await store.resolve('V1', ctx)).toEqual(await store.resolve('v1', ctx))
  },
)

test('lists what a token may see, over all owners', async () => {
  const it = await startFakeGitea()
  onTestFinished(() => it.close())
  for (const name of ['contract/a', 'contract/deep/b', 'tester/c']) it.content.add(name, image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await collect(endpoint.adapter.repositories?.({ namespaces: [], names: [] }, ctx) ?? [])).toEqual([
    'contract/a',
    'contract/deep/b',
    'tester/c',
  ])
})
