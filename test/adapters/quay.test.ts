/** Quay, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { type FakeQuay, OAUTH, type QuayOptions, ROBOT, startQuay } from '../fakes/quay.ts'
import { image } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'

const AS_ROBOT = { REPLICATE_IT_USERNAME: ROBOT.user, REPLICATE_IT_PASSWORD: ROBOT.password }

describeAdapter('quay', () => startQuay(), {
  identity: 'quay',
  listing: /^GET \/api\/v1\/repository\/.*\/tag\//,
  wrong: { REPLICATE_IT_USERNAME: '$oauthtoken', REPLICATE_IT_PASSWORD: 'wrong' },
  thousand: 12,
  create: 'namespace',
  creation: {
    namespace: 'made',
    lookup: /^GET \/api\/v1\/(organization|users)\//,
    absent: { status: 404, body: '{}' },
  },
  deliveries: [
    {
      delivery: {
        headers: {},
        body: {
          repository: 'acme/app',
          namespace: 'acme',
          name: 'app',
          docker_url: 'quay.io/acme/app',
          homepage: 'https://quay.io/repository/acme/app',
          updated_tags: ['latest', 'v1'],
        },
      },
      events: [
        { action: 'push', repository: 'acme/app', tag: 'latest' },
        { action: 'push', repository: 'acme/app', tag: 'v1' },
      ],
    },
    {
      delivery: { headers: {}, body: { repository: 'acme/app', updated_tags: { v1: 'image-id' } } },
      events: [{ action: 'push', repository: 'acme/app', tag: 'v1' }],
    },
    { delivery: { headers: {}, body: { repository: 'acme/app', message: 'mirrored' } }, events: [] },
    {
      delivery: {
        headers: {},
        body: {
          repository: 'acme/app',
          tags: ['latest', 'v1'],
          vulnerability: { id: 'CVE-2026-1', priority: 'High', has_fix: true, link: 'https://cve.example.com' },
        },
      },
      events: [
        { action: 'scan', repository: 'acme/app', tag: 'latest' },
        { action: 'scan', repository: 'acme/app', tag: 'v1' },
      ],
    },
    { delivery: { headers: {}, body: { repository: 'acme/app', tags: ['v1'], expiring_in: '1 days' } }, events: [] },
  ],
})

async function quay(options: QuayOptions = {}): Promise<FakeQuay> {
  const started = await startQuay(options)
  onTestFinished(() => started.close())
  return started
}

test('a robot lists private repositories by the registry, and public ones by the API', async () => {
  for (const isPrivate of [true, false]) {
    const it = await quay({ isPrivate })
    const artifact = image()
    it.content.add('contract/app', artifact, 'v1')
    const { endpoint, ctx } = await connect({ ...it, env: AS_ROBOT })
    await endpoint.adapter.ping(ctx)
    expect(await digestsIn(endpoint, 'contract/app', ctx)).toEqual([['v1', artifact.digest]])
    expect(
      await collect(endpoint.adapter.repositories?.({ namespaces: [], names: ['contract/*'] }, ctx) ?? []),
    ).toEqual(['contract/app'])
    expect(it.requests?.().some((line) => line.includes('/tags/list'))).toBe(isPrivate)
  }
})

test('a token of an application is the password, too', async () => {
  const it = await quay({ isPrivate: true })
  const { endpoint, ctx } = await connect({ ...it, env: { REPLICATE_IT_TOKEN: OAUTH } })
  await push(endpoint, 'contract/app', 'v1', image(), ctx)
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toHaveLength(1)
})

test('creates the organization that is not there, unless somebody has that name', async () => {
  const it = await quay()
  const { endpoint, ctx } = await connect(it)
  await endpoint.adapter.ensureNamespace?.('fresh', { public: false }, ctx)
  expect(it.organizations.has('fresh')).toBe(true)
  await endpoint.adapter.ensureNamespace?.('alice', { public: false }, ctx)
  expect(it.organizations.has('alice')).toBe(false)
})

test('names an immutable tag as the reason', async () => {
  const it = await quay({ immutable: ['v1'] })
  const { endpoint, ctx } = await connect(it)
  await expect(push(endpoint, 'contract/app', 'v1', image(), ctx)).rejects.toMatchObject({
    status: 409,
    hint: expect.stringContaining('override: false'),
  })
})

test.runIf(availableServers().includes('registry'))(
  'goes to a real registry and back, and a plan never asks to push',
  async () => {
    const it = await quay()
    it.content.add('contract/app', image(), 'v1')
    const server = await startServer('registry')
    onTestFinished(() => server.stop())
    const work = workplace(it.env)
    expect((await work.run(policyWith(it, server.url, 'it/contract/*', 'mine/mirror'))).outcome.exitCode).toBe(0)
    expect(it.asked.filter((scope) => scope.includes('push'))).toEqual([])
    const back = policyWith(it, server.url, 'mine/mirror/app', 'it/contract/copies')
    expect((await work.plan(back)).actions).toMatchObject([
      { action: 'copy', destination: expect.stringContaining('copies/app') },
    ])
    expect(it.asked.filter((scope) => scope.includes('push'))).toEqual([])
    expect([...it.content.repositories.keys()]).toEqual(['contract/app'])
    expect((await work.run(back)).outcome.exitCode).toBe(0)
    expect([...it.content.repository('contract/copies/app').tags.keys()]).toEqual(['v1'])
  },
)
