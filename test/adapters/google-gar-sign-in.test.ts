/** How the adapter for Google signs in: key files, access tokens, and the application default credentials. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { CredentialConfig } from '../../src/core/registry.ts'
import { connect, digestsIn } from '../contract/opened.ts'
import { type FakeGar, startGar } from '../fakes/google-gar.ts'
import { startGoogle } from '../fakes/google-gar-keys.ts'
import { image } from '../support/images.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const REPOSITORY = 'proj/contract/app'

async function gar(): Promise<FakeGar> {
  const it = await startGar()
  onTestFinished(() => it.close())
  it.content.add(REPOSITORY, image(), 'v1')
  return it
}

const open = (it: FakeGar, env: Readonly<Record<string, string>>, credential?: CredentialConfig) =>
  connect({ registry: { ...it.registry, ...(credential ? { credential } : {}) }, env })

async function works(it: FakeGar, env: Readonly<Record<string, string>>, credential?: CredentialConfig): Promise<void> {
  const { endpoint, ctx } = await open(it, env, credential)
  await endpoint.adapter.ping(ctx)
  expect(await digestsIn(endpoint, REPOSITORY, ctx)).toHaveLength(1)
}

function written(text: string, ...path: readonly string[]): { readonly directory: string; readonly file: string } {
  const directory = temporaryDirectory()
  const file = join(directory, ...path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, text)
  return { directory, file }
}

test('takes a key file as a credential, and as the password of its two users', async () => {
  const it = await gar()
  const key = it.google.keyFile()
  const silent = vi.spyOn(console, 'warn')
  await works(it, {}, { type: 'service_account', password: key })
  await works(it, { REPLICATE_IT_USERNAME: '_json_key', REPLICATE_IT_PASSWORD: key })
  const encoded = Buffer.from(key).toString('base64')
  await works(it, { REPLICATE_IT_USERNAME: '_json_key_base64', REPLICATE_IT_PASSWORD: encoded })
  expect(silent).not.toHaveBeenCalled()
})

test('takes an access token by itself, and as the password of its user', async () => {
  const it = await gar()
  const response = await fetch(`${it.google.url}/computeMetadata/v1/instance/service-accounts/default/token`, {
    headers: { 'metadata-flavor': 'Google' },
  })
  const { access_token: token } = (await response.json()) as { access_token: string }
  await works(it, { REPLICATE_IT_TOKEN: token })
  await works(it, { REPLICATE_IT_USERNAME: 'oauth2accesstoken', REPLICATE_IT_PASSWORD: token })
  const { endpoint, ctx } = await open(it, { REPLICATE_IT_TOKEN: 'ya29.other' })
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({ code: 'credential' })
})

test('finds the default credentials in the file that is named, in that of gcloud, and at the machine', async () => {
  const it = await gar()
  const named = { GOOGLE_APPLICATION_CREDENTIALS: written(it.google.keyFile(), 'key.json').file }
  const config = written(it.google.userFile(), '.config', 'gcloud', 'application_default_credentials.json')
  const machine = { GCE_METADATA_HOST: new URL(it.google.url).host }
  for (const env of [
    named,
    { HOME: config.directory },
    { CLOUDSDK_CONFIG: join(config.directory, '.config', 'gcloud') },
    machine,
  ]) {
    await works(it, env)
    await works(it, env, { type: 'google' })
  }
  const { endpoint, ctx } = await open(it, named, { type: 'anonymous' })
  await expect(digestsIn(endpoint, REPOSITORY, ctx)).rejects.toMatchObject({ code: 'credential' })
})

test('signs in anew when a token has ended before its time', async () => {
  const it = await gar()
  const { endpoint, ctx } = await open(it, {}, { type: 'service_account', password: it.google.keyFile() })
  expect(await digestsIn(endpoint, REPOSITORY, ctx)).toHaveLength(1)
  it.expire?.()
  expect(await digestsIn(endpoint, REPOSITORY, ctx)).toHaveLength(1)
  expect(it.google.requests).toHaveLength(2)
})

test('a metadata service that does not answer costs a second, then says what there is to try', async () => {
  const it = await gar()
  const silent = await startGoogle({ hang: true })
  onTestFinished(() => silent.close())
  const { endpoint, ctx } = await open(it, { GCE_METADATA_HOST: new URL(silent.url).host }, { type: 'google' })
  const began = performance.now()
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'credential',
    hint: expect.stringContaining('gcloud auth application-default login'),
  })
  expect(performance.now() - began).toBeLessThan(10_000)
})

test('what is no key file is told as that, and nothing of it is shown', async () => {
  const it = await gar()
  const { file } = written('{"type":"service_account","private_key":"hush"}', 'key.json')
  const { endpoint, ctx } = await open(it, { GOOGLE_APPLICATION_CREDENTIALS: file }, { type: 'google' })
  const error: unknown = await endpoint.adapter.ping(ctx).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: 'credential',
    message: expect.stringContaining('GOOGLE_APPLICATION_CREDENTIALS'),
  })
  expect(JSON.stringify(error) + String(error)).not.toContain('hush')
})

test("a user whose sign-in has been revoked is told to sign in again, in Google's words", async () => {
  const it = await gar()
  const text = it.google.userFile().replace('refresh-1', 'refresh-0')
  const { file } = written(text, 'adc.json')
  const { endpoint, ctx } = await open(it, { GOOGLE_APPLICATION_CREDENTIALS: file })
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({
    code: 'credential',
    message: expect.stringContaining('invalid_grant'),
  })
})

test('tells that Google cannot be reached from a key that is wrong', async () => {
  const it = await gar()
  const key = it.google.keyFile().replace(it.google.url, 'http://127.0.0.1:9')
  const { endpoint, ctx } = await open(it, {}, { type: 'service_account', password: key })
  await expect(endpoint.adapter.ping(ctx)).rejects.toMatchObject({ code: 'network' })
})

test('what is public is pulled where the login of gcloud has ended, and that is said', async () => {
  const it = await startGar({ isPublic: true })
  onTestFinished(() => it.close())
  it.content.add(REPOSITORY, image(), 'v1')
  const ended = JSON.stringify({
    type: 'authorized_user',
    client_id: 'client',
    client_secret: 'secret',
    refresh_token: 'ended',
    token_uri: `${it.google.url}/token`,
  })
  const { directory } = written(ended, 'application_default_credentials.json')
  const { endpoint, ctx, warnings } = await open(it, { CLOUDSDK_CONFIG: directory })
  expect((await endpoint.adapter.repository(REPOSITORY).resolve('v1', ctx))?.digest).toBe(image().digest)
  expect(warnings).toEqual([expect.stringContaining('gcloud')])
})
