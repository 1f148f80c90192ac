/** IBM Cloud Container Registry, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { type FakeIbm, IBM_KEY, type IbmOptions, startIbm } from '../fakes/ibm-icr.ts'
import { placesOf } from '../support/found.ts'
import { image, index } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'

describeAdapter('ibm-icr', () => startIbm(), {
  identity: 'ibm-icr',
  listing: /^POST \/api\/v1\/images\/digests/,
  query: /^POST \/(api\/v1\/images\/digests|identity\/token)/,
  wrong: { REPLICATE_IT_TOKEN: 'wrong' },
  thousand: 2,
  pages: false,
  create: 'namespace',
  creation: { namespace: 'made', lookup: /^GET \/api\/v1\/namespaces/, absent: { status: 200, body: '[]' } },
})

async function ibm(options: IbmOptions = {}): Promise<FakeIbm> {
  const it = await startIbm(options)
  onTestFinished(() => it.close())
  return it
}

test('a policy runs from it and back, into a namespace that it creates', async () => {
  const it = await ibm()
  const mine = await startMemoryRegistry()
  onTestFinished(() => mine.close())
  const several = index([image({ seed: 'amd64' }), image({ seed: 'arm64' })])
  it.content.add('contract/app', several, 'v1')
  const work = workplace({ ...it.env })
  const ran = await work.run(policyWith(it, mine.url, 'it/contract/*', 'mine/mirror'))
  expect(ran.outcome.exitCode).toBe(0)
  expect((await work.run(policyWith(it, mine.url, 'mine/mirror/app', 'it/fresh'))).outcome.exitCode).toBe(0)
  expect(it.namespaces.has('fresh')).toBe(true)
  expect(placesOf([IBM_KEY], work.home, ran)).toEqual([])
  expect(it.content.repository('fresh/app').tags.get('v1')).toBe(several.digest)
})

test.each([
  ['a token', { REPLICATE_IT_TOKEN: IBM_KEY }],
  ['the password of iamapikey', { REPLICATE_IT_USERNAME: 'iamapikey', REPLICATE_IT_PASSWORD: IBM_KEY }],
] as const)('an API key is %s, and repositories are named with and without the registry', async (_title, env) => {
  for (const short of [true, false]) {
    const it = await ibm({ short })
    it.content.add('contract/app', image(), 'v1')
    const { endpoint, ctx } = await connect({ ...it, env })
    const wanted = { namespaces: ['contract'], names: [] }
    expect(await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).toEqual(['contract/app'])
    expect(await collect(endpoint.adapter.listTags?.('contract/app', ctx) ?? [])).toEqual([
      { tag: 'v1', digest: image().digest },
    ])
  }
})

test('lists by the registry where the API may not be asked, or IAM cannot be reached, which it says', async () => {
  const denied = await ibm({ denied: ['images'] })
  denied.content.add('contract/app', image(), 'v1')
  const one = await connect(denied)
  expect(await digestsIn(one.endpoint, 'contract/app', one.ctx)).toEqual([['v1', image().digest]])
  const it = await ibm()
  it.content.add('contract/app', image(), 'v1')
  const gone = await startMemoryRegistry()
  await gone.close()
  const two = await connect({ ...it, registry: { ...it.registry, options: { iam_url: gone.url } } })
  expect(await digestsIn(two.endpoint, 'contract/app', two.ctx)).toEqual([['v1', image().digest]])
  expect(two.events).toContainEqual({
    ...{ type: 'log', level: 'warning' },
    text: expect.stringContaining('each tag costs a request'),
  })
})

test('says what to set where the token does not name the account', async () => {
  const it = await ibm({ unnamed: true })
  const { endpoint, ctx } = await connect(it)
  await expect(collect(endpoint.adapter.namespaces?.(ctx) ?? [])).rejects.toMatchObject({
    hint: expect.stringContaining('account'),
  })
  const options = { ...it.registry.options, account: 'a1b2c3d4e5f60718293a4b5c6d7e8f90' }
  const named = await connect({ ...it, registry: { ...it.registry, options } })
  expect(await collect(named.endpoint.adapter.namespaces?.(named.ctx) ?? [])).toEqual(['contract'])
})

test('refuses a name outside, and a namespace that the key may not create, and what to do is said', async () => {
  const it = await ibm({ denied: ['namespaces'] })
  const { endpoint, ctx } = await connect(it)
  await expect(push(endpoint, 'other/app', 'v1', image(), ctx)).rejects.toMatchObject({
    ...{ status: 403, hint: expect.stringMatching(/namespace must exist/) },
  })
  await expect(endpoint.adapter.ensureNamespace?.('other', { public: false }, ctx)).rejects.toMatchObject({
    message: expect.stringContaining('cannot create the namespace other'),
    hint: expect.stringContaining('Manager'),
  })
})

test('without a key only named repositories are read', async () => {
  const it = await ibm()
  const { endpoint, ctx } = await connect({ ...it, env: {} })
  await expect(
    collect(endpoint.adapter.repositories?.({ namespaces: [], names: [] }, ctx) ?? []),
  ).rejects.toMatchObject({ code: 'unsupported', hint: expect.stringContaining('type: token') })
})
