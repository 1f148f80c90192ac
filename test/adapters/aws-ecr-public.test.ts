/** Amazon ECR Public, by the contract of all adapters and by what only it does. */

import { expect, onTestFinished, test } from 'vitest'
import { describeAdapter } from '../contract/adapter/suite.ts'
import { collect, connect, digestsIn, prepared, push } from '../contract/opened.ts'
import { policyWith } from '../contract/round-trip.ts'
import { workplace } from '../e2e/harness.ts'
import { AWS_KEY } from '../fakes/aws-ecr-control.ts'
import { ALIAS, type EcrPublicOptions, type FakeEcrPublic, startEcrPublic } from '../fakes/aws-ecr-public.ts'
import { image } from '../support/images.ts'
import { availableServers, startServer } from '../support/servers.ts'

describeAdapter('aws-ecr-public', () => startEcrPublic(), {
  identity: 'aws-ecr-public',
  listing: /^POST \/ DescribeImages/,
  query: /^POST \/ (Describe\w+|GetAuthorizationToken)$/,
  wrong: { REPLICATE_IT_USERNAME: AWS_KEY.id, REPLICATE_IT_PASSWORD: 'wrong' },
  // The aliases of the account, and a page.
  thousand: 2,
  create: 'repository',
  restarts: true,
})

async function ecr(options: EcrPublicOptions = {}): Promise<FakeEcrPublic> {
  const started = await startEcrPublic(options)
  onTestFinished(() => started.close())
  return started
}

/** Anonymously: no credential, and nothing of AWS. */
function anonymously(it: FakeEcrPublic) {
  const { credential: _, ...registry } = it.registry
  return { registry, env: {} }
}

const everything = { namespaces: [], names: [] }

test('is read anonymously without a credential, and nothing of AWS is asked', async () => {
  const it = await ecr()
  const artifact = image()
  it.content.add('docker/library/alpine', artifact, 'v1')
  const { endpoint, ctx } = await connect(anonymously(it))
  await endpoint.adapter.ping(ctx)
  expect(await digestsIn(endpoint, 'docker/library/alpine', ctx)).toEqual([['v1', artifact.digest]])
  await endpoint.adapter.repository('docker/library/alpine').readManifest('v1', ctx)
  expect(it.tokens.every(({ isSigned }) => !isSigned)).toBe(true)
  expect(it.tokens.flatMap(({ scopes }) => scopes).filter((scope) => /push/.test(scope))).toEqual([])
  expect(it.requests().filter((line) => line.startsWith('POST / '))).toEqual([])
})

test('a token that is no more good, which is answered as a bad request, is renewed', async () => {
  const it = await ecr()
  it.content.add('docker/library/alpine', image(), 'v1')
  const { endpoint, ctx } = await connect(anonymously(it))
  const store = endpoint.adapter.repository('docker/library/alpine')
  await store.readManifest('v1', ctx)
  it.expire?.()
  await store.readManifest('v1', ctx)
  it.expire?.()
  expect(await store.resolve('v1', ctx)).toBeDefined()
})

test('the repositories of others cannot be listed, and that is said', async () => {
  const it = await ecr()
  it.content.add(`${ALIAS}/app`, image(), 'v1')
  it.content.add('docker/library/alpine', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await collect(endpoint.adapter.repositories?.(everything, ctx) ?? [])).toEqual([`${ALIAS}/app`])
  const others = { namespaces: ['docker'], names: [] }
  await expect(collect(endpoint.adapter.repositories?.(others, ctx) ?? [])).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('docker'),
  })
  const anonymous = await connect(anonymously(it))
  await expect(collect(anonymous.endpoint.adapter.repositories?.(everything, ctx) ?? [])).rejects.toMatchObject({
    hint: expect.stringContaining('repository names'),
  })
})

test('creates repositories below its own alias with their tags, and knows that others are refused', async () => {
  const it = await ecr()
  const options = { ...it.registry.options, tags: { team: 'web' } }
  const { endpoint, ctx } = await connect({ ...it, registry: { ...it.registry, options } })
  await prepared(endpoint, `${ALIAS}/deep/app`, ctx)
  expect(it.created.get('deep/app')).toEqual({ repositoryName: 'deep/app', tags: [{ Key: 'team', Value: 'web' }] })
  await push(endpoint, `${ALIAS}/deep/app`, 'v1', image(), ctx)
  expect(await endpoint.adapter.writeRules?.(`${ALIAS}/deep/app`, ctx)).toEqual({})
  expect(await endpoint.adapter.writeRules?.('docker/app', ctx)).toMatchObject({
    refused: { reason: expect.stringContaining('docker'), hint: `set destination.namespace to ${ALIAS}` },
  })
})

test('where the aliases may not be asked for, the registry lists, and a push says what is missing', async () => {
  const it = await ecr({ denied: ['DescribeRegistries'] })
  const artifact = image()
  it.content.add('docker/library/alpine', artifact, 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, 'docker/library/alpine', ctx)).toEqual([['v1', artifact.digest]])
  await expect(push(endpoint, 'docker/library/alpine', 'v2', image({ seed: 'other' }), ctx)).rejects.toMatchObject({
    status: 403,
    hint: expect.stringContaining('allow ecr-public:InitiateLayerUpload'),
  })
})

test('tells deletes that failed in an answer that says 200', async () => {
  const it = await ecr()
  it.content.add(`${ALIAS}/app`, image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  const failures = [{ failureCode: 'InvalidImageTag', failureReason: 'no' }]
  it.fault?.(/BatchDeleteImage/, { status: 200, body: JSON.stringify({ failures }) }, 2)
  const store = endpoint.adapter.repository(`${ALIAS}/app`)
  const { digest } = image()
  await expect(store.deleteTag?.('v1', ctx)).rejects.toMatchObject({ codes: ['InvalidImageTag'] })
  await expect(store.deleteManifest?.(digest, ctx)).rejects.toMatchObject({ codes: ['InvalidImageTag'] })
})

/** As a file may say it: the secret is elsewhere. */
function written(it: FakeEcrPublic): FakeEcrPublic {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what a file says
  const credential = { type: 'access_key', username: AWS_KEY.id, password: '${SECRET}' } as const
  return { ...it, registry: { ...it.registry, credential } }
}

test.runIf(availableServers().includes('registry'))('goes to a real registry and back', async () => {
  const it = await ecr()
  for (const tag of ['v1', 'v2', 'v3']) it.content.add(`${ALIAS}/app`, image({ seed: tag }), tag)
  const server = await startServer('registry')
  onTestFinished(() => server.stop())
  const work = workplace({ SECRET: AWS_KEY.secret })
  const there = policyWith(written(it), server.url, `it/${ALIAS}/*`, 'mine/mirror')
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect((await work.run(there)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 3, total: 0 } })
  const back = policyWith(written(it), server.url, 'mine/mirror/app', `it/${ALIAS}/copies`)
  expect((await work.run(back)).outcome).toMatchObject({ exitCode: 0, execution: { succeed: 3 } })
  expect([...it.content.repository(`${ALIAS}/copies/app`).tags.keys()].sort()).toEqual(['v1', 'v2', 'v3'])
})
