import { expect, test } from 'vitest'
import { CredentialError } from '../../src/core/errors.ts'
import { auth, makeHome } from './setup.ts'

const HUB = { name: 'hub', url: 'https://registry-1.docker.io' }
const HUB_KEY = 'https://index.docker.io/v1/'

test.each([
  ['a colon in the password', { auth: auth('me:a:b:c') }, { username: 'me', password: 'a:b:c' }],
  ['UTF-8', { auth: auth('mé:pä:ß') }, { username: 'mé', password: 'pä:ß' }],
  ['NULs around the password', { auth: auth('me:\0\0pass\0') }, { username: 'me', password: 'pass' }],
  ['no padding', { auth: auth('me:pas').replaceAll('=', '') }, { username: 'me', password: 'pas' }],
  ['clear text', { username: 'me', password: 'clear' }, { username: 'me', password: 'clear' }],
  ['an identity token', { auth: auth('0000:'), identitytoken: 'refresh' }, { kind: 'identity', token: 'refresh' }],
  ['an identity token as a password', { auth: auth('<token>:refresh') }, { kind: 'identity', token: 'refresh' }],
  ['a registry token', { registrytoken: 'ready' }, { kind: 'bearer', token: 'ready' }],
  ['fields that nobody knows', { auth: auth('me:pass'), email: 'a@b', extra: [1] }, { username: 'me' }],
])('reads an entry with %s', async (_, entry, expected) => {
  const home = makeHome()
  home.write('.docker/config.json', { auths: { 'reg.example.com': entry }, HttpHeaders: {}, currentContext: 'x' })
  const found = await home.resolve()
  expect(found).toMatchObject(expected)
  expect(home.secrets).toHaveLength(1)
})

test.each([
  ['{}', {}],
  ['null', null],
  ['a user without a password', { auth: auth('me:') }],
])('takes the entry %s as none, and is not satisfied with it', async (_, entry) => {
  const home = makeHome()
  home.write('.docker/config.json', { auths: { 'reg.example.com': entry } })
  home.write('.dockercfg', { 'https://reg.example.com': { auth: auth('old:pass'), email: 'x' } })
  expect(await home.resolve()).toMatchObject({ username: 'old', origin: 'docker config ~/.dockercfg (auths)' })
  expect(home.warnings).toEqual([])
})

test.each(['not base64!', auth('nocolon'), auth(':nouser')])(
  'warns of an unusable auth %j, never quoting it',
  async (text) => {
    const home = makeHome()
    home.write('.docker/config.json', { auths: { 'reg.example.com': { auth: text } } })
    expect((await home.resolve()).kind).toBe('anonymous')
    expect(home.warnings).toEqual([
      expect.stringContaining('~/.docker/config.json: the entry reg.example.com is passed over'),
    ])
    expect(home.warnings.join()).not.toContain(text)
  },
)

test.each([
  ['reg.example.com', 'https://reg.example.com', true],
  ['https://reg.example.com', 'https://reg.example.com', true],
  ['http://reg.example.com/', 'https://reg.example.com', true],
  ['https://reg.example.com/v1/', 'https://reg.example.com', true],
  ['reg.example.com/v2/', 'https://reg.example.com', true],
  ['REG.example.com', 'https://reg.example.com', true],
  ['reg.example.com', 'https://reg.example.com/artifactory', true],
  ['reg.example.com:443', 'https://reg.example.com', true],
  ['reg.example.com', 'https://reg.example.com:443', true],
  ['reg.example.com:80', 'https://reg.example.com', false],
  ['reg.example.com', 'https://reg.example.com:5000', false],
  ['reg.example.com:5000', 'https://reg.example.com:5000', true],
  ['localhost:5000', 'http://localhost:5000', true],
  ['reg.example.com/team', 'https://reg.example.com', false],
  ['reg.example.com/team/app', 'https://reg.example.com', false],
  ['other.example.com', 'https://reg.example.com', false],
  ['example.com', 'https://reg.example.com', false],
])('key %s for %s: %s', async (key, url, matches) => {
  const home = makeHome()
  home.write('.docker/config.json', { auths: { [key]: { auth: auth('me:pass') } } })
  expect((await home.resolve({ url })).kind).toBe(matches ? 'basic' : 'anonymous')
})

test('finds logins for parts of the registry up to the file that has one for all of it', async () => {
  const home = makeHome()
  home.write('.config/containers/auth.json', {
    auths: {
      'reg.example.com/team': { auth: auth('team:pass') },
      'REG.example.com:443/team/app': { auth: auth('app:pass') },
      'reg.example.com/bad': { auth: 'x' },
      'reg.example.com/none': {},
      'a/b': {},
    },
  })
  home.write('.docker/config.json', {
    auths: { 'reg.example.com': { auth: auth('whole:pass') }, 'reg.example.com/other': { auth: auth('other:pass') } },
  })
  home.write('.dockercfg', { 'reg.example.com/late': { auth: auth('late:pass') } })
  const found = await home.resolve()
  expect(found).toMatchObject({ username: 'whole' })
  expect(
    found.parts?.map(({ prefix, credential }) => [prefix, credential.kind === 'basic' && credential.username]),
  ).toEqual([
    ['team/app', 'app'],
    ['team', 'team'],
    ['other', 'other'],
  ])
  expect(found.parts?.[0]?.credential.origin).toBe(
    'podman config ~/.config/containers/auth.json (auths, REG.example.com:443/team/app)',
  )
  expect(home.warnings).toEqual([expect.stringContaining('the entry reg.example.com/bad is passed over')])
  expect(home.secrets).toContain('pass')
  expect(await home.resolve({ url: 'https://other.example.com' })).not.toHaveProperty('parts')
})

test('with logins for parts alone, the rest is anonymous', async () => {
  const home = makeHome()
  home.write('.config/containers/auth.json', { auths: { 'reg.example.com/team': { auth: auth('team:pass') } } })
  expect(await home.resolve()).toMatchObject({ kind: 'anonymous', parts: [{ prefix: 'team' }] })
  // What is given on purpose is for all of it.
  Object.assign(home.env, { REPLICATE_HUB_USERNAME: 'me', REPLICATE_HUB_PASSWORD: 'pass' })
  expect(await home.resolve({ name: 'hub' })).not.toHaveProperty('parts')
})

test('says that the file in REGISTRY_AUTH_FILE is not there', async () => {
  const home = makeHome()
  home.env.REGISTRY_AUTH_FILE = '/gone/auth.json'
  home.write('.docker/config.json', { auths: { 'reg.example.com': { auth: auth('me:pass') } } })
  expect((await home.resolve()).kind).toBe('anonymous')
  expect(home.warnings).toEqual(['REGISTRY_AUTH_FILE names /gone/auth.json, which does not exist: no login is read'])
})

test('prefers the exact key to a similar one', async () => {
  const home = makeHome()
  home.write('.docker/config.json', {
    auths: {
      'https://reg.example.com/v1/': { auth: auth('url:pass') },
      'reg.example.com': { auth: auth('exact:pass') },
    },
  })
  expect(await home.resolve()).toMatchObject({ username: 'exact' })
})

test.each([
  HUB_KEY,
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
  'https://docker.io',
  'index.docker.io/v1/',
])('finds the credential of Docker Hub under %s', async (key) => {
  const home = makeHome()
  home.write('.docker/config.json', {
    auths: { [`${HUB_KEY}access-token`]: { auth: auth('no:access') }, [key]: { auth: auth('me:pass') } },
  })
  for (const host of ['docker.io', 'index.docker.io', 'registry-1.docker.io']) {
    expect(await home.resolve({ name: 'hub', url: `https://${host}` })).toMatchObject({ username: 'me' })
  }
})

test('does not take the tokens that Docker Desktop keeps beside', async () => {
  const home = makeHome()
  home.write('.docker/config.json', {
    auths: { [`${HUB_KEY}access-token`]: { auth: auth('a:b') }, [`${HUB_KEY}refresh-token`]: { auth: auth('c:d') } },
  })
  expect((await home.resolve(HUB)).kind).toBe('anonymous')
  expect(home.warnings).toEqual([])
})

test('reads the files in their order', async () => {
  const home = makeHome()
  const file = (user: string) => ({ auths: { 'reg.example.com': { auth: auth(`${user}:pass`) } } })
  const user = async () => {
    const found = await home.resolve()
    return found.kind === 'basic' ? [found.username, found.origin] : []
  }
  home.write('.dockercfg', file('cfg').auths)
  expect(await user()).toEqual(['cfg', 'docker config ~/.dockercfg (auths)'])
  home.write('.docker/config.json', file('docker'))
  expect(await user()).toEqual(['docker', 'docker config ~/.docker/config.json (auths)'])
  home.env.DOCKER_CONFIG = `${home.path}/elsewhere`
  expect(await user()).toEqual(['cfg', 'docker config ~/.dockercfg (auths)'])
  home.write('elsewhere/config.json', file('moved'))
  expect(await user()).toEqual(['moved', 'docker config ~/elsewhere/config.json (auths)'])
  home.write('.config/containers/auth.json', file('podman'))
  expect(await user()).toEqual(['podman', 'podman config ~/.config/containers/auth.json (auths)'])
  home.env.XDG_CONFIG_HOME = `${home.path}/xdg`
  expect((await user())[0]).toBe('moved')
  home.write('xdg/containers/auth.json', file('xdg'))
  expect((await user())[0]).toBe('xdg')
  if (process.platform === 'linux') {
    home.write('run/containers/auth.json', file('runtime'))
    expect((await user())[0]).toBe('runtime')
  }
  home.env.REGISTRY_AUTH_FILE = home.write('named.json', file('named'))
  expect((await user())[0]).toBe('named')
  home.env.DOCKER_AUTH_CONFIG = JSON.stringify(file('variable'))
  expect(await user()).toEqual(['variable', 'environment (DOCKER_AUTH_CONFIG) (auths)'])
})

test('reads no other file where one is named by REGISTRY_AUTH_FILE', async () => {
  const home = makeHome()
  home.write('.docker/config.json', { auths: { 'reg.example.com': { auth: auth('docker:pass') } } })
  home.env.REGISTRY_AUTH_FILE = `${home.path}/absent.json`
  expect((await home.resolve()).kind).toBe('anonymous')
})

test.each(['', '  \n', '{}', '\uFEFF{"auths":{}}', '{"auths":null}'])(
  'takes the file %j as one without credentials',
  async (content) => {
    const home = makeHome()
    home.write('.docker/config.json', content)
    expect((await home.resolve()).kind).toBe('anonymous')
  },
)

test.each([
  ['{"auths": {"reg.example.com": {"auth": "c2VjcmV0OnNlY3JldA==" ', 'is not valid JSON'],
  ['{"auths": {"reg.example.com": {"auth": 17}}}', 'auths.reg.example.com.auth has the wrong type'],
  ['{"credHelpers": ["c2VjcmV0OnNlY3JldA=="]}', 'credHelpers has the wrong type'],
  ['[]', 'its top level has the wrong type'],
])('refuses the broken file %s by its path, never quoting it', async (content, message) => {
  const home = makeHome()
  const path = home.write('.docker/config.json', content)
  const error = await home.resolve().catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(CredentialError)
  expect(error).toMatchObject({ message: expect.stringContaining(path) })
  expect(error).not.toHaveProperty('cause')
  expect(error).toMatchObject({ message: expect.stringContaining(message) })
  expect(String(error)).not.toContain('c2VjcmV0')
})

test('warns of a broken DOCKER_AUTH_CONFIG and goes on, as Docker does', async () => {
  const home = makeHome()
  home.env.DOCKER_AUTH_CONFIG = '{"auths": secret-value'
  home.write('.docker/config.json', { auths: { 'reg.example.com': { auth: auth('docker:pass') } } })
  expect(await home.resolve()).toMatchObject({ username: 'docker' })
  expect(home.warnings).toEqual(['DOCKER_AUTH_CONFIG is not valid JSON; it is ignored'])
})

test('warns of a file that cannot be read and goes on', async () => {
  const home = makeHome()
  home.write('.docker/config.json/in-the-way', '')
  home.write('.dockercfg', { 'reg.example.com': { auth: auth('old:pass') } })
  expect(await home.resolve()).toMatchObject({ username: 'old' })
  expect(home.warnings).toEqual([expect.stringContaining('config.json cannot be read: EISDIR')])
})

test('asks the helper of a registry before its entry, and the store after it', async () => {
  const home = makeHome()
  home.helper('own', `echo '{"ServerURL":"x","Username":"own","Secret":"pass"}'`)
  home.helper('store', `echo '{"Username":"store","Secret":"pass"}'`)
  home.write('.docker/config.json', {
    credsStore: 'store',
    credHelpers: { 'reg.example.com': 'own' },
    auths: {
      'reg.example.com': { auth: auth('own-no:x') },
      'two.example.com': { auth: auth('two:x') },
      'three.example.com': {},
    },
  })
  expect(await home.resolve()).toMatchObject({
    username: 'own',
    origin: 'docker config ~/.docker/config.json (docker-credential-own)',
  })
  expect(await home.resolve({ url: 'https://two.example.com' })).toMatchObject({ username: 'two' })
  expect(await home.resolve({ url: 'https://three.example.com' })).toMatchObject({ username: 'store' })
  expect(home.asked()).toEqual(['own get reg.example.com', 'store get three.example.com'])
})

test.each(['docker.io', 'index.docker.io', HUB_KEY])(
  'asks the helper for Docker Hub, named %s, by the key of Docker',
  async (key) => {
    const home = makeHome()
    home.helper('fake', `echo '{"Username":"me","Secret":"pass"}'`)
    home.write('.docker/config.json', { credHelpers: { [key]: 'fake' } })
    expect(await home.resolve(HUB)).toMatchObject({ username: 'me' })
    expect(home.asked()).toEqual([`fake get ${HUB_KEY}`])
  },
)

test('asks a store that knows nothing of the host by its URLs, too, and then goes on', async () => {
  const home = makeHome()
  home.helper('fake', `echo 'credentials not found in native keychain'; exit 1`)
  home.write('.docker/config.json', { credsStore: 'fake' })
  home.write('.dockercfg', { 'reg.example.com': { auth: auth('old:pass') } })
  expect(await home.resolve()).toMatchObject({ username: 'old' })
  const servers = [
    'reg.example.com',
    'https://reg.example.com',
    'https://reg.example.com/v1/',
    'https://reg.example.com/v2/',
  ]
  expect(home.asked()).toEqual(servers.map((server) => `fake get ${server}`))
  expect(home.warnings).toEqual([])
})

test('warns of a helper that fails, never saying what it printed, and goes on', async () => {
  const home = makeHome()
  home.helper('fake', `echo 'oops: s3cret'; exit 2`)
  home.write('.docker/config.json', { credsStore: 'gone', credHelpers: { 'reg.example.com': 'fake' } })
  expect((await home.resolve()).kind).toBe('anonymous')
  expect(home.warnings).toEqual([
    'docker config ~/.docker/config.json: docker-credential-fake failed with exit status 2',
    'docker config ~/.docker/config.json: docker-credential-gone is not installed',
  ])
})

test('asks a helper again after ten minutes, since what it gave may be a token; an entry stays', async () => {
  const home = makeHome()
  home.helper('fake', `echo '{"Username":"me","Secret":"pass"}'`)
  home.write('.docker/config.json', {
    credHelpers: { 'reg.example.com': 'fake' },
    auths: { 'two.example.com': { auth: auth('two:x') } },
  })
  expect(await home.resolve()).toMatchObject({ username: 'me', expires: home.now + 600_000 })
  expect(await home.resolve({ url: 'https://two.example.com' })).not.toHaveProperty('expires')
})

test('runs no helper whose name could be a path', async () => {
  const home = makeHome()
  home.write('.docker/config.json', { credsStore: '../../bin/sh' })
  expect((await home.resolve()).kind).toBe('anonymous')
  expect(home.warnings).toEqual([expect.stringContaining('is not the name of a credential helper')])
})

test('asks the helper of a registry under the very key that names it', async () => {
  const home = makeHome()
  home.helper(
    'fake',
    `case "$(tail -1 "$JOURNAL")" in *:443) echo '{"Username":"me","Secret":"pass"}';; *) exit 1;; esac`,
  )
  home.write('.docker/config.json', { credHelpers: { 'reg.example.com:443': 'fake' } })
  expect(await home.resolve()).toMatchObject({ username: 'me' })
  expect(home.asked()).toEqual(['fake get reg.example.com:443'])
})
