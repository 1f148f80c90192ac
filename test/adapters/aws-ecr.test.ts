/** Amazon ECR, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { parseHost } from '../../adapters/aws-ecr/api.ts'
import { bytesOf } from '../../src/core/content.ts'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, prepared, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { type EcrOptions, type FakeEcr, startEcr } from '../fakes/aws-ecr.ts'
import { ACCOUNT, AWS_KEY } from '../fakes/aws-ecr-control.ts'
import { image, index } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'
import { ECR_DELIVERIES } from './aws-ecr-deliveries.ts'

const WRONG = { REPLICATE_IT_USERNAME: AWS_KEY.id, REPLICATE_IT_PASSWORD: 'wrong' }

describeAdapter('aws-ecr', () => startEcr(), {
  identity: 'aws-ecr',
  listing: /^POST \/ DescribeImages/,
  query: /^POST \/ (Describe\w+|GetAuthorizationToken)$/,
  wrong: WRONG,
  thousand: 2,
  create: 'repository',
  restarts: true,
  deliveries: ECR_DELIVERIES,
})

async function ecr(options: EcrOptions = {}): Promise<FakeEcr> {
  const started = await startEcr(options)
  onTestFinished(() => started.close())
  return started
}

const calls = (it: FakeEcr, match: RegExp) => it.requests().filter((line) => match.test(line)).length

test('knows account and region of a host in every partition', () => {
  const region = (host: string) => parseHost(host)?.region
  expect(parseHost(`${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com`)).toEqual({
    account: ACCOUNT,
    region: 'eu-west-1',
    fips: false,
    dualStack: false,
  })
  expect(parseHost(`${ACCOUNT}.dkr.ecr-fips.us-gov-west-1.amazonaws.com`)).toMatchObject({ fips: true })
  expect(parseHost(`${ACCOUNT}.dkr-ecr.eu-west-1.on.aws`)).toMatchObject({ account: ACCOUNT, dualStack: true })
  expect(region(`${ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn`)).toBe('cn-north-1')
  expect(region(`${ACCOUNT}.dkr.ecr.eusc-de-east-1.amazonaws.eu`)).toBe('eusc-de-east-1')
  expect(region(`${ACCOUNT}.dkr.ecr.us-iso-east-1.c2s.ic.gov`)).toBe('us-iso-east-1')
  expect(parseHost('api.ecr.eu-west-1.amazonaws.com')).toEqual({ region: 'eu-west-1', fips: false, dualStack: false })
  expect(parseHost('registry.example.com')).toBeUndefined()
})

test('creates a repository with the settings given, and leaves one that is there as it is', async () => {
  const it = await ecr()
  const options = {
    ...it.registry.options,
    scan_on_push: true,
    immutable: true,
    kms_key: 'arn:aws:kms:eu-west-1:123456789012:key/1',
    tags: { team: 'web', cost: '42' },
  }
  const { endpoint, ctx } = await connect({ ...it, registry: { ...it.registry, options } })
  await endpoint.adapter.ensureRepository?.('team/app', { public: false }, ctx)
  expect(it.repositories.get('team/app')).toEqual({
    repositoryName: 'team/app',
    imageScanningConfiguration: { scanOnPush: true },
    imageTagMutability: 'IMMUTABLE',
    encryptionConfiguration: { encryptionType: 'KMS', kmsKey: 'arn:aws:kms:eu-west-1:123456789012:key/1' },
    tags: [
      { Key: 'team', Value: 'web' },
      { Key: 'cost', Value: '42' },
    ],
  })
  const { endpoint: plain } = await connect(it)
  await plain.adapter.ensureRepository?.('team/app', { public: false }, ctx)
  expect(it.repositories.get('team/app')?.imageTagMutability).toBe('IMMUTABLE')
})

test('an account that may not create repositories may still push, and is told', async () => {
  const it = await ecr({ denied: ['CreateRepository'] })
  it.content.repository('team/app')
  const { endpoint, ctx, events } = await connect(it)
  await prepared(endpoint, 'team/app', ctx)
  await push(endpoint, 'team/app', 'v1', image(), ctx)
  expect(it.content.repository('team/app').tags.has('v1')).toBe(true)
  expect(events).toContainEqual({
    type: 'log',
    level: 'warning',
    text: expect.stringMatching(
      /cannot create the repository team\/app.*push is tried all the same.*allow ecr:CreateRepository/,
    ),
  })
})

test('a push to a repository that is not there is told as that, although ECR cuts it off', async () => {
  const it = await ecr()
  const { endpoint, ctx } = await connect(it)
  await expect(push(endpoint, 'team/none', 'v1', image(), ctx)).rejects.toMatchObject({
    code: 'registry',
    status: 404,
    message: expect.stringContaining('team/none'),
    hint: expect.stringContaining('destination.create'),
  })
})

test('every blob goes in one PUT, and a mount that is refused becomes the upload', async () => {
  const it = await ecr()
  const { endpoint, ctx } = await connect(it)
  await endpoint.adapter.ping(ctx)
  await prepared(endpoint, 'team/app', ctx)
  const artifact = image({ layers: 1, size: 40_000_000 })
  it.content.add('team/other', artifact, 'v1')
  const store = endpoint.adapter.repository('team/app')
  for (const [digest, bytes] of artifact.blobs) {
    const blob = { digest, size: bytes.length, mediaType: 'application/octet-stream' }
    expect(await store.mountBlob?.(blob, 'team/other', ctx)).toBe(false)
    await store.writeBlob(blob, async (offset) => chunksOf(bytes.subarray(offset)), ctx)
  }
  expect(calls(it, /^POST \/v2\/.*uploads/)).toBe(artifact.blobs.size)
  expect(calls(it, /^PUT \/v2\/.*uploads/)).toBe(artifact.blobs.size)
  expect(calls(it, /^PATCH/)).toBe(0)
})

test('takes blobs over where the account allows it', async () => {
  const it = await ecr({ mounting: true })
  const { endpoint, ctx } = await connect(it)
  await prepared(endpoint, 'team/app', ctx)
  const artifact = image()
  it.content.add('team/other', artifact, 'v1')
  const [[digest, bytes]] = [...artifact.blobs] as [[`sha256:${string}`, Buffer]]
  const blob = { digest, size: bytes.length, mediaType: 'application/octet-stream' }
  expect(await endpoint.adapter.repository('team/app').mountBlob?.(blob, 'team/other', ctx)).toBe(true)
})

test('an immutable tag takes what it points at, refuses another digest, and is known to before', async () => {
  const it = await ecr()
  it.repositories.set('team/app', { imageTagMutability: 'IMMUTABLE' })
  const [one, two] = [image({ seed: 'one' }), image({ seed: 'two' })]
  it.content.add('team/app', one, 'v1')
  const { endpoint, ctx } = await connect(it)
  await push(endpoint, 'team/app', 'v1', one, ctx)
  await expect(push(endpoint, 'team/app', 'v1', two, ctx)).rejects.toMatchObject({
    codes: ['TAG_INVALID'],
    hint: expect.stringContaining('override: false'),
  })
  const rules = await endpoint.adapter.writeRules?.('team/app', ctx)
  expect(rules?.immutable?.('v1')).toMatch(/immutable/)
  await endpoint.adapter.writeRules?.('team/app', ctx)
  expect(calls(it, /DescribeRepositories/)).toBe(1)
})

test('tags that a filter excludes from a rule are the other of the two', async () => {
  const it = await ecr()
  const imageTagMutabilityExclusionFilters = [{ filterType: 'WILDCARD', filter: 'dev-*' }]
  for (const name of ['immutable', 'mutable']) it.content.repository(name)
  it.repositories.set('immutable', {
    imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
    imageTagMutabilityExclusionFilters,
  })
  it.repositories.set('mutable', { imageTagMutability: 'MUTABLE_WITH_EXCLUSION', imageTagMutabilityExclusionFilters })
  const { endpoint, ctx } = await connect(it)
  const isImmutable = async (name: string, tag: string) =>
    (await endpoint.adapter.writeRules?.(name, ctx))?.immutable?.(tag) !== undefined
  expect(await isImmutable('immutable', 'v1')).toBe(true)
  expect(await isImmutable('immutable', 'dev-1')).toBe(false)
  expect(await isImmutable('mutable', 'v1')).toBe(false)
  expect(await isImmutable('mutable', 'dev-1')).toBe(true)
  expect(await endpoint.adapter.writeRules?.('none', ctx)).toEqual({})
})

test('tells what could not be deleted, by tag and by digest, although the answer says 200', async () => {
  const it = await ecr()
  const child = image({ seed: 'child' })
  const parent = index([child])
  it.content.add('team/app', parent, 'all')
  it.content.add('team/app', child, 'amd64')
  const { endpoint, ctx } = await connect(it)
  const store = endpoint.adapter.repository('team/app')
  const refused = {
    code: 'registry',
    codes: ['ImageReferencedByManifestList'],
    hint: expect.stringContaining('delete the index first'),
  }
  await expect(store.deleteTag?.('amd64', ctx)).rejects.toMatchObject(refused)
  await expect(store.deleteManifest?.(child.digest, ctx)).rejects.toMatchObject(refused)
  it.fault?.(/BatchDeleteImage/, {
    status: 200,
    body: JSON.stringify({ imageIds: [], failures: [{ failureCode: 'KmsError', failureReason: 'no key' }] }),
  })
  await expect(store.deleteTag?.('all', ctx)).rejects.toMatchObject({
    message: 'cannot delete team/app:all: KmsError (no key)',
  })
  // What is not there is deleted already.
  await store.deleteTag?.('none', ctx)
  await endpoint.adapter.repository('team/none').deleteTag?.('v1', ctx)
  await store.deleteManifest?.(parent.digest, ctx)
  await store.deleteManifest?.(child.digest, ctx)
  expect(it.content.repository('team/app').manifests.size).toBe(0)
})

test('names the permission that deleting lacks', async () => {
  const it = await ecr({ denied: ['BatchDeleteImage'] })
  it.content.add('team/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  await expect(endpoint.adapter.repository('team/app').deleteTag?.('v1', ctx)).rejects.toMatchObject({
    status: 403,
    hint: expect.stringContaining('allow ecr:BatchDeleteImage'),
  })
})

test('sends no chunk below 5 MiB where a layer is too large for one request', async () => {
  const it = await ecr()
  const { endpoint, ctx } = await connect(it)
  await endpoint.adapter.ensureRepository?.('team/app', { public: false }, ctx)
  it.fault?.(/^PUT .*\/uploads\//, { status: 413 })
  const mebibyte = 1024 * 1024
  const one = image({ layers: 1, size: 12 * mebibyte })
  const [[digest, bytes] = ['sha256:0', Buffer.alloc(0)] as const] = [...one.blobs].filter(
    ([, { length }]) => length > mebibyte,
  )
  const blob = { digest, size: bytes.length, mediaType: 'application/octet-stream' } as const
  await endpoint.adapter.repository('team/app').writeBlob(blob, async (offset) => bytesOf(bytes.subarray(offset)), ctx)
  const sent = it.content.requests.filter(({ method }) => method === 'PATCH').map(({ bytesIn }) => bytesIn / mebibyte)
  expect(sent).toEqual([5, 5, 2])
})

test('names the action that the user or role lacks, for the API and for the registry', async () => {
  const it = await ecr({ denied: ['GetDownloadUrlForLayer', 'PutImage', 'DescribeRepositories'] })
  const artifact = image()
  it.content.add('team/app', artifact, 'v1')
  const { endpoint, ctx } = await connect(it)
  const lacking = (action: string) => ({
    code: 'registry',
    status: 403,
    hint: expect.stringContaining(`allow ecr:${action}`),
  })
  const store = endpoint.adapter.repository('team/app')
  const [[digest, bytes]] = [...artifact.blobs] as [[`sha256:${string}`, Buffer]]
  const blob = { digest, size: bytes.length, mediaType: 'application/octet-stream' }
  await expect(store.readBlob(blob, 0, ctx)).rejects.toMatchObject(lacking('GetDownloadUrlForLayer'))
  await expect(store.writeManifest(artifact, 'v2', ctx)).rejects.toMatchObject(lacking('PutImage'))
  await expect(
    collect(endpoint.adapter.repositories?.({ namespaces: [], names: [] }, ctx) ?? []),
  ).rejects.toMatchObject(lacking('DescribeRepositories'))
})

test('a quota that is refused as a permission is told as a quota', async () => {
  const it = await ecr()
  const { endpoint, ctx } = await connect(it)
  await prepared(endpoint, 'team/app', ctx)
  const message = 'The repository has reached the quota of images per repository'
  it.fault?.(/^PUT .*manifests/, { status: 403, body: JSON.stringify({ errors: [{ code: 'DENIED', message }] }) })
  await expect(push(endpoint, 'team/app', 'v1', image(), ctx)).rejects.toMatchObject({
    hint: expect.stringContaining('Service Quotas'),
  })
})

test('lists by the registry where the API is denied, and tells the API where both are', async () => {
  const it = await ecr({ denied: ['DescribeImages'] })
  const artifact = image()
  it.content.add('team/app', artifact, 'v1', 'v2')
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(2)
  const none = await ecr({ denied: ['DescribeImages', 'ListImages'] })
  none.content.add('team/app', artifact, 'v1')
  const { endpoint: blind } = await connect(none)
  await expect(digestsIn(blind, 'team/app', ctx)).rejects.toMatchObject({
    message: expect.stringContaining('cannot list the tags of team/app: AccessDeniedException'),
    hint: expect.stringContaining('allow ecr:DescribeImages'),
  })
})

test('an empty page with more behind it is not the end, and pages beyond 1,000 are followed', async () => {
  const it = await ecr({ emptyPage: true })
  for (let n = 0; n < 1001; n += 1) it.content.add('team/app', image({ seed: `${n}`, layers: 1 }), `v${n}`)
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1001)
  expect(calls(it, /DescribeImages/)).toBe(3)
  expect(await collect(endpoint.adapter.repositories?.({ namespaces: [], names: [] }, ctx) ?? [])).toEqual(['team/app'])
})

test('gives artifacts without a tag, with media type and time, and leaves them out where they are not wanted', async () => {
  const it = await ecr()
  const [tagged, untagged] = [image({ seed: 'tagged' }), image({ seed: 'untagged' })]
  it.content.add('team/app', tagged, 'v1')
  it.content.add('team/app', untagged)
  const { endpoint, ctx } = await connect(it)
  const common = { mediaType: tagged.mediaType, pushed: new Date('2026-01-02T03:04:05.678Z') }
  const one = { tag: 'v1', digest: tagged.digest, ...common }
  expect(await collect(endpoint.adapter.listTags?.('team/app', ctx) ?? [])).toEqual([
    one,
    { digest: untagged.digest, ...common },
  ])
  expect(await collect(endpoint.adapter.listTags?.('team/app', ctx, { untagged: false }) ?? [])).toEqual([one])
})

test('is asked again where it says that it is asked too often', async () => {
  const it = await ecr()
  it.content.add('team/app', image(), 'v1')
  const throttled = { status: 400, body: JSON.stringify({ __type: 'ThrottlingException', message: 'Rate exceeded' }) }
  it.fault?.(/DescribeImages/, throttled)
  const { endpoint, ctx, events } = await connect(it)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  expect(events).toContainEqual(expect.objectContaining({ type: 'retry', what: 'DescribeImages', attempt: 2 }))
})

async function* chunksOf(bytes: Uint8Array) {
  yield bytes
}

/** As a file may say it: the secret is elsewhere. */
function written(it: FakeEcr): FakeEcr {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what a file says
  const credential = { type: 'access_key', username: AWS_KEY.id, password: '${SECRET}' } as const
  return { ...it, registry: { ...it.registry, credential, options: { ...it.registry.options, scan_on_push: true } } }
}

test.runIf(availableServers().includes('registry'))(
  'goes to a real registry and back into repositories that were not there; unchanged it costs a page',
  async () => {
    const it = await ecr()
    for (const tag of ['v1', 'v2', 'v3']) it.content.add('team/app', image({ seed: tag }), tag)
    const server = await startServer('registry')
    onTestFinished(() => server.stop())
    const work = workplace({ SECRET: AWS_KEY.secret })
    const there = policyWith(written(it), server.url, 'it/team/*', 'mine/mirror')
    expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
    const before = it.requests().length
    expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 3, total: 0 } })
    // A challenge, the password, the check; repositories; tags.
    expect(it.requests().slice(before)).toHaveLength(5)
    const back = policyWith(written(it), server.url, 'mine/mirror/app', 'it/copies')
    expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
    expect([...it.content.repository('copies/app').tags.keys()].sort()).toEqual(['v1', 'v2', 'v3'])
    expect(it.repositories.get('copies/app')).toMatchObject({ imageScanningConfiguration: { scanOnPush: true } })
    expect(calls(it, /CreateRepository/)).toBe(1)
  },
)
