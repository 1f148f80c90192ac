/** What Docker and Podman keep for the host of one registry. */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { hostCertificates } from '../../../src/app/trust/host-certificates.ts'
import { authority } from '../../support/authority.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

const root = authority('Root')
const client = root.issue('DNS:client')

function machine(files: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) {
  const folder = temporaryDirectory()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const warnings: string[] = []
  const home = join(folder, 'home')
  const config = env.XDG_CONFIG_HOME === undefined ? {} : { XDG_CONFIG_HOME: join(folder, env.XDG_CONFIG_HOME) }
  const surroundings = { env: config, home, warn: (text: string) => void warnings.push(text) }
  const look = (url: string) => hostCertificates(new URL(url), surroundings, join(folder, 'etc'))
  return { folder, warnings, look }
}

test.each([
  ['etc/docker/certs.d/registry.example.com:5000', 'https://registry.example.com:5000/v2'],
  ['etc/containers/certs.d/registry.example.com', 'https://registry.example.com'],
  ['etc/docker/certs.d/registry.example.com:443', 'https://registry.example.com'],
  ['home/.config/containers/certs.d/registry.example.com', 'https://registry.example.com'],
  ['home/.config/docker/certs.d/registry.example.com', 'https://registry.example.com'],
  ['home/.docker/certs.d/registry.example.com:5000', 'https://registry.example.com:5000'],
  ['etc/docker/certs.d/docker.io', 'https://registry-1.docker.io'],
  ['etc/docker/certs.d/[::1]:5000', 'https://[::1]:5000'],
])('authorities in %s are for %s', async (directory, url) => {
  const { look } = machine({ [`${directory}/one.crt`]: root.ca, [`${directory}/two.crt`]: client.cert })
  expect(await look(url)).toEqual({ ca: `${root.ca}\n${client.cert}`, pair: undefined })
  expect(await look('https://other.example.com')).toBeUndefined()
  expect(await look('https://registry.example.com:5001')).toBeUndefined()
})

test('XDG_CONFIG_HOME moves those of the user', async () => {
  const files = { 'config/containers/certs.d/registry.example.com/ca.crt': root.ca }
  expect(await machine(files, { XDG_CONFIG_HOME: 'config' }).look('https://registry.example.com')).toBeDefined()
  expect(await machine(files).look('https://registry.example.com')).toBeUndefined()
})

test('the first directory that holds a file for the host counts, with its client certificate', async () => {
  const { look, warnings, folder } = machine({
    'home/.config/containers/certs.d/h/README': 'nothing of that kind',
    'etc/containers/certs.d/h/a.cert': client.cert,
    'etc/containers/certs.d/h/a.key': client.key,
    'etc/containers/certs.d/h/b.cert': client.cert,
    'etc/containers/certs.d/h/b.key': client.key,
    'etc/docker/certs.d/h/ca.crt': root.ca,
  })
  expect(await look('https://h')).toEqual({ ca: undefined, pair: { cert: client.cert, key: client.key } })
  expect(warnings).toEqual([`${folder}/etc/containers/certs.d/h/b.cert is passed over: a.cert is shown`])
})

test.each([
  [
    'a client certificate without its key',
    { 'client.cert': client.cert },
    /client\.cert has no client\.key beside it$/,
  ],
  ['a key without its certificate', { 'client.key': client.key }, /client\.key has no client\.cert beside it$/],
  ['a key that is another', { 'c.cert': client.cert, 'c.key': root.issue('DNS:x').key }, /c\.key belongs to another/],
  ['an authority without a certificate', { 'ca.crt': 'nothing' }, /ca\.crt holds no certificate$/],
  ['an authority that is a key', { 'ca.crt': client.key }, /ca\.crt holds no certificate, but a private key$/],
])('%s is named', async (_, files, message) => {
  const directory = 'etc/docker/certs.d/h'
  const { look } = machine(
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`${directory}/${name}`, text])),
  )
  await expect(look('https://h')).rejects.toThrow(message)
})

test.skipIf(process.getuid?.() === 0)('a key that only root may read is passed over aloud', async () => {
  const { look, warnings, folder } = machine({
    'etc/docker/certs.d/h/ca.crt': root.ca,
    'etc/docker/certs.d/h/c.cert': client.cert,
    'etc/docker/certs.d/h/c.key': client.key,
  })
  const key = join(folder, 'etc/docker/certs.d/h/c.key')
  chmodSync(key, 0)
  expect(await look('https://h')).toEqual({ ca: root.ca, pair: undefined })
  expect(warnings).toEqual([`${key} is passed over: this user may not read it`])
})
