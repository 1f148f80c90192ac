/** JFrog Artifactory, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import {
  ACCESS_TOKEN,
  ADMIN,
  type ArtifactoryOptions,
  DEPLOYER,
  type FakeArtifactory,
  startArtifactory,
} from '../fakes/jfrog-artifactory.ts'
import { image, index } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'

const DIGEST = `sha256:${'c'.repeat(64)}` as const
const AS_DEPLOYER = { REPLICATE_IT_USERNAME: DEPLOYER.user, REPLICATE_IT_PASSWORD: DEPLOYER.password }
const data = {
  repo_key: 'docker-local',
  path: 'library/ubuntu/latest/list.manifest.json',
  name: 'list.manifest.json',
  sha256: DIGEST.slice(7),
  size: 1206,
  image_name: 'library/ubuntu',
  tag: 'latest',
}
/** A change of a property, as newer and as older versions tell it. */
function property(path: string, key: string, form: 'nested' | 'flat' = 'nested') {
  const told = { repo_key: 'docker-local', event_type: 'added', path, property_key: key, property_values: ['good'] }
  const domain = { domain: 'artifact_property', event_type: 'added' }
  return form === 'nested' ? { ...domain, data: told } : { ...domain, ...told }
}
const pushed = { action: 'push', repository: 'docker-local/library/ubuntu', tag: 'latest', digest: DIGEST } as const

describeAdapter('jfrog-artifactory', () => startArtifactory(), {
  identity: 'jfrog-artifactory',
  listing: /^POST \/artifactory\/api\/search\/aql/,
  wrong: { REPLICATE_IT_USERNAME: ADMIN.user, REPLICATE_IT_PASSWORD: 'wrong' },
  thousand: 12,
  create: 'namespace',
  creation: {
    namespace: 'made',
    lookup: /^GET \/artifactory\/api\/repositories/,
    absent: { status: 200, body: '[]' },
  },
  query: /^POST \/artifactory\/api\/search\/aql/,
  expires: false,
  deliveries: [
    { delivery: { headers: {}, body: { domain: 'docker', event_type: 'pushed', data } }, events: [pushed] },
    { delivery: { headers: {}, body: { domain: 'docker', event_type: 'pushed', ...data } }, events: [pushed] },
    {
      delivery: { headers: {}, body: { domain: 'docker', event_type: 'deleted', data } },
      events: [{ ...pushed, action: 'delete' }],
    },
    {
      delivery: { headers: {}, body: { domain: 'docker', event_type: 'pushed', data: { ...data, tag: DIGEST } } },
      events: [],
    },
    {
      delivery: { headers: {}, body: { domain: 'artifact', event_type: 'deployed', data: { path: 'x' } } },
      events: [],
    },
    ...(['nested', 'flat'] as const).map((form) => ({
      delivery: { headers: {}, body: property('team/app/v1/list.manifest.json', 'quality', form) },
      events: [{ action: 'label', repository: 'docker-local/team/app', tag: 'v1' } as const],
    })),
    ...[
      property(`team/app/${DIGEST}/manifest.json`, 'quality'),
      property('team/app/v1/manifest.json', 'docker.repoName'),
      property('team/app/v1/sha256__abc', 'quality'),
    ].map((body) => ({ delivery: { headers: {}, body }, events: [] })),
  ],
})

async function artifactory(options: ArtifactoryOptions = {}): Promise<FakeArtifactory> {
  const started = await startArtifactory(options)
  onTestFinished(() => started.close())
  return started
}

test('sends a layer in one request that streams', async () => {
  const it = await artifactory()
  const { endpoint, ctx } = await connect(it)
  await push(endpoint, 'contract/app', 'v1', image({ layers: 1, size: 300_000 }), ctx)
  expect(it.uploads).toContain('PATCH 300000')
  expect(it.uploads.filter((line) => line.startsWith('PUT'))).toEqual([])
})

test('goes on where a query is cut short, and leaves out what has no tag and what is deeper', async () => {
  const it = await artifactory({ trimmedAt: 3 })
  const both = index([image({ seed: 1 }), image({ seed: 2 })])
  for (const tag of ['v1', 'v2', 'v3', 'v4', 'v5']) it.content.add('contract/app', both, tag)
  it.content.add('contract/app/deeper', image({ seed: 3 }), 'v9')
  const { endpoint, ctx } = await connect({ ...it, env: AS_DEPLOYER })
  // With their digests, which the registry's own list does not give.
  expect(await collect(endpoint.adapter.listTags?.('contract/app', ctx) ?? [])).toEqual(
    ['v1', 'v2', 'v3', 'v4', 'v5'].map((tag) => ({ tag, digest: both.digest })),
  )
  it.content.add('contract/single', image({ seed: 4 }), 'v1')
  expect(await collect(endpoint.adapter.listTags?.('contract/single', ctx) ?? [])).toEqual([
    { tag: 'v1', digest: image({ seed: 4 }).digest },
  ])
})

test('lists all pages where the database sorts by a collation', async () => {
  const it = await artifactory({ trimmedAt: 3, collation: true })
  const tags = ['alpha', 'Beta', 'camel', 'Delta', 'main-1', 'PR-7', 'pr-8', 'Zulu']
  for (const tag of tags) it.content.add('contract/app', image({ seed: tag }), tag)
  const { endpoint, ctx } = await connect({ ...it, env: AS_DEPLOYER })
  const listed = await digestsIn(endpoint, 'contract/app', ctx)
  expect(listed.map(([tag]) => tag).sort()).toEqual([...tags].sort())
})

test('asks one query at a time, as more are refused', async () => {
  const it = await artifactory()
  const names = Array.from({ length: 8 }, (_, at) => `contract/app-${at}`)
  for (const name of names) it.content.add(name, image({ seed: name }), 'v1')
  const { endpoint, ctx, events } = await connect(it)
  const listed = await Promise.all(names.map((name) => digestsIn(endpoint, name, ctx)))
  expect(listed.flat()).toHaveLength(8)
  expect(events).toEqual([])
})

test('names a key that may not be read, and lists the others; where none may be read, that is the error', async () => {
  const it = await artifactory({ unreadable: ['secret'] })
  it.keys.set('secret', 'LOCAL')
  for (const name of ['contract/app', 'secret/app']) it.content.add(name, image(), 'v1')
  const { endpoint, ctx, events } = await connect(it)
  const list = (...namespaces: readonly string[]) =>
    collect(endpoint.adapter.repositories?.({ namespaces, names: [] }, ctx) ?? [])
  expect(await list()).toEqual(['contract/app'])
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'log', level: 'warning', text: expect.stringContaining('secret') }),
  )
  await expect(list('secret')).rejects.toMatchObject({ status: 403 })
})

test('lists by the Docker API where queries are refused', async () => {
  const it = await artifactory({ noQueries: true })
  it.content.add('contract/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await collect(endpoint.adapter.listTags?.('contract/app', ctx) ?? [])).toEqual(['v1'])
})

test('lists what the cache of a remote repository holds, and refuses to push to it', async () => {
  const it = await artifactory()
  it.keys.set('hub-remote', 'REMOTE')
  it.content.add('hub-remote/library/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, 'hub-remote/library/app', ctx)).toHaveLength(1)
  expect(await collect(endpoint.adapter.repositories?.({ namespaces: [], names: [] }, ctx) ?? [])).toEqual([
    'hub-remote/library/app',
  ])
  await expect(endpoint.adapter.ensureNamespace?.('hub-remote/x', { public: false }, ctx)).rejects.toThrow(
    'remote repository',
  )
})

test('an account that may not create a repository is told that an administrator must', async () => {
  const it = await artifactory()
  const { endpoint, ctx } = await connect({ ...it, env: AS_DEPLOYER })
  await endpoint.adapter.ensureNamespace?.('Contract', { public: false }, ctx)
  await expect(endpoint.adapter.ensureNamespace?.('fresh', { public: false }, ctx)).rejects.toMatchObject({
    status: 403,
    hint: expect.stringContaining('administrator'),
  })
})

test('an account that may not overwrite a tag is told which permission is missing', async () => {
  const it = await artifactory()
  it.content.add('contract/app', image({ seed: 1 }), 'v1')
  const { endpoint, ctx } = await connect({ ...it, env: AS_DEPLOYER })
  await expect(push(endpoint, 'contract/app', 'v1', image({ seed: 2 }), ctx)).rejects.toMatchObject({
    status: 403,
    hint: expect.stringContaining('Delete/Overwrite'),
  })
})

test('takes an access token alone, and an address with a path', async () => {
  const it = await artifactory()
  const registry = { ...it.registry, url: `${it.content.url}/artifactory/` }
  const { endpoint, ctx } = await connect({ registry, env: { REPLICATE_IT_TOKEN: ACCESS_TOKEN } })
  await endpoint.adapter.ping(ctx)
  await push(endpoint, 'contract/app', 'v1', image(), ctx)
  expect(await digestsIn(endpoint, 'contract/app', ctx)).toHaveLength(1)
})

test('says that an address is not an Artifactory', async () => {
  const it = await artifactory()
  const registry = { ...it.registry, url: `${it.content.url}/elsewhere` }
  const { endpoint, ctx } = await connect({ ...it, registry })
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({ hint: expect.stringContaining('/artifactory') })
})

test.runIf(availableServers().includes('registry'))('goes to a real registry and back', async () => {
  const it = await artifactory()
  it.content.add('contract/app', image(), 'v1')
  const server = await startServer('registry')
  onTestFinished(() => server.stop())
  const work = workplace(it.env)
  const there = policyWith(it, server.url, 'it/contract/**', 'mine/mirror')
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 1 } })
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 1 } })
  const back = policyWith(it, server.url, 'mine/mirror/app', 'it/fresh')
  expect((await work.run(back)).outcome.exitCode).toBe(0)
  expect([...it.content.repository('fresh/app').tags.keys()]).toEqual(['v1'])
})
