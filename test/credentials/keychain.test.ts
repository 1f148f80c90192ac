import { execFileSync } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createKeychain, type Keychain, KeychainError } from '../../src/credentials/keychain.ts'
import type { WrittenCredential } from '../../src/credentials/kinds.ts'
import { missingPrograms, type SecretService, startSecretService } from '../support/secret-service.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { auth, makeHome } from './setup.ts'

const missing = missingPrograms().length > 0
const HARBOR = { name: 'harbor', url: 'https://reg.example.com' }

describe.skipIf(missing)('with a Secret Service', () => {
  let service: SecretService
  beforeAll(async () => {
    service = await startSecretService()
  })
  afterAll(() => service.stop())

  const open = () => createKeychain({ env: service.env })

  test('gives back what was stored, of any type, also to the next process', async () => {
    const entries: Record<string, WrittenCredential> = {
      harbor: { type: 'basic', username: 'robot$x', secret: 'p4ss/w+rd:"ünïque"\\#1 ' },
      'reg.example.com': { type: 'token', secret: 'tok3n' },
      ecr: { type: 'access_key', username: 'AKIA', secret: 's', session: 't' },
      gar: { type: 'service_account', secret: JSON.stringify({ private_key: 'x\n'.repeat(50_000) }, null, 2) },
    }
    for (const [name, entry] of Object.entries(entries))
      await open().store({ name, url: `https://${name}.example/path` }, entry)
    const keychain = open()
    for (const [name, entry] of Object.entries(entries)) {
      const address = new URL(`https://${name}.example`).origin
      expect((await keychain.entries()).get(name)).toEqual({ ...entry, address })
    }
    await keychain.store({ name: 'harbor', url: 'http://other:8080' }, { type: 'token', secret: 'another' })
    expect((await keychain.entries()).get('harbor')).toEqual({
      type: 'token',
      secret: 'another',
      address: 'http://other:8080',
    })
    for (const name of Object.keys(entries)) expect(await keychain.remove(name)).toBe(true)
    expect(await keychain.remove('harbor')).toBe(false)
    expect(await keychain.entries()).toEqual(new Map())
  })

  test('answers after the configuration and before the files of Docker', async () => {
    const home = makeHome()
    Object.assign(home.env, service.env)
    home.write('.docker/config.json', { auths: { 'reg.example.com': { auth: auth('docker:from-docker') } } })
    expect(await home.resolve()).toMatchObject({ username: 'docker' })
    await open().store(
      { name: 'harbor', url: 'https://reg.example.com' },
      { type: 'basic', username: 'kept', secret: 'from-keychain' },
    )
    expect(await home.resolve()).toEqual({
      kind: 'basic',
      username: 'kept',
      password: 'from-keychain',
      origin: 'keychain',
    })
    expect(home.secrets).toEqual(['from-docker', 'from-keychain'])
    expect(await home.resolve({ name: 'other' })).toMatchObject({ username: 'docker' })
    const credential = { type: 'basic', username: 'filed', password: 'from-file' } as const
    expect(await home.resolve({ credential })).toMatchObject({ username: 'filed' })
  })
})

test.skipIf(missing)(
  'passes over one that is locked, with a warning, and does not wait for somebody to unlock it',
  async () => {
    const { env, stop } = await startSecretService()
    onTestFinished(stop)
    await createKeychain({ env }).store(HARBOR, { type: 'token', secret: 'tok3n' })
    lock(env)
    const home = makeHome()
    Object.assign(home.env, env)
    expect((await home.resolve()).kind).toBe('anonymous')
    expect(home.warnings).toEqual(['the keychain is locked; it is passed over'])
  },
)

test.skipIf(missing)('finds nothing on a bus without a Secret Service, and stores nothing anywhere else', async () => {
  const { env, stop } = await startSecretService('empty')
  onTestFinished(stop)
  const stored = createKeychain({ env }).store(HARBOR, { type: 'token', secret: 'tok3n' })
  const error = await stored.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(KeychainError)
  expect(error).toMatchObject({ absent: true, message: expect.stringContaining('this machine has no keychain') })
  const home = makeHome()
  Object.assign(home.env, env)
  expect((await home.resolve()).kind).toBe('anonymous')
  expect(home.warnings).toEqual([])
})

describe.runIf(process.platform === 'linux')('without a keychain', () => {
  test('the search goes on without a word, and says what else there is where it is needed', async () => {
    const home = makeHome()
    expect((await home.resolve()).kind).toBe('anonymous')
    expect(home.warnings).toEqual([])
    await expect(createKeychain({ env: home.env }).entries()).rejects.toMatchObject({
      absent: true,
      code: 'credential',
      hint: expect.stringContaining('REPLICATE_<NAME>_USERNAME'),
    })
  })

  test('a bus that is gone is none', async () => {
    const env = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(temporaryDirectory(), 'gone')}` }
    await expect(createKeychain({ env }).entries()).rejects.toMatchObject({ absent: true })
  })

  test('one that never answers is given up, with a warning', async () => {
    const path = join(temporaryDirectory(), 'bus')
    const silent = await listening(createServer(), path)
    onTestFinished(() => void silent.close())
    const home = makeHome()
    const keychain = createKeychain({ env: { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` }, timeout: 500 })
    expect((await home.resolve({}, keychain)).kind).toBe('anonymous')
    expect(home.warnings).toEqual(['the keychain gave no answer within 0.5 s; it is passed over'])
    const refused = keychain.store(HARBOR, { type: 'token', secret: 'tok3n' })
    await expect(refused).rejects.toMatchObject({ absent: false, message: expect.not.stringContaining('tok3n') })
  })
})

test('an entry that somebody else wrote is refused by name', async () => {
  const keychain = { entries: async () => new Map([['harbor', undefined]]), store: never, remove: never }
  await expect(makeHome().resolve({}, keychain)).rejects.toMatchObject({
    message: "the keychain's entry for harbor was not written by this program",
    hint: 'replace it: replicate credentials set harbor',
  })
})

const KEPT = { type: 'basic', username: 'ann', secret: 'kept' } as const

const keychainWith = (address?: string): Keychain => ({
  entries: async () => new Map([['harbor', { ...KEPT, address }]]),
  store: never,
  remove: never,
})

test.each([
  ['another host', 'https://thief.example'],
  ['another port', 'https://reg.example.com:8443'],
  ['no TLS', 'http://reg.example.com'],
])('an entry is not sent to another address under its name: %s', async (_, url) => {
  await expect(makeHome().resolve({ url }, keychainWith('https://reg.example.com'))).rejects.toMatchObject({
    code: 'credential',
    message: `the keychain's entry for harbor is for https://reg.example.com, and is not sent to ${url}`,
    hint: expect.stringContaining('replicate credentials set harbor'),
  })
})

test('an entry is sent to its address, whatever the path, and one of an older version to any', async () => {
  const sent = { kind: 'basic', username: 'ann', password: 'kept' }
  const url = 'https://reg.example.com:443/harbor'
  expect(await makeHome().resolve({ url }, keychainWith('https://reg.example.com'))).toMatchObject(sent)
  expect(await makeHome().resolve({ url: 'http://any' }, keychainWith())).toMatchObject(sent)
})

test('a registry of an untrusted file gets nothing that is kept under its name alone', async () => {
  const untrusted = { url: 'https://thief.example', untrusted: true }
  await expect(makeHome().resolve(untrusted, keychainWith())).rejects.toMatchObject({
    message: "the keychain's entry for harbor is for no address yet, and is not sent to https://thief.example",
  })
  const home = makeHome()
  home.env.REPLICATE_HARBOR_TOKEN = 'given'
  await expect(home.resolve(untrusted)).rejects.toMatchObject({
    message: 'REPLICATE_HARBOR_… is set, and is not sent to an address that an untrusted file calls harbor',
  })
})

test('other places for credentials come before an entry of another address', async () => {
  const home = makeHome()
  home.env.REPLICATE_HARBOR_TOKEN = 'given'
  expect(await home.resolve({ url: 'https://new.example' }, keychainWith('https://old.example'))).toMatchObject({
    kind: 'bearer',
  })
})

function lock(env: SecretService['env']): void {
  const service = '/org/freedesktop/secrets'
  const call = ['--session', '--print-reply', '--dest=org.freedesktop.secrets', service]
  const what = ['org.freedesktop.Secret.Service.Lock', `array:objpath:${service}/collection/login`]
  execFileSync('dbus-send', [...call, ...what], { env: { PATH: process.env.PATH, ...env } })
}

function never(): never {
  throw new Error('not part of this test')
}

function listening(server: Server, path: string): Promise<Server> {
  return new Promise((resolve) => server.listen(path, () => resolve(server)))
}
