/** Docker Trusted Registry and Mirantis Secure Registry, by the contract of all adapters and by what only they do. */

import { expect, onTestFinished, test } from 'vitest'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { MIRANTIS_DELIVERIES } from '../contract/deliveries.ts'
import { collect, connect, digestsIn, prepared, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { ADMIN, type DtrOptions, type FakeDtr, startDtr, WRITER } from '../fakes/dtr.ts'
import { placesOf } from '../support/found.ts'
import { image, index } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { availableServers, startServer } from '../support/servers.ts'

describeAdapter('dtr', () => startDtr(), {
  identity: 'dtr',
  listing: /^GET \/api\/v0\/repositories\/[^/]+\/[^/]+\/tags/,
  wrong: { REPLICATE_IT_USERNAME: ADMIN.user, REPLICATE_IT_PASSWORD: 'wrong' },
  thousand: 10,
  create: 'both',
  creation: {
    namespace: 'made',
    lookup: /^GET \/enzi\/v0\/accounts\/made$/,
    absent: { status: 404, body: '{"errors":[{"code":"NO_SUCH_ACCOUNT","message":"none"}]}' },
  },
  deliveries: MIRANTIS_DELIVERIES,
})

async function dtr(options: DtrOptions = {}): Promise<FakeDtr> {
  const started = await startDtr(options)
  onTestFinished(() => started.close())
  return started
}

const asWriter = { REPLICATE_IT_USERNAME: WRITER.user, REPLICATE_IT_PASSWORD: WRITER.password }
const everything = { namespaces: [], names: [] }

test('asks the registry what a tag of several platforms points at, and trusts the API for the others', async () => {
  for (const untyped of [false, true]) {
    const it = await dtr({ untyped })
    const [single, several] = [image(), index([image()])]
    it.content.add('contract/app', single, 'v1')
    it.content.add('contract/app', several, 'v2')
    const { endpoint, ctx } = await connect(it)
    expect([...(await digestsIn(endpoint, 'contract/app', ctx))].sort()).toEqual([
      ['v1', single.digest],
      ['v2', several.digest],
    ])
    const heads = it.content.requests.filter(({ method, status }) => method === 'HEAD' && status === 200)
    expect(heads).toHaveLength(untyped ? 2 : 1)
  }
})

test('a list that a proxy cuts short is an error, and not a shorter list', async () => {
  const it = await dtr({ stripped: true })
  for (let n = 0; n < 150; n += 1) it.content.add('contract/app', image(), `v${n}`)
  const { endpoint, ctx } = await connect(it)
  await expect(digestsIn(endpoint, 'contract/app', ctx)).rejects.toThrow(/100 of 150/)
})

test('a user who is no administrator is told who creates an organization, and creates repositories', async () => {
  const it = await dtr()
  const { endpoint, ctx } = await connect({ ...it, env: asWriter })
  await endpoint.adapter.ping(ctx)
  await expect(endpoint.adapter.ensureNamespace?.('fresh', { public: false }, ctx)).rejects.toMatchObject({
    status: 403,
    message: expect.stringContaining('create the organization fresh'),
    hint: expect.stringContaining('administrator'),
  })
  await prepared(endpoint, 'contract/app', ctx)
  await push(endpoint, 'contract/app', 'v1', image(), ctx)
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toHaveLength(1)
})

test('creates repositories that keep what is pushed as it is', async () => {
  const it = await dtr()
  const { endpoint, ctx } = await connect(it)
  await prepared(endpoint, 'fresh/app', ctx)
  expect(it.accounts.has('fresh')).toBe(true)
  expect(it.created.get('fresh/app')).toMatchObject({ visibility: 'private', immutableTags: false })
  expect(it.created.get('fresh/app')).not.toHaveProperty('enableManifestLists')
})

test('creates repositories with the visibility that the policy says', async () => {
  const it = await dtr()
  const mine = await startMemoryRegistry()
  onTestFinished(() => mine.close())
  mine.add('team/app', image(), 'v1')
  const work = workplace({ ...it.env })
  for (const isPublic of [true, false]) {
    const to = `{ registry: it, namespace: made-${isPublic}, public: ${isPublic} }`
    expect((await work.run(policyWith(it, mine.url, 'mine/team/app', to))).outcome.exitCode).toBe(0)
  }
  expect(it.created.get('made-true/app')).toMatchObject({ visibility: 'public' })
  expect(it.created.get('made-false/app')).toMatchObject({ visibility: 'private' })
})

test('says that it lists nothing to anonymous access, which may pull what is public', async () => {
  const it = await dtr()
  const artifact = image()
  it.content.add('contract/app', artifact, 'v1')
  const { endpoint, ctx } = await connect({ ...it, env: {} })
  await endpoint.adapter.ping(ctx)
  await expect(collect(endpoint.adapter.repositories?.(everything, ctx) ?? [])).rejects.toMatchObject({
    code: 'unsupported',
    hint: expect.stringContaining('credential'),
  })
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toEqual([['v1', artifact.digest]])
})

test('lists accounts, and the repositories of those that are wanted', async () => {
  const it = await dtr()
  for (let n = 0; n < 250; n += 1) it.accounts.add(`org-${n}`)
  for (const name of ['contract/a', 'org-7/b']) it.content.add(name, image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await collect(endpoint.adapter.namespaces?.(ctx) ?? [])).toEqual([...it.accounts])
  const wanted = { namespaces: ['org-7', 'nobody'], names: [] }
  expect(await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).toEqual(['org-7/b'])
})

test('a tag that is signed in Notary is not deleted, and the reason is told', async () => {
  const it = await dtr({ inNotary: ['v1'] })
  it.content.add('contract/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  await expect(endpoint.adapter.repository('contract/app').deleteTag?.('v1', ctx)).rejects.toMatchObject({
    status: 409,
    hint: expect.stringContaining('Notary'),
  })
})

test('tells version 4, which is a Harbor', async () => {
  const it = await dtr({ version4: true })
  const { endpoint, ctx } = await connect(it)
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({ hint: expect.stringContaining('type: harbor') })
})

/** As a file may say it: the password is elsewhere. */
function written(it: FakeDtr): FakeDtr {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what a file says
  const credential = { type: 'basic', username: WRITER.user, password: '${SECRET}' } as const
  return { ...it, registry: { ...it.registry, credential } }
}

test.runIf(availableServers().includes('registry'))('goes to a real registry and back', async () => {
  const it = await dtr()
  for (const tag of ['v1', 'v2', 'v3']) it.content.add('contract/app', image({ seed: tag }), tag)
  const server = await startServer('registry')
  onTestFinished(() => server.stop())
  const work = workplace({ SECRET: WRITER.password })
  const there = policyWith(written(it), server.url, 'it/contract/*', 'mine/mirror')
  const ran = await work.run(there)
  expect(ran.outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 3, total: 0 } })
  it.accounts.add('copies')
  const back = policyWith(written(it), server.url, 'mine/mirror/app', 'it/copies')
  expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect([...it.content.repository('copies/app').tags.keys()].sort()).toEqual(['v1', 'v2', 'v3'])
  const deep = policyWith(written(it), server.url, 'mine/mirror/app', 'it/copies/deep')
  expect((await work.plan(deep)).actions.map(({ action }) => action)).toEqual(['blocked'])
  expect(placesOf([WRITER.password], work.home, ran)).toEqual([])
})
