/** Google Artifact Registry, by the contract of all adapters and by what only it does. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { partsOf, pathOf, placeOf } from '../../adapters/google-gar/api.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, push } from '../contract/opened.ts'
import { workplace } from '../e2e/harness.ts'
import { type FakeGar, type GarOptions, LOCATION, startGar } from '../fakes/google-gar.ts'
import { STANDARD } from '../fakes/google-gar-api.ts'
import { OTHER_KEY } from '../fakes/google-gar-keys.ts'
import { image, index } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'

const DIGEST = `sha256:${'c'.repeat(64)}` as const
const host = 'europe-west1-docker.pkg.dev'
const publishTime = '2026-01-02T03:04:05.678Z'
const time = new Date(publishTime)

function published(payload: unknown) {
  const data = Buffer.from(JSON.stringify(payload)).toString('base64')
  const message = { data, messageId: 'm1', publishTime, attributes: {} }
  return { headers: {}, body: { message, subscription: 'projects/p/subscriptions/s' } }
}

const WRONG_KEY = JSON.stringify({
  type: 'service_account',
  client_email: 'mirror@proj.iam.gserviceaccount.com',
  private_key: OTHER_KEY,
})

describeAdapter(
  'google-gar',
  async () => {
    const it = await startGar()
    wrong.REPLICATE_IT_PASSWORD = JSON.stringify({ ...JSON.parse(WRONG_KEY), token_uri: `${it.google.url}/token` })
    return it
  },
  {
    identity: 'google-gar',
    listing: /^GET \/v2\/.+\/tags\/list/,
    creation: {
      namespace: 'proj/made',
      lookup: /^GET \/v1\/projects\/proj\/locations\/[^/]+\/repositories\/made$/,
      absent: { status: 404, body: '{"error":{"code":404,"message":"not found"}}' },
    },
    query: /^POST .*:testIamPermissions/,
    restarts: true,
    get wrong() {
      return wrong
    },
    thousand: 12,
    create: 'namespace',
    deliveries: [
      {
        delivery: published({
          action: 'INSERT',
          digest: `${host}/p/r/team/hello@${DIGEST}`,
          tag: `${host}/p/r/team/hello:1.1`,
        }),
        events: [{ action: 'push', repository: 'p/r/team/hello', tag: '1.1', digest: DIGEST, time, id: 'm1' }],
      },
      {
        delivery: published({ action: 'DELETE', tag: `${host}/p/r/hello:1.1` }),
        events: [{ action: 'delete', repository: 'p/r/hello', tag: '1.1', time, id: 'm1' }],
      },
      {
        delivery: { headers: {}, body: { action: 'DELETE', digest: `gcr.io/p/hello@${DIGEST}` } },
        events: [{ action: 'delete', repository: 'p/hello', digest: DIGEST }],
      },
      { delivery: published({ action: 'OTHER' }), events: [] },
    ],
  },
)

const wrong: Record<string, string> = { REPLICATE_IT_USERNAME: '_json_key' }

async function gar(options: GarOptions = {}): Promise<FakeGar> {
  const started = await startGar(options)
  onTestFinished(() => started.close())
  return started
}

/** Not only without a credential: the machine that tests may have one. */
function asNobody(it: FakeGar): Pick<FakeGar, 'registry' | 'env'> {
  return { registry: { ...it.registry, credential: { type: 'anonymous' } }, env: {} }
}

/** All but these permissions. */
const without =
  (...missing: readonly string[]) =>
  (_holder: string, permission: string): boolean =>
    !missing.some((name) => permission.endsWith(name))

test('knows what the parts of a name are, at pkg.dev and at gcr.io', () => {
  const at = (url: string, location?: string) =>
    placeOf({ name: 'it', type: 'google-gar', url, ...(location ? { options: { location } } : {}) })
  const dev = at('https://us-docker.pkg.dev')
  expect(dev).toEqual({ location: 'us', fixed: undefined })
  expect(partsOf('p/r/team/app', dev)).toEqual({ project: 'p', repository: 'r', image: 'team/app' })
  expect(partsOf('p', dev)).toEqual({ project: 'p', repository: undefined, image: undefined })
  expect(partsOf('example.com/p/r/app', dev)).toEqual({ project: 'example.com:p', repository: 'r', image: 'app' })
  expect(pathOf('example.com:p', 'r', dev)).toBe('example.com/p/r')
  const gcr = at('https://eu.gcr.io')
  expect(gcr).toEqual({ location: 'europe', fixed: 'eu.gcr.io' })
  expect(partsOf('p/team/app', gcr)).toEqual({ project: 'p', repository: 'eu.gcr.io', image: 'team/app' })
  expect(pathOf('p', 'eu.gcr.io', gcr)).toBe('p')
  expect(at('https://images.example.com').location).toBeUndefined()
  expect(at('https://images.example.com', 'asia').location).toBe('asia')
})

test('one call gives tags, digests and times, and artifacts without a tag', async () => {
  const it = await gar()
  const both = index([image({ seed: 1 }), image({ seed: 2 })])
  it.content.add('proj/contract/app', both, 'v1', 'latest')
  const { endpoint, ctx } = await connect(it)
  const listed = await collect(endpoint.adapter.listTags?.('proj/contract/app', ctx) ?? [])
  const facts = {
    digest: both.digest,
    mediaType: both.mediaType,
    pushed: new Date(1767323045000),
  }
  expect(listed).toEqual(
    expect.arrayContaining([
      { ...facts, tag: 'v1' },
      { ...facts, tag: 'latest' },
    ]),
  )
  expect(listed.filter((info) => typeof info !== 'string' && info.tag === undefined)).toHaveLength(2)
  expect(it.requests?.().filter((line) => line.includes('/tags/list'))).toHaveLength(1)
})

test('asks the API for the tags of an image with more manifests than one answer holds', async () => {
  const it = await gar()
  const bytes = Buffer.from('{"schemaVersion":2}')
  const repository = it.content.repository('proj/contract/team/app')
  for (let n = 0; n < 10_500; n += 1) {
    const digest = `sha256:${n.toString(16).padStart(64, '0')}` as const
    repository.manifests.set(digest, { mediaType: 'application/vnd.oci.image.manifest.v1+json', bytes })
    if (n % 10 === 0) repository.tags.set(`v${n}`, digest)
  }
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, 'proj/contract/team/app', ctx)).toHaveLength(1050)
  expect(it.requests?.().filter((line) => line.includes('/packages/team%2Fapp/tags'))).toHaveLength(2)
})

test('an empty list stands for an image that is not there; other software gives names alone', async () => {
  const empty = await gar({ emptyLists: true })
  const first = await connect(empty)
  await expect(digestsIn(first.endpoint, 'proj/contract/none', first.ctx)).rejects.toMatchObject({ status: 404 })
  const plain = await gar({ plain: true })
  plain.content.add('proj/contract/app', image(), 'v1')
  const second = await connect(plain)
  expect(await collect(second.endpoint.adapter.listTags?.('proj/contract/app', second.ctx) ?? [])).toEqual(['v1'])
  expect(await digestsIn(second.endpoint, 'proj/contract/app', second.ctx)).toHaveLength(1)
})

test('lists what the patterns spell out, by the API or, where that may not be asked, by the registry', async () => {
  for (const options of [{}, { disabled: true }]) {
    const it = await gar(options)
    it.known.set('proj/other', STANDARD)
    it.known.set('proj/maven', { ...STANDARD, format: 'MAVEN' })
    for (const name of ['contract/app', 'contract/team/app', 'contract/team', 'other/app'])
      it.content.add(`proj/${name}`, image(), 'v1')
    const { endpoint, ctx } = await connect(it)
    const list = async (...names: readonly string[]) =>
      (await collect(endpoint.adapter.repositories?.({ namespaces: [], names }, ctx) ?? [])).sort()
    const own = ['proj/contract/app', 'proj/contract/team', 'proj/contract/team/app']
    expect(await list('proj/contract/**')).toEqual(own)
    if (options.disabled) {
      await expect(list('proj/**')).rejects.toMatchObject({ hint: expect.stringContaining('gcloud services enable') })
    } else {
      expect(await list('proj/**')).toEqual([...own, 'proj/other/app'])
      // The key says the project.
      expect(await list()).toEqual([...own, 'proj/other/app'])
      expect(await collect(endpoint.adapter.namespaces?.(ctx) ?? [])).toEqual(['proj/contract', 'proj/other'])
    }
  }
})

test('does not guess whose repositories to list', async () => {
  const it = await gar({ isPublic: true })
  const { endpoint, ctx } = await connect(asNobody(it))
  await expect(
    collect(endpoint.adapter.repositories?.({ namespaces: [], names: ['**'] }, ctx) ?? []),
  ).rejects.toMatchObject({
    code: 'unsupported',
    hint: expect.stringContaining('`project`'),
  })
})

test('anonymous access pulls and lists what is public', async () => {
  const it = await gar({ isPublic: true })
  it.content.add('proj/contract/app', image(), 'v1')
  const { endpoint, ctx } = await connect(asNobody(it))
  await endpoint.adapter.ping(ctx)
  expect(await digestsIn(endpoint, 'proj/contract/app', ctx)).toHaveLength(1)
  const wanted = { namespaces: [], names: ['proj/contract/*'] }
  expect(await collect(endpoint.adapter.repositories?.(wanted, ctx) ?? [])).toEqual(['proj/contract/app'])
})

test('creates a repository, and says what it takes where it may not', async () => {
  const it = await gar()
  const { endpoint, ctx } = await connect(it)
  const ensure = endpoint.adapter.ensureNamespace
  await ensure?.('proj/fresh/team', { public: false }, ctx)
  expect(it.known.get('proj/fresh')).toEqual(STANDARD)
  await expect(ensure?.('proj', { public: false }, ctx)).rejects.toMatchObject({
    hint: expect.stringContaining('PROJECT/REPOSITORY'),
  })
  await expect(ensure?.('proj/Not_Allowed', { public: false }, ctx)).rejects.toThrow('lower case')
  it.known.set('proj/virtual', { ...STANDARD, mode: 'VIRTUAL_REPOSITORY' })
  await expect(ensure?.('proj/virtual', { public: false }, ctx)).rejects.toThrow('is virtual')
  const limited = await connect(await gar({ may: without('repositories.create') }))
  await expect(
    limited.endpoint.adapter.ensureNamespace?.('proj/fresh', { public: false }, limited.ctx),
  ).rejects.toMatchObject({ status: 403, hint: expect.stringContaining('gcloud artifacts repositories create fresh') })
  // Who may not look, but push, is let through.
  const blind = await connect(await gar({ may: without('repositories.get') }))
  await blind.endpoint.adapter.ensureNamespace?.('proj/contract', { public: false }, blind.ctx)
})

test('knows before a push what would be refused', async () => {
  const it = await gar({ may: without('uploadArtifacts') })
  it.known.set('proj/cache', { ...STANDARD, mode: 'REMOTE_REPOSITORY' })
  const { endpoint, ctx } = await connect(it)
  const rules = async (name: string) => (await endpoint.adapter.writeRules?.(name, ctx))?.refused
  expect(await rules('proj/app')).toMatchObject({ reason: expect.stringContaining('too short') })
  expect(await rules('proj/cache/app')).toMatchObject({ reason: expect.stringContaining('cache of another registry') })
  expect(await rules('proj/contract/app')).toMatchObject({
    hint: expect.stringContaining('roles/artifactregistry.writer'),
  })
  expect(await rules('proj/contract/app2')).toMatchObject({ reason: expect.stringContaining('may not push') })
  expect(await rules('proj/fresh/app')).toBeUndefined()
  expect(it.requests?.().filter((line) => line.includes('testIamPermissions'))).toHaveLength(1)
  const open = await connect(await gar())
  expect(await open.endpoint.adapter.writeRules?.('proj/contract/app', open.ctx)).toEqual({})
})

test('the tags of an immutable repository stay, and the same again is no failure', async () => {
  const it = await gar()
  it.known.set('proj/fixed', { ...STANDARD, immutableTags: true })
  const { endpoint, ctx } = await connect(it)
  const [first, second] = [image({ seed: 1 }), image({ seed: 2 })]
  await push(endpoint, 'proj/fixed/app', 'v1', first, ctx)
  await push(endpoint, 'proj/fixed/app', 'v1', first, ctx)
  const immutable = { status: 400, hint: expect.stringContaining('override: false') }
  await expect(push(endpoint, 'proj/fixed/app', 'v1', second, ctx)).rejects.toMatchObject(immutable)
  expect((await endpoint.adapter.writeRules?.('proj/fixed/app', ctx))?.immutable?.('v1')).toContain('immutable')
  expect(await endpoint.adapter.repository('proj/fixed/app').deletes?.(ctx)).toBe('nothing')
})

test('a missing permission is told by its name and role', async () => {
  const it = await gar({ may: without('uploadArtifacts', 'deleteArtifacts') })
  it.content.add('proj/contract/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  await expect(push(endpoint, 'proj/contract/app', 'v2', image({ seed: 2 }), ctx)).rejects.toMatchObject({
    code: 'registry',
    status: 403,
    hint: expect.stringContaining(
      'roles/artifactregistry.writer, which has artifactregistry.repositories.uploadArtifacts',
    ),
  })
  const store = endpoint.adapter.repository('proj/contract/app')
  await expect(store.deleteTag?.('v1', ctx)).rejects.toMatchObject({ hint: expect.stringContaining('repoAdmin') })
})

test('a manifest that an index names is told to stay until that is gone', async () => {
  const it = await gar()
  const child = image({ seed: 1 })
  const both = index([child, image({ seed: 2 })])
  it.content.add('proj/contract/app', both, 'v1')
  const { endpoint, ctx } = await connect(it)
  const store = endpoint.adapter.repository('proj/contract/app')
  await expect(store.deleteManifest?.(child.digest, ctx)).rejects.toMatchObject({
    codes: ['GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE'],
    hint: expect.stringContaining('index'),
  })
  await store.deleteManifest?.(both.digest, ctx)
  await store.deleteManifest?.(child.digest, ctx)
})

test('a layer goes in one request to where the registry wants it', async () => {
  const it = await gar()
  const { endpoint, ctx } = await connect(it)
  await push(endpoint, 'proj/contract/team/app', 'v1', image({ layers: 1, size: 3_000_000 }), ctx)
  const uploads = it.content.requests.filter(({ path }) => path.startsWith('/artifacts-uploads/'))
  expect(uploads.map(({ method }) => method)).toEqual(['PUT', 'PUT'])
  expect(Math.max(...uploads.map(({ bytesIn }) => bytesIn))).toBe(3_000_000)
})

test('an upload that fails on its way begins anew, as Google does not resume it', async () => {
  const it = await gar()
  const { endpoint, ctx } = await connect(it)
  it.fault?.(/^PUT \/artifacts-uploads/, { status: 503 })
  const artifact = image({ layers: 1, size: 300_000 })
  await push(endpoint, 'proj/contract/app', 'v1', artifact, ctx)
  const made = it.content.requests.map(({ method, path }) => `${method} ${path.split('/')[1]}`)
  expect(made.filter((line) => line === 'PUT artifacts-uploads')).toHaveLength(artifact.blobs.size + 1)
  expect(made.filter((line) => line.startsWith('POST'))).toHaveLength(artifact.blobs.size + 1)
  expect(made.filter((line) => line === 'GET artifacts-uploads')).toEqual([])
})

const policy = (it: FakeGar, url: string, from: string, to: string): string => `
registries:
  gar:
    type: google-gar
    url: ${it.content.url}
    options: { api_url: ${it.apiUrl}, location: ${LOCATION} }
    credential: { type: service_account, password_file: key.json }
  mine: { type: docker-registry, url: ${url} }
policies:
  copy:
    source: ${from}
    destination: ${to}
`

test.runIf(availableServers().includes('registry'))('goes to a real registry and back', async () => {
  const it = await gar()
  for (const tag of ['v1', 'v2', 'v3']) it.content.add('proj/contract/app', image({ seed: tag }), tag)
  const server = await startServer('registry')
  onTestFinished(() => server.stop())
  const work = workplace()
  writeFileSync(join(work.directory, 'key.json'), it.google.keyFile())
  const there = policy(it, server.url, 'gar/proj/contract/**', 'mine/mirror')
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 3, total: 0 } })
  const back = policy(it, server.url, 'mine/mirror/contract/app', 'gar/proj/fresh')
  expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect([...it.content.repository('proj/fresh/contract/app').tags.keys()].sort()).toEqual(['v1', 'v2', 'v3'])
})
