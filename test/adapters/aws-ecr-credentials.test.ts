/** How Amazon ECR is signed in to: keys, their session, AWS's own places, passwords that expire, and what is said where that fails. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { CancelledError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { connect, digestsIn, prepared, push } from '../contract/opened.ts'
import { type EcrOptions, type FakeEcr, startEcr } from '../fakes/aws-ecr.ts'
import { AWS_KEY } from '../fakes/aws-ecr-control.ts'
import { image } from '../support/images.ts'
import { temporaryDirectory } from '../support/temporary.ts'

async function ecr(options: EcrOptions = {}): Promise<FakeEcr> {
  const started = await startEcr(options)
  onTestFinished(() => started.close())
  return started
}

const calls = (it: FakeEcr, match: RegExp) => it.requests().filter((line) => match.test(line)).length

test('says that the address of the API is not that of a registry', async () => {
  const it = await ecr()
  const registry = { ...it.registry, url: 'https://api.ecr.eu-west-1.amazonaws.com' }
  const { connections } = await connect({ ...it, registry })
  const http = await connections.http(registry)
  const ctx = { signal: new AbortController().signal, emit: () => {} }
  await expect(http.request({ method: 'GET', url: '/v2/' }, ctx)).rejects.toMatchObject({
    code: 'configuration',
    hint: expect.stringContaining('dkr.ecr.eu-west-1.amazonaws.com'),
  })
})

test('a password that has expired is renewed, also where only a HEAD tells', async () => {
  const it = await ecr()
  it.content.add('team/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  const store = endpoint.adapter.repository('team/app')
  await store.readManifest('v1', ctx)
  expect(it.signIns()).toBe(1)
  it.expire?.()
  await store.readManifest('v1', ctx)
  expect(it.signIns()).toBe(2)
  expect(await store.resolve('v1', ctx)).toBeDefined()
  it.expire?.()
  // Whose answer says nothing.
  expect(await store.resolve('v1', ctx)).toBeDefined()
  expect(it.signIns()).toBe(3)
})

test('a clock that is wrong is set right by what AWS says', async () => {
  const it = await ecr({ now: () => Date.now() + 3_600_000 })
  it.content.add('team/app', image(), 'v1')
  const { endpoint, ctx } = await connect(it)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  await endpoint.adapter.ping(ctx)
})

test('takes an access key with the token of its session', async () => {
  const key = { id: 'ASIAIOSFODNN7EXAMPLE', secret: 'secret', session: 'session-token' }
  const it = await ecr({ key })
  it.content.add('team/app', image(), 'v1')
  const credential = { type: 'access_key', username: key.id, password: key.secret } as const
  const open = (more: { readonly token?: string }) =>
    connect({ registry: { ...it.registry, credential: { ...credential, ...more } }, env: {} })
  const { endpoint, ctx } = await open({ token: key.session })
  await endpoint.adapter.ping(ctx)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  const { endpoint: without } = await open({})
  await expect(without.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'credential',
    hint: expect.stringContaining('token of its session'),
  })
})

test.each(['type: aws', 'nothing'])("finds the keys in AWS's own places where the file says %s", async (says) => {
  const it = await ecr()
  it.content.add('team/app', image(), 'v1')
  alone({ AWS_ACCESS_KEY_ID: AWS_KEY.id, AWS_SECRET_ACCESS_KEY: AWS_KEY.secret })
  const credential = says === 'nothing' ? {} : { credential: { type: 'aws' } as const }
  const { endpoint, ctx } = await connect({ registry: { ...uncredited(it), ...credential }, env: {} })
  await endpoint.adapter.ping(ctx)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
})

test("asks where AWS's own variable says that the API answers", async () => {
  const it = await ecr()
  it.content.add('team/app', image(), 'v1')
  alone({ AWS_ENDPOINT_URL_ECR: it.content.url, AWS_REGION: 'eu-west-1' })
  const { options: _, ...registry } = it.registry
  const { endpoint, ctx } = await connect({ registry, env: {} })
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
})

test.each([
  ['endpoint', 'nonsense'],
  ['region', 'Europe, west'],
])('refuses what is no %s', async (option, value) => {
  const it = await ecr()
  const registry = { ...it.registry, options: { ...it.registry.options, [option]: value } }
  const { endpoint, ctx } = await connect({ registry, env: {} })
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'configuration',
    message: expect.stringContaining(`\`${option}\` is not`),
  })
})

test('says that the region is missing, and where it may stand', async () => {
  const it = await ecr()
  alone({})
  const registry = { ...it.registry, options: { endpoint: it.content.url } }
  const { endpoint, ctx } = await connect({ registry, env: {} })
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'configuration',
    hint: expect.stringContaining('AWS_REGION'),
  })
})

test('is stopped while a program that knows the keys has not answered', async () => {
  const it = await ecr()
  // Until its input ends, with this process.
  const file = join(temporaryDirectory(), 'config')
  writeFileSync(file, '[default]\ncredential_process = cat\n')
  alone({ AWS_CONFIG_FILE: file })
  const { endpoint } = await connect({ registry: uncredited(it), env: {} })
  const stop = new AbortController()
  const ctx = { signal: stop.signal, emit: () => {} }
  const listed = digestsIn(endpoint, 'team/app', ctx)
  stop.abort(new CancelledError('stopped', 130))
  await expect(listed).rejects.toMatchObject({ message: 'stopped' })
})

test("says what to do where AWS's own places have nothing", async () => {
  const it = await ecr()
  alone({})
  const { endpoint, ctx } = await connect({ registry: uncredited(it), env: {} })
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'credential',
    hint: expect.stringContaining('AWS_PROFILE'),
  })
})

test('with the password of docker login content moves, and the registry lists', async () => {
  const it = await ecr()
  alone({})
  const artifact = image()
  it.content.add('team/app', artifact, 'v1')
  const signedIn = await connect(it)
  await signedIn.endpoint.adapter.ping(signedIn.ctx)
  const password = `${'x'.repeat(1800)}.0`
  const env = { REPLICATE_IT_USERNAME: 'AWS', REPLICATE_IT_PASSWORD: password }
  const { endpoint, ctx } = await connect({ ...it, env })
  await endpoint.adapter.ping(ctx)
  const asked = calls(it, /^POST \/ /)
  expect(await digestsIn(endpoint, 'team/app', ctx)).toEqual([['v1', artifact.digest]])
  await prepared(endpoint, 'team/app', ctx)
  await push(endpoint, 'team/app', 'v2', artifact, ctx)
  expect(await endpoint.adapter.writeRules?.('team/app', ctx)).toEqual({})
  await endpoint.adapter.repository('team/app').deleteTag?.('v2', ctx)
  expect(calls(it, /^POST \/ /)).toBe(asked)
  expect([...it.content.repository('team/app').tags.keys()]).toEqual(['v1'])
})

/** Without what the file says of a credential. */
function uncredited({ registry: { credential: _, ...registry } }: FakeEcr): Registry {
  return registry
}

/** Nothing of AWS but `values`: no file, no machine. */
function alone(values: Readonly<Record<string, string>>): void {
  const nowhere = {
    AWS_CONFIG_FILE: '/nowhere',
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  for (const [name, value] of Object.entries({ ...nowhere, ...values })) vi.stubEnv(name, value)
  onTestFinished(() => {
    vi.unstubAllEnvs()
  })
}
