/** A credential is looked up once, and again when it has expired. */

import { expect, test } from 'vitest'
import { createConnections } from '../../src/app/connections.ts'
import { createRedactor } from '../../src/http/redact.ts'
import { auth, makeHome } from './setup.ts'

const registry = { name: 'harbor', type: 'docker-registry', url: 'https://reg.example.com' }

test('asks a helper once, and anew a minute before its answer is ten minutes old', async () => {
  const home = makeHome()
  home.env.DOCKER_CONFIG = `${home.path}/.docker`
  home.env.XDG_CONFIG_HOME = home.path
  home.helper('fake', `printf '{"Username":"me","Secret":"pass %s"}' $(wc -l < "$JOURNAL")`)
  home.write('.docker/config.json', { credHelpers: { 'reg.example.com': 'fake' } })
  let now = home.now
  const clock = { now: () => now, monotonic: () => now, sleep: () => Promise.resolve() }
  const redactor = createRedactor()
  const warn = (text: string) => home.warnings.push(text)
  const connections = createConnections({
    cwd: '/',
    env: home.env,
    redactor,
    userAgent: 'test',
    warn,
    timing: { clock },
  })
  const password = async () => {
    const found = await connections.credential(registry)
    return found.kind === 'basic' ? found.password : undefined
  }
  expect([await password(), await password()]).toEqual(['pass 1', 'pass 1'])
  now += 9 * 60_000 - 1
  expect(await password()).toBe('pass 1')
  now += 1
  expect(await password()).toBe('pass 2')
  expect(redactor.text(`sent ${auth('me:pass 2')}`)).toBe('sent ***')
  await connections.close()
})

test('says once what is passed over, however many registries are looked up', async () => {
  const home = makeHome()
  home.env.DOCKER_CONFIG = `${home.path}/.docker`
  home.env.XDG_CONFIG_HOME = home.path
  home.write('.docker/config.json', { credsStore: 'gone' })
  const warn = (text: string) => home.warnings.push(text)
  const connections = createConnections({
    cwd: '/',
    env: home.env,
    redactor: createRedactor(),
    userAgent: 'test',
    warn,
  })
  await connections.credential(registry)
  await connections.credential({ ...registry, name: 'other', url: 'https://other.example.com' })
  expect(home.warnings).toEqual([expect.stringContaining('docker-credential-gone is not installed')])
  await connections.close()
})
