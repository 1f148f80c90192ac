/** Docker Hub, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { type FakeHub, HUB_USER, type HubOptions, startDockerHub } from '../fakes/docker-hub.ts'
import { image } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'

const WRONG = { REPLICATE_IT_USERNAME: HUB_USER.user, REPLICATE_IT_PASSWORD: 'wrong' }

describeAdapter('docker-hub', () => startDockerHub(), {
  identity: 'docker-hub',
  listing: /^GET \/v2\/namespaces\/[^/]+\/repositories\/[^/]+\/tags/,
  wrong: WRONG,
  thousand: 12,
  create: 'namespace',
  query: /^POST \/v2\/auth\/token/,
  deliveries: [
    {
      delivery: {
        headers: {},
        body: {
          callback_url: 'https://registry.hub.docker.com/u/acme/app/hook/1/',
          push_data: { pushed_at: 1767323045, pusher: 'acme', tag: 'latest', images: [] },
          repository: { repo_name: 'acme/app', namespace: 'acme', name: 'app', is_private: true, status: 'Active' },
        },
      },
      events: [{ action: 'push', repository: 'acme/app', tag: 'latest', time: new Date(1767323045000) }],
    },
    {
      delivery: { headers: {}, body: { push_data: { pushed_at: 1.5e9, tag: null }, repository: { repo_name: 'a/b' } } },
      events: [],
    },
  ],
})

async function hub(options: HubOptions = {}): Promise<FakeHub> {
  const started = await startDockerHub(options)
  onTestFinished(() => started.close())
  return started
}

test('asks for the digest of an old tag, which the API does not know', async () => {
  const it = await hub({ old: ['v1'] })
  const artifact = image()
  it.content.add('library/app', artifact, 'v1', 'v2')
  const { endpoint, ctx } = await connect(it)
  expect(await collect(endpoint.adapter.listTags?.('library/app', ctx) ?? [])).toEqual([
    'v1',
    { tag: 'v2', digest: artifact.digest, pushed: new Date('2026-01-02T03:04:05.678Z') },
  ])
  expect(new Map(await digestsIn(endpoint, 'library/app', ctx))).toEqual(
    new Map([
      ['v1', artifact.digest],
      ['v2', artifact.digest],
    ]),
  )
  expect(it.pulls()).toBe(0)
})

test('lists by the registry where the API gives no more to anonymous access', async () => {
  const it = await hub({ anonymousDepth: 200 })
  const artifact = image()
  for (let n = 0; n < 250; n += 1) it.content.add('library/app', artifact, `v${n}`)
  const { endpoint, ctx } = await connect({ ...it, env: {} })
  const listed = await collect(endpoint.adapter.listTags?.('library/app', ctx) ?? [])
  expect(listed.filter((info) => typeof info === 'string')).toHaveLength(50)
  expect(new Set(listed.map((info) => (typeof info === 'string' ? info : info.tag))).size).toBe(250)
  expect(it.pulls()).toBe(0)
})

test('says that an account with a second factor needs an access token', async () => {
  const it = await hub({ secondFactor: true })
  const { endpoint, ctx } = await connect(it)
  await expect(digestsIn(endpoint, 'acme/app', ctx)).rejects.toMatchObject({
    code: 'credential',
    hint: expect.stringContaining('personal access token'),
  })
})

test('says what permission a token lacks that may not delete', async () => {
  const it = await hub({ mayDelete: false })
  it.content.add('acme/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  await expect(endpoint.adapter.repository('acme/app').deleteTag?.('v1', ctx)).rejects.toMatchObject({
    status: 403,
    hint: expect.stringContaining('Read, Write & Delete'),
  })
})

test('waits until the time that its API names (X-Retry-After)', async () => {
  const it = await hub()
  it.content.add('acme/app', image(), 'v1')
  const soon = Math.floor(Date.now() / 1000) + 90
  it.fault?.(/\/tags/, { status: 429, headers: { 'x-retry-after': String(soon) } })
  const { endpoint, ctx, events } = await connect(it)
  expect(await digestsIn(endpoint, 'acme/app', ctx)).toHaveLength(1)
  const waited = events.flatMap((event) => (event.type === 'waiting' && event.until ? [Date.parse(event.until)] : []))
  expect(Math.abs((waited[0] ?? 0) - soon * 1000)).toBeLessThan(2000)
})

test('a namespace of somebody else is refused before anything is copied', async () => {
  const it = await hub()
  const { endpoint, ctx } = await connect(it)
  const ensure = endpoint.adapter.ensureNamespace
  await ensure?.('contract', { public: false }, ctx)
  await expect(ensure?.('others', { public: false }, ctx)).rejects.toMatchObject({
    message: 'the account acme has no namespace others at Docker Hub',
  })
})

test('lists the repositories of the namespaces that patterns spell out, also anonymously', async () => {
  const it = await hub()
  for (const name of ['library/alpine', 'library/redis', 'acme/app']) it.content.add(name, image(), 'v1')
  const { endpoint, ctx } = await connect({ ...it, env: {} })
  const list = (...names: readonly string[]) =>
    collect(endpoint.adapter.repositories?.({ namespaces: [], names }, ctx) ?? [])
  expect(await list('library/*')).toEqual(['library/alpine', 'library/redis'])
  expect(await list('{library,acme}/a*')).toEqual(['library/alpine', 'library/redis', 'acme/app'])
  await expect(list('*/app')).rejects.toMatchObject({ hint: expect.stringContaining('source.namespaces') })
})

test.runIf(availableServers().includes('registry'))(
  'goes to a real registry and back, and an unchanged run spends no pull',
  async () => {
    const it = await hub()
    for (const tag of ['v1', 'v2', 'v3']) it.content.add('library/app', image({ seed: tag }), tag)
    const server = await startServer('registry')
    onTestFinished(() => server.stop())
    const work = workplace(it.env)
    const there = policyWith(it, server.url, 'it/library/*', 'mine/mirror')
    expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
    const spent = it.pulls()
    expect(spent).toBe(3)
    expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 3, total: 0 } })
    expect(it.pulls()).toBe(spent)
    const back = policyWith(it, server.url, 'mine/mirror/app', 'it/acme')
    expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
    expect([...it.content.repository('acme/app').tags.keys()].sort()).toEqual(['v1', 'v2', 'v3'])
  },
)
