/** How the adapter for Azure signs in: with what the registry gives, with tokens of Entra, and with the machine's own identity. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { libraryToken } from '../../adapters/azure-acr/sign-in.ts'
import type { CredentialConfig } from '../../src/core/registry.ts'
import { connect, digestsIn } from '../contract/opened.ts'
import { type FakeAcr, startAcr } from '../fakes/azure-acr.ts'
import { ENTRA_TOKEN, type FakeEntra, HEADER, PRINCIPAL, startEntra } from '../fakes/azure-entra.ts'
import { image } from '../support/images.ts'
import { temporaryDirectory } from '../support/temporary.ts'

async function azure(options: Parameters<typeof startEntra>[0] = {}): Promise<{ it: FakeAcr; entra: FakeEntra }> {
  const it = await startAcr({ entra: new Map([[ENTRA_TOKEN, () => true]]) })
  const entra = await startEntra(options)
  onTestFinished(() => it.close())
  onTestFinished(() => entra.close())
  it.content.add('team/app', image(), 'v1')
  return { it, entra }
}

const open = (it: FakeAcr, env: Readonly<Record<string, string>>, type?: CredentialConfig['type']) =>
  connect({ registry: { ...it.registry, ...(type ? { credential: { type } } : {}) }, env })

const principal = (entra: FakeEntra) => ({
  AZURE_AUTHORITY_HOST: `${entra.url}/`,
  AZURE_TENANT_ID: PRINCIPAL.tenant,
  AZURE_CLIENT_ID: PRINCIPAL.client,
})

test('takes a service principal of the environment, whether asked to or where there is nothing else', async () => {
  const { it, entra } = await azure()
  const env = { ...principal(entra), AZURE_CLIENT_SECRET: PRINCIPAL.secret }
  for (const type of ['azure', undefined] as const) {
    const { endpoint, ctx } = await open(it, env, type)
    await endpoint.adapter.ping(ctx)
    expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  }
  const posted = it.content.requests.filter(({ method }) => method === 'POST').map(({ path }) => path)
  expect(posted).toContain('/oauth2/exchange')
  expect(entra.requests).toHaveLength(2)
})

test('takes the token of a workload from its file', async () => {
  const { it, entra } = await azure()
  const file = join(temporaryDirectory(), 'token')
  writeFileSync(file, `${PRINCIPAL.assertion}\n`)
  const { endpoint, ctx } = await open(it, { ...principal(entra), AZURE_FEDERATED_TOKEN_FILE: file }, 'azure')
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  const missing = { ...principal(entra), AZURE_FEDERATED_TOKEN_FILE: `${file}-not` }
  const other = await open(it, missing, 'azure')
  await expect(other.endpoint.adapter.ping(other.ctx)).rejects.toMatchObject({
    code: 'credential',
    message: expect.stringContaining(`${file}-not`),
  })
})

test('takes the managed identity of a machine, and that of App Service', async () => {
  const { it, entra } = await azure()
  for (const env of [
    { AZURE_POD_IDENTITY_AUTHORITY_HOST: entra.url },
    { IDENTITY_ENDPOINT: `${entra.url}/msi/token`, IDENTITY_HEADER: HEADER },
  ]) {
    const { endpoint, ctx } = await open(it, env, 'azure')
    expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  }
})

test('signs in anew where the refresh token is refused', async () => {
  const { it, entra } = await azure()
  const env = { ...principal(entra), AZURE_CLIENT_SECRET: PRINCIPAL.secret }
  const { endpoint, ctx } = await open(it, env, 'azure')
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  it.expire?.()
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
})

test('a secret that Entra refuses is told in its words', async () => {
  const { it, entra } = await azure()
  const { endpoint, ctx } = await open(it, { ...principal(entra), AZURE_CLIENT_SECRET: 'wrong' }, 'azure')
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'credential',
    message:
      'Entra refused the environment (AZURE_CLIENT_SECRET): AADSTS7000215: Invalid client secret provided. (401)',
  })
})

test('a machine without an identity is told as that', async () => {
  const { it, entra } = await azure({ identity: false })
  const { endpoint, ctx } = await open(it, { AZURE_POD_IDENTITY_AUTHORITY_HOST: entra.url }, 'azure')
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'credential',
    message: expect.stringContaining('Identity not found'),
  })
})

test('a metadata service that never answers costs a second, then says what there is to try', async () => {
  const { it, entra } = await azure({ hang: true })
  const { endpoint, ctx } = await open(it, { AZURE_POD_IDENTITY_AUTHORITY_HOST: entra.url }, 'azure')
  const began = performance.now()
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'credential',
    hint: expect.stringContaining('AZURE_CLIENT_ID'),
  })
  expect(performance.now() - began).toBeLessThan(10_000)
})

test.each(['has no identity', 'has one that the registry does not know'])(
  'anonymous access works on a machine of Azure that %s',
  async (machine) => {
    const entra = await startEntra({ identity: machine !== 'has no identity' })
    onTestFinished(() => entra.close())
    const it = await startAcr({ anonymousPull: true })
    onTestFinished(() => it.close())
    it.content.add('team/app', image(), 'v1')
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: entra.url }
    const { endpoint, ctx } = await connect({ registry: it.registry, env })
    await endpoint.adapter.ping(ctx)
    expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
    expect(entra.requests).not.toEqual([])
  },
)

test('an identity that the registry does not know is told which role it needs', async () => {
  const { entra } = await azure()
  const other = await startAcr()
  onTestFinished(() => other.close())
  const env = { ...principal(entra), AZURE_CLIENT_SECRET: PRINCIPAL.secret }
  const { endpoint, ctx } = await open(other, env, 'azure')
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'credential',
    hint: expect.stringContaining('AcrPull'),
  })
})

test('takes a refresh token, as a token or as the password of the null user', async () => {
  const { it } = await azure()
  const given = await fetch(`${it.content.url}/oauth2/exchange`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: String(
      new URLSearchParams({ grant_type: 'access_token', service: it.content.host, access_token: ENTRA_TOKEN }),
    ),
  })
  const { refresh_token: token } = (await given.json()) as { refresh_token: string }
  for (const env of [
    { REPLICATE_IT_TOKEN: token },
    { REPLICATE_IT_USERNAME: '00000000-0000-0000-0000-000000000000', REPLICATE_IT_PASSWORD: token },
  ]) {
    const { endpoint, ctx } = await connect({ registry: it.registry, env })
    expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
  }
})

test('exchanges a token of Entra that was given', async () => {
  const token = ['{}', '{"tid":"tenant-1"}', 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.')
  const it = await startAcr({ entra: new Map([[token, () => true]]) })
  onTestFinished(() => it.close())
  it.content.add('team/app', image(), 'v1')
  const { endpoint, ctx } = await connect({ registry: it.registry, env: { REPLICATE_IT_TOKEN: token } })
  expect(await digestsIn(endpoint, 'team/app', ctx)).toHaveLength(1)
})

test('a user with `type: anonymous` gets no identity, whatever the environment says', async () => {
  const { it, entra } = await azure()
  const env = { ...principal(entra), AZURE_CLIENT_SECRET: PRINCIPAL.secret }
  const { endpoint, ctx } = await open(it, env, 'anonymous')
  await expect(digestsIn(endpoint, 'team/app', ctx)).rejects.toMatchObject({ code: 'credential' })
  expect(entra.requests).toEqual([])
})

test("Azure's own library is used where it is installed, and missed nowhere else", async () => {
  class DefaultAzureCredential {
    async getToken(scope: string) {
      return { token: `for ${scope}`, expiresOnTimestamp: 0 }
    }
  }
  class Failing {
    async getToken(): Promise<null> {
      throw new Error('ChainedTokenCredential authentication failed.\nmore')
    }
  }
  expect(await libraryToken('s')).toBeUndefined()
  expect(await libraryToken('s', async () => ({ DefaultAzureCredential }))).toBe('for s')
  await expect(libraryToken('s', async () => ({ DefaultAzureCredential: Failing }))).rejects.toMatchObject({
    code: 'credential',
    message: '@azure/identity found no Azure identity: ChainedTokenCredential authentication failed.',
  })
  await expect(libraryToken('s', async () => ({}))).rejects.toMatchObject({ code: 'credential' })
})
