import { chmodSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CredentialError } from '../../src/core/errors.ts'
import type { CredentialConfig } from '../../src/core/registry.ts'
import { auth, makeHome } from './setup.ts'

const CONFIGURED = { type: 'basic', username: 'filed', password: 'from-file' } as const

test('takes the first place that answers: variables, configuration, files, nobody', async () => {
  const home = makeHome()
  expect(await home.resolve()).toEqual({ kind: 'anonymous', origin: 'no credential found' })

  home.write('.docker/config.json', { auths: { 'reg.example.com': { auth: auth('docker:from-docker') } } })
  expect(await home.resolve()).toMatchObject({
    username: 'docker',
    origin: 'docker config ~/.docker/config.json (auths)',
  })

  expect(await home.resolve({ credential: CONFIGURED })).toEqual({
    kind: 'basic',
    username: 'filed',
    password: 'from-file',
    origin: 'credential in the configuration',
  })

  home.env.REPLICATE_HARBOR_USERNAME = 'robot$x'
  home.env.REPLICATE_HARBOR_PASSWORD = 'from-env'
  expect(await home.resolve({ credential: CONFIGURED })).toEqual({
    kind: 'basic',
    username: 'robot$x',
    password: 'from-env',
    origin: 'environment (REPLICATE_HARBOR_USERNAME)',
  })
  expect(home.secrets).toEqual(['from-docker', 'from-file', 'from-env'])
})

test('the variables of the host are read after those of the name and the configuration', async () => {
  const home = makeHome()
  Object.assign(home.env, { REPLICATE_REG_EXAMPLE_COM_USERNAME: 'host', REPLICATE_REG_EXAMPLE_COM_PASSWORD: 'x' })
  expect(await home.resolve()).toMatchObject({
    username: 'host',
    origin: 'environment (REPLICATE_REG_EXAMPLE_COM_USERNAME)',
  })
  expect(await home.resolve({ credential: CONFIGURED })).toMatchObject({ username: 'filed' })
  expect(await home.resolve({ url: 'https://reg.example.com:5000' })).toMatchObject({ kind: 'anonymous' })
  expect(await home.resolve({ untrusted: true })).toMatchObject({ username: 'host' })
  expect(await home.resolve({ untrusted: true, url: 'http://reg.example.com' })).toMatchObject({ kind: 'anonymous' })
  Object.assign(home.env, { REPLICATE_HARBOR_USERNAME: 'name', REPLICATE_HARBOR_PASSWORD: 'y' })
  expect(await home.resolve()).toMatchObject({ username: 'name' })
  const hub = { REPLICATE_DOCKER_IO_USERNAME: 'hub', REPLICATE_DOCKER_IO_PASSWORD: 'z' }
  Object.assign(home.env, hub)
  expect(await home.resolve({ name: 'mine', url: 'https://registry-1.docker.io' })).toMatchObject({ username: 'hub' })
})

test('asks nobody else where the configuration says anonymous', async () => {
  const home = makeHome()
  home.write('.docker/config.json', '{ broken')
  expect(await home.resolve({ credential: { type: 'anonymous' } })).toMatchObject({ kind: 'anonymous' })
})

test('looks in no file for a registry without a URL', async () => {
  const home = makeHome()
  home.write('.docker/config.json', '{ broken')
  const { url: _, ...registry } = { name: 'archive', type: 'oci-layout', url: undefined }
  const { resolveCredential } = await import('../../src/credentials/resolve.ts')
  const ignore = () => {}
  const found = await resolveCredential(registry, { env: home.env, home: home.path, warn: ignore, secrets: ignore })
  expect(found.kind).toBe('anonymous')
})

test.each([
  ['hub', 'REPLICATE_HUB'],
  ['my-harbor', 'REPLICATE_MY_HARBOR'],
  ['registry.example.com:5000', 'REPLICATE_REGISTRY_EXAMPLE_COM_5000'],
])('reads the variables of %s as %s_…', async (name, prefix) => {
  const home = makeHome()
  home.env[`${prefix}_TOKEN`] = 'ready-made'
  expect(await home.resolve({ name })).toEqual({
    kind: 'bearer',
    token: 'ready-made',
    origin: `environment (${prefix}_TOKEN)`,
  })
})

test('takes a token with a user name as a password', async () => {
  const home = makeHome()
  home.env.REPLICATE_HARBOR_USERNAME = 'me'
  home.env.REPLICATE_HARBOR_TOKEN = 'ghp_123'
  expect(await home.resolve()).toMatchObject({ kind: 'basic', username: 'me', password: 'ghp_123' })
  const credential = { type: 'token', username: 'you', token: 'glpat' } as const
  expect(await home.resolve({ name: 'other', credential })).toMatchObject({ kind: 'basic', username: 'you' })
  expect(await home.resolve({ name: 'other', credential: { type: 'token', token: 'glpat' } })).toMatchObject({
    kind: 'bearer',
    token: 'glpat',
  })
})

test.each([
  ['USERNAME', 'PASSWORD'],
  ['PASSWORD', 'USERNAME'],
])('refuses %s without %s, and takes an empty variable as not set', async (set, missing) => {
  const home = makeHome()
  home.env[`REPLICATE_HARBOR_${set}`] = 'given-value'
  home.env[`REPLICATE_HARBOR_${missing}`] = ''
  const message = `REPLICATE_HARBOR_${set} is set, but REPLICATE_HARBOR_${missing} is not`
  await expect(home.resolve()).rejects.toThrow(message)
  home.env[`REPLICATE_HARBOR_${set}`] = ''
  expect((await home.resolve()).kind).toBe('anonymous')
})

test.each([
  ['s3cret\n', 's3cret'],
  ['s3cret\r\n', 's3cret'],
  [' s3cret \n\n', ' s3cret \n'],
  ['pässwörd', 'pässwörd'],
])('reads %j from a password file as %j', async (content, password) => {
  const home = makeHome()
  const file = home.write('secret', content)
  chmodSync(file, 0o644)
  const credential = { type: 'basic', username: 'me', password_file: file } as const
  expect(await home.resolve({ credential })).toEqual({
    kind: 'basic',
    username: 'me',
    password,
    origin: `credential in the configuration (password_file ${file})`,
  })
  expect(home.secrets).toEqual([password])
})

test.each([
  ['absent', undefined, 'does not exist'],
  ['empty', '\n', 'is empty'],
  ['large', 'x'.repeat(64 * 1024 + 1), 'is larger than 65536 bytes'],
  ['binary', Buffer.from([0xff, 0xfe, 0x80]), 'is not UTF-8 text'],
])('refuses a password file that is %s', async (name, content, message) => {
  const home = makeHome()
  if (content !== undefined) home.write(name, content)
  const credential = { type: 'basic', username: 'me', password_file: `${home.path}/${name}` } as const
  await expect(home.resolve({ credential })).rejects.toThrow(CredentialError)
  await expect(home.resolve({ credential })).rejects.toThrow(message)
})

test('reads a password file of exactly the largest size', async () => {
  const home = makeHome()
  const file = home.write('secret', 'x'.repeat(64 * 1024))
  const found = await home.resolve({ credential: { type: 'basic', username: 'me', password_file: file } })
  expect(found).toHaveProperty('password.length', 65_536)
})

test.each<[CredentialConfig, string]>([
  [{ type: 'basic', username: 'me' }, 'has no password'],
  [{ type: 'basic', password: 'secret-value' }, 'has no username'],
  [{ type: 'token' }, 'has no token'],
])('says what is missing in %j', async (credential, message) => {
  await expect(makeHome().resolve({ credential })).rejects.toThrow(`the credential of registry harbor ${message}`)
})

test.each(['aws', 'google', 'azure'] as const)("leaves %s to the cloud's own chain", async (type) => {
  const origin = `credential in the configuration (${type})`
  expect(await makeHome().resolve({ credential: { type } })).toEqual({ kind: 'ambient', origin })
})

test('reads an access key, with and without the token of a session', async () => {
  const home = makeHome()
  const credential = { type: 'access_key', username: 'AKIA', password: 'the-secret' } as const
  const found = { kind: 'access_key', id: 'AKIA', secret: 'the-secret', origin: 'credential in the configuration' }
  expect(await home.resolve({ credential })).toEqual(found)
  expect(await home.resolve({ credential: { ...credential, token: 'the-session' } })).toEqual({
    ...found,
    session: 'the-session',
  })
  expect(home.secrets).toEqual(['the-secret', 'the-secret', 'the-session'])
  const refused = home.resolve({ credential: { type: 'access_key', password: 'the-secret' } })
  await expect(refused).rejects.toMatchObject({ message: 'the credential of registry harbor has no username' })
})

test('reads the key file of a service account, whose private key is secret by itself', async () => {
  const home = makeHome()
  const key = JSON.stringify({ type: 'service_account', private_key: '-----BEGIN\nprivate\n' }, null, 2)
  const credential = { type: 'service_account', password_file: home.write('key.json', `${key}\n`) } as const
  expect(await home.resolve({ credential })).toMatchObject({ kind: 'service_account', key })
  expect(home.secrets).toEqual([key, '-----BEGIN\nprivate\n'])
})

test.each(['not JSON: s3cret', '{"private_key": 1, "x": "s3cret"}', '"s3cret"', 'null'])(
  'refuses %s as a key file, never quoting it',
  async (password) => {
    const refused = await makeHome()
      .resolve({ credential: { type: 'service_account', password } })
      .catch((reason: unknown) => reason)
    const message = 'the credential of registry harbor is not the JSON key file of a service account'
    expect(refused).toMatchObject({ code: 'credential', message })
    expect(refused).not.toHaveProperty('cause')
  },
)
