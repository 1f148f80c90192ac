/** GitHub's container registry, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { githubGhcr } from '../../adapters/github-ghcr/index.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { type FakeGitHub, type GitHubOptions, startGitHub, TOKEN } from '../fakes/github-ghcr.ts'
import { image, index, referrer } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`
const version = (tag: string | null) => ({
  id: 7,
  version: DIGEST,
  name: DIGEST,
  container_metadata: { tag: { name: tag, digest: DIGEST }, labels: {}, manifest: {} },
  updated_at: '2026-01-02T03:04:05Z',
})
const told = (tag: string | null) => ({
  name: 'Team/App',
  namespace: 'Acme',
  package_type: 'CONTAINER',
  owner: { login: 'Acme' },
  package_version: version(tag),
})

describeAdapter('github-ghcr', () => startGitHub(), {
  identity: 'github-ghcr',
  listing: /^GET \/orgs\/contract\/packages\/container\/[^/]+\/versions/,
  wrong: { REPLICATE_IT_USERNAME: 'whoever', REPLICATE_IT_PASSWORD: 'wrong' },
  thousand: 12,
  create: 'namespace',
  deleteTag: false,
  deliveries: [
    {
      delivery: {
        headers: { 'x-github-event': 'registry_package', 'x-github-delivery': 'd-1' },
        body: { action: 'published', registry_package: told('v1'), sender: { login: 'somebody' } },
      },
      events: [
        {
          action: 'push',
          repository: 'acme/team/app',
          tag: 'v1',
          digest: DIGEST as `sha256:${string}`,
          time: new Date('2026-01-02T03:04:05Z'),
          id: 'd-1',
        },
      ],
    },
    {
      delivery: { headers: { 'x-github-event': 'package' }, body: { action: 'updated', package: told('') } },
      events: [],
    },
    { delivery: { headers: { 'x-github-event': 'ping' }, body: { zen: 'Design for failure.' } }, events: [] },
  ],
})

async function github(options: GitHubOptions = {}): Promise<FakeGitHub> {
  const started = await startGitHub(options)
  onTestFinished(() => started.close())
  return started
}

test('asks the users where the owner is no organization', async () => {
  const it = await github({ users: ['alice'] })
  const artifact = image()
  it.content.add('alice/tools/app', artifact, 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, 'alice/tools/app', ctx)).toEqual([['v1', artifact.digest]])
  expect(it.requests?.().filter((line) => line.includes('tools%2Fapp'))).toHaveLength(1)
})

test('leaves out what has no tag, such as the platforms of an image', async () => {
  const it = await github()
  const both = index([image({ seed: 1 }), image({ seed: 2 })])
  it.content.add('acme/app', both, 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, 'acme/app', ctx)).toEqual([['v1', both.digest]])
})

test.each(['fine', 'sso'] as const)('lists by the registry where the API refuses the token (%s)', async (token) => {
  const it = await github({ token })
  it.content.add('acme/app', image(), 'v1')
  const { endpoint, ctx, events } = await connect(it)
  expect(await collect(endpoint.adapter.listTags?.('acme/app', ctx) ?? [])).toEqual(['v1'])
  expect(events.some((event) => event.type === 'log' && event.text.includes('acme/app'))).toBe(true)
  await expect(
    collect(endpoint.adapter.repositories?.({ namespaces: ['acme'], names: [] }, ctx) ?? []),
  ).rejects.toMatchObject({
    status: 403,
    hint: token === 'sso' ? expect.stringContaining('SSO') : expect.stringContaining('read:packages'),
  })
})

test('lists by the registry where the API would name very many versions', async () => {
  const it = await github()
  for (let n = 0; n < 4100; n += 1)
    it.content
      .repository('acme/app')
      .manifests.set(`sha256:${n.toString(16).padStart(64, '0')}`, { mediaType: '', bytes: Buffer.alloc(0) })
  it.content.add('acme/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await collect(endpoint.adapter.listTags?.('acme/app', ctx) ?? [])).toEqual(['v1'])
  expect(it.requests?.().filter((line) => line.includes('/versions'))).toHaveLength(1)
})

test('the token of a workflow, which belongs to no account, passes the check', async () => {
  const it = await github({ token: 'workflow' })
  const { endpoint, ctx } = await connect(it)
  await endpoint.adapter.ping(ctx)
})

test('a token given as a token is sent as the password that the registry wants', async () => {
  const it = await github()
  const { endpoint, ctx } = await connect({ ...it, env: { REPLICATE_IT_TOKEN: TOKEN } })
  await endpoint.adapter.ping(ctx)
  await push(endpoint, 'contract/app', 'v1', image(), ctx)
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toHaveLength(1)
})

test('says that the last version goes only with its package', async () => {
  const it = await github()
  const artifact = image()
  it.content.add('acme/app', artifact, 'v1')
  const { endpoint, ctx } = await connect(it)
  const store = endpoint.adapter.repository('acme/app')
  await expect(store.deleteManifest?.(artifact.digest, ctx)).rejects.toMatchObject({
    hint: 'only the whole package can be deleted, on github.com',
  })
})

test('an account that is not there is no place to push to', async () => {
  const it = await github()
  const { endpoint, ctx } = await connect(it)
  await expect(endpoint.adapter.ensureNamespace?.('nobody/x', { public: false }, ctx)).rejects.toThrow(
    'no account nobody',
  )
})

test('finds the private packages of the account itself, which GitHub writes with capitals', async () => {
  const it = await github()
  const [first, second] = [image({ seed: 1 }), image({ seed: 2 })]
  it.content.add('somebody/app', first, 'v1')
  it.content.add('somebody/app', second, 'v2')
  const { endpoint, ctx } = await connect(it)
  const wanted = { namespaces: [], names: ['somebody/**'] }
  expect(await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).toEqual(['somebody/app'])
  expect(await collect(endpoint.adapter.repositories?.({ namespaces: [], names: [] }, ctx) ?? [])).toEqual([
    'somebody/app',
  ])
  expect(new Map(await digestsIn(endpoint, 'somebody/app', ctx)).get('v1')).toBe(first.digest)
  await endpoint.adapter.repository('somebody/app').deleteManifest?.(first.digest, ctx)
  expect(await digestsIn(endpoint, 'somebody/app', ctx)).toEqual([['v2', second.digest]])
  expect(it.requests?.().filter((line) => line === 'GET /user')).toHaveLength(1)
})

test('lists what the account itself has where the token may not see its organizations, and says so', async () => {
  const it = await github({ noOrganizations: true })
  it.content.add('somebody/app', image(), 'v1')
  const { endpoint, ctx, events } = await connect(it)
  const all = { namespaces: [], names: [] }
  expect(await collect(endpoint.adapter.repositories?.(all, ctx) ?? [])).toEqual(['somebody/app'])
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'log', level: 'warning', text: expect.stringContaining('read:org') }),
  )
})

test('writes the names of packages in lower case, as the registry wants them', async () => {
  const it = await github()
  it.fault?.(/^GET \/orgs\/contract\/packages\?/, { status: 200, body: '[{"name":"Team/App"}]' })
  const { endpoint, ctx } = await connect(it)
  const wanted = { namespaces: ['contract'], names: [] }
  expect(await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).toEqual(['contract/team/app'])
})

test('needs a namespace and an image at least', () => {
  expect(githubGhcr.depth).toEqual({ min: 2 })
})

test.runIf(availableServers().includes('registry'))(
  'goes to a real registry and back, with what refers to it',
  async () => {
    const it = await github()
    const artifact = image()
    it.content.add('acme/app', artifact, 'v1')
    const server = await startServer('registry')
    onTestFinished(() => server.stop())
    const work = workplace(it.env)
    expect((await work.run(policyWith(it, server.url, 'it/acme/*', 'mine/mirror'))).outcome).toMatchObject({
      exitCode: 0,
    })
    expect((await work.run(policyWith(it, server.url, 'it/acme/*', 'mine/mirror'))).outcome.execution?.unchanged).toBe(
      1,
    )
    const { endpoint, ctx } = await connect({
      registry: { name: 'it', type: 'docker-registry', url: server.url },
      env: {},
    })
    await push(endpoint, 'mirror/app', 'signed', image({ seed: 9 }), ctx)
    await push(endpoint, 'mirror/app', 'sha256-x', referrer(image({ seed: 9 }).descriptor), ctx)
    expect((await work.run(policyWith(it, server.url, 'mine/mirror/app', 'it/contract'))).outcome).toMatchObject({
      exitCode: 0,
    })
    expect([...it.content.repository('contract/app').tags.keys()]).toEqual(
      expect.arrayContaining(['v1', 'signed', `sha256-${image({ seed: 9 }).digest.slice(7)}`]),
    )
  },
)
