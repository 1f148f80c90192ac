/** Whom a run trusts: what this machine and its tools keep beside what the configuration names. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { authority } from '../support/authority.ts'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { EVERYTHING_CARRIED, policyBetween, workplace } from './harness.ts'
import { program } from './program.ts'

const root = authority('Root')
const leaf = root.issue('IP:127.0.0.1', 'DNS:localhost')

async function pair(tls: Parameters<typeof registry>[0] = { tls: leaf }) {
  const [from, to] = await Promise.all([registry(tls), registry(tls)])
  from.add('library/app', image({ seed: 'trusted' }), '1')
  return { from, to, yaml: policyBetween(from.url, to.url) }
}

const KEPT = 'nothing/containers/certs.d'

function put(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
}

test('without any word of the authority nothing is copied, and all ways to trust it are named', async () => {
  const { yaml, from, to } = await pair()
  const here = program()
  const { code, stderr } = await here.run(['run', here.write('policy.yaml', yaml)])
  expect(code).toBe(3)
  expect(stderr).toContain('certificate of an unknown authority at 127.0.0.1')
  for (const way of ['those of this machine', 'certs.d', 'SSL_CERT_FILE', '`ca:`', '`insecure: true`']) {
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(way)
  }
  expect([...from.requests, ...to.requests]).toEqual([])
})

test.each(['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'])(
  'an authority that %s names is trusted',
  async (variable) => {
    const { yaml, to } = await pair()
    const value = variable === 'SSL_CERT_DIR' ? dirname(root.file) : root.file
    const here = program({ [variable]: value })
    const { code, stderr } = await here.run(['run', here.write('policy.yaml', yaml)])
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(to.repository('mirror/library/app').tags.has('1')).toBe(true)
  },
)

test('a file that SSL_CERT_FILE names and that is not there is told, also by a ping', async () => {
  const { from } = await pair()
  const here = program({ SSL_CERT_FILE: '/gone/ca.pem', REPLICATE_CONFIG: 'config.yaml' })
  here.write('config.yaml', `registries:\n  hub: { type: docker-registry, url: '${from.url}', ca: ${root.file} }\n`)
  const { code, stderr } = await here.run(['registries', 'ping'])
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'warning: SSL_CERT_FILE names /gone/ca.pem, which does not exist: it is passed over\n',
  })
})

test('the files of certs.d hold for their own host, client certificate included, and `ca` wins over them', async () => {
  const { from, to, yaml } = await pair({ tls: { ...leaf, requestCert: true, rejectUnauthorized: true, ca: root.ca } })
  const here = program()
  const client = root.issue('DNS:robot')
  const files = { 'ca.crt': root.ca, 'robot.cert': client.cert, 'robot.key': client.key }
  const kept = (host: string) =>
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`${KEPT}/${host}/${name}`, text]))
  put(here.directory, kept(from.host))
  here.write('policy.yaml', yaml)
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining(`certificate of an unknown authority at ${to.host}`),
  })
  put(here.directory, kept(to.host))
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })

  put(here.directory, { 'other.pem': authority('Other').ca })
  here.write('other.yaml', yaml.replace(`url: ${from.url}`, `url: ${from.url}, ca: ./other.pem`))
  expect(await here.run(['run', 'other.yaml'])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining(`certificate of an unknown authority at ${from.host}`),
  })
})

test('a key that certs.d lacks is named, with its place', async () => {
  const { from, yaml } = await pair()
  const here = program()
  put(here.directory, { [`${KEPT}/${from.host}/robot.cert`]: leaf.cert })
  expect(await here.run(['run', here.write('policy.yaml', yaml)])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^error: .*\/robot\.cert has no robot\.key beside it\n/),
  })
})

test('large blobs are trusted alike, in the threads that carry them', async () => {
  const { yaml, to } = await pair()
  const { run } = workplace({ SSL_CERT_FILE: root.file }, undefined, EVERYTHING_CARRIED)
  expect((await run(yaml)).outcome.exitCode).toBe(0)
  expect(to.repository('mirror/library/app').tags.has('1')).toBe(true)
})

test('a `ca` that is no certificate is told with its line', async () => {
  const { from, to, yaml } = await pair()
  const here = program()
  put(here.directory, { 'ca.pem': leaf.key })
  here.write('policy.yaml', yaml.replace(`url: ${from.url}`, `url: ${from.url}, ca: ./ca.pem`))
  const { code, stderr } = await here.run(['run', 'policy.yaml'])
  expect(code).toBe(2)
  expect(stderr).toMatch(
    /^policy\.yaml:3:\d+ {2}registry from: ca holds no certificate, but a private key: .*ca\.pem\n/,
  )
  expect([...from.requests, ...to.requests]).toEqual([])
})

test('an authority below another one may be the one that is trusted', async () => {
  const middle = root.below('Middle')
  const { yaml } = await pair({ tls: middle.issue('IP:127.0.0.1') })
  const here = program({ SSL_CERT_FILE: middle.file })
  expect(await here.run(['run', here.write('policy.yaml', yaml)])).toMatchObject({ code: 0 })
})

test('a certificate for other hosts is told with their names', async () => {
  const { from, to, yaml } = await pair({ tls: root.issue('DNS:registry.example.com', 'DNS:*.example.org') })
  const here = program({ SSL_CERT_FILE: root.file })
  const { code, stderr } = await here.run(['run', here.write('policy.yaml', yaml)])
  expect(code).toBe(3)
  expect(stderr).toContain('certificate for another host (registry.example.com, *.example.org) at 127.0.0.1')
  expect([...from.requests, ...to.requests]).toEqual([])
})

test('a login for a part of a registry is enough for what is there', async () => {
  const [from, to] = await Promise.all([
    registry({ auth: { kind: 'basic', user: 'robot', password: 'right' } }),
    registry({ auth: { kind: 'bearer', user: 'writer', password: 'right' } }),
  ])
  from.add('team/app', image({ seed: 'parts' }), '1')
  const here = program()
  const login = (user: string) => ({ auth: Buffer.from(`${user}:right`).toString('base64') })
  const auths = { [`${from.host}/team`]: login('robot'), [`${to.host}/mirror/team`]: login('writer') }
  put(here.directory, { 'nothing/containers/auth.json': JSON.stringify({ auths }) })
  const yaml = policyBetween(from.url, to.url).replace(
    'registry: from }',
    'registry: from }\n    filters: { name: team/app }',
  )
  here.write('policy.yaml', yaml)
  const { code, stderr } = await here.run(['run', 'policy.yaml'])
  expect({ code, stderr }).toMatchObject({ code: 0 })
  expect(to.repository('mirror/team/app').tags.has('1')).toBe(true)
  const checked = await here.run(['-c', 'policy.yaml', 'credentials', 'check', 'from'])
  expect(checked.stdout).toContain('no credential for all of it')
  expect(checked.stdout).toMatch(
    /\n {4}for team: podman config .*\(auths, 127\.0\.0\.1:\d+\/team\), robot, not tried\n/,
  )
})
