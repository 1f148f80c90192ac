/** `registries ping`, and what is known of registries afterwards. */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { policyBetween } from './harness.ts'
import { type Program, program, until } from './program.ts'

function configured(yaml: string, env: Readonly<Record<string, string>> = {}): Program {
  const here = program({ REPLICATE_CONFIG: 'config.yaml', ...env })
  here.write('config.yaml', yaml)
  return here
}

async function listed(here: Program): Promise<readonly Record<string, unknown>[]> {
  return JSON.parse((await here.run(['registries', 'list', '--json'])).stdout)
}

test('each step is told: address, certificate, the API, the credential, the listing', async () => {
  const folder = temporaryDirectory()
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const certificate =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1'
  execFileSync('openssl', [...certificate.split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const tls = { key: readFileSync(key), cert: readFileSync(cert) }
  const hub = await registry({ tls, auth: { kind: 'bearer', user: 'ann', password: 'right' } })
  hub.add('library/alpine', image(), '3')
  const here = configured(`registries:\n  hub: { type: docker-registry, url: '${hub.url}', ca: ${cert} }\n`, {
    REPLICATE_HUB_USERNAME: 'ann',
    REPLICATE_HUB_PASSWORD: 'right',
  })
  const good = await here.run(['registries', 'ping'])
  expect(good.code, good.stdout).toBe(0)
  expect(good.stdout.replaceAll(/ +\d+ ms|\(\d+ days\)|\d{4}-\d\d-\d\d/g, '')).toBe(
    [
      'hub',
      '  ✓ address  127.0.0.1',
      '  ✓ TLS  certificate valid until  ',
      `  ✓ GET /v2/  wants a token of ${hub.host}`,
      '  ✓ credential  environment (REPLICATE_HUB_USERNAME), accepted',
      '  ✓ listing  lists repositories, such as library/alpine',
      '',
    ].join('\n'),
  )
  expect(hub.requests.every(({ method }) => method === 'GET')).toBe(true)
  expect(await listed(here)).toMatchObject([{ name: 'hub', status: 'healthy', status_reason: null }])

  const unchecked = await here.run([
    '-c',
    here.write('unchecked.yaml', `registries:\n  hub: { type: docker-registry, url: '${hub.url}', insecure: true }\n`),
    'registries',
    'ping',
  ])
  expect(unchecked.stdout).toContain('not trusted, and not checked: self-signed certificate\n')

  const bad = await here.run(['registries', 'ping', 'hub', '--json'], { env: { REPLICATE_HUB_PASSWORD: 'wrong' } })
  expect(bad.code).toBe(3)
  const [{ status, steps }] = JSON.parse(bad.stdout)
  expect(status).toBe('unhealthy')
  expect(steps.at(-1)).toMatchObject({ name: 'credential', ok: false })
  const [known] = await listed(here)
  expect(known).toMatchObject({ status: 'unhealthy' })
  expect(known?.status_reason).toContain('401')
  expect(JSON.stringify(known)).not.toContain('wrong')
  expect((await here.run(['registries', 'list'])).stdout).toMatch(/^hub .* unhealthy: .* just now +just now$/m)

  const { changes, status_since: since } = JSON.parse((await here.run(['registries', 'show', 'hub', '--json'])).stdout)
  expect(changes).toMatchObject([
    { status: 'unhealthy', status_reason: known?.status_reason, time: since },
    { status: 'healthy', status_reason: null },
  ])
  expect((await here.run(['registries', 'show', 'hub'])).stdout).toMatch(
    /^CHANGED +STATUS\n.* unhealthy: .*\n.* healthy$/m,
  )
})

test('a file of trust that holds no certificate is named, before the certificate is blamed', async () => {
  const here = configured(
    `registries:\n  hub: { type: docker-registry, url: 'https://127.0.0.1:1', ca: ./config.yaml }\n`,
  )
  const { code, stdout } = await here.run(['registries', 'ping'])
  expect(code).toBe(3)
  expect(stdout).toContain('config.yaml:2: registry hub: ca holds no certificate: ')
})

test('a client certificate and its key are checked together, before any host is asked', async () => {
  const here = configured('')
  const inside = (name: string): string => join(here.directory, name)
  for (const name of ['a', 'b']) {
    const made = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name} -days 2`
    execFileSync('openssl', [...made.split(' '), '-keyout', inside(`${name}.key`), '-out', inside(`${name}.crt`)], {
      stdio: 'ignore',
    })
  }
  execFileSync('openssl', [
    'pkcs8',
    '-topk8',
    '-in',
    inside('a.key'),
    '-out',
    inside('locked.key'),
    '-passout',
    'pass:four',
  ])
  for (const [key, why] of [
    ['b.key', 'client_key belongs to another client_cert'],
    ['locked.key', 'client_key has a passphrase'],
    ['a.crt', 'client_key holds no private key, but a certificate: '],
  ]) {
    here.write(
      'policy.yaml',
      `registries:\n  hub: { type: docker-registry, url: 'https://127.0.0.1:1', client_cert: a.crt, client_key: ${key} }
policies:\n  p: { source: hub/app, destination: hub/copy }\n`,
    )
    expect(await here.run(['run', 'policy.yaml'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`registry hub: ${why}`),
    })
  }
})

test('plain HTTP where TLS is spoken is told', async () => {
  const tls = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'))
  await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve))
  const address = tls.address()
  const port = typeof address === 'object' ? address?.port : 0
  const here = configured(`registries:\n  hub: { type: docker-registry, url: 'http://127.0.0.1:${port}' }\n`)
  expect((await here.run(['registries', 'ping'])).stdout).toContain('try `url: https://…`')
  tls.close()
})

test('one that nobody has asked is unknown, and is another one under another URL', async () => {
  const hub = await registry()
  const here = configured(`registries:\n  hub: { type: docker-registry, url: '${hub.url}' }\n`)
  expect(await listed(here)).toMatchObject([{ status: 'unknown', status_reason: null, checked_at: null }])
  expect(here.state().size).toBe(0)
  await here.run(['registries', 'ping'])
  expect(await listed(here)).toMatchObject([{ status: 'healthy' }])
  here.write('config.yaml', `registries:\n  hub: { type: docker-registry, url: 'http://127.0.0.1:1' }\n`)
  expect(await listed(here)).toMatchObject([{ status: 'unknown' }])
})

test('a run tells, too', async () => {
  const source = await registry()
  source.add('app', image(), 'v1')
  const destination = await registry()
  const here = configured(policyBetween(source.url, destination.url))
  await here.run(['run'])
  expect(await listed(here)).toMatchObject([
    { name: 'from', status: 'healthy' },
    { name: 'to', status: 'healthy' },
  ])
  await destination.close()
  await here.run(['run'])
  expect(await listed(here)).toMatchObject([
    { name: 'from', status: 'healthy' },
    { name: 'to', status: 'unhealthy', status_reason: expect.stringContaining('connection refused') },
  ])
})

test('one that does not list its repositories is healthy all the same', async () => {
  const hub = await registry({ catalog: false })
  const here = configured(`registries:\n  hub: { type: docker-registry, url: '${hub.url}' }\n`)
  const { code, stdout } = await here.run(['registries', 'ping'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/✓ listing .*does not list repositories, so policies must name them/)
})

test('a variable that is not set keeps nobody from listing, only from asking', async () => {
  const hub = await registry()
  const credential = `credential: { type: basic, username: ann, password: '\${HUB_PASSWORD}' }`
  const here = configured(`registries:\n  hub: { type: docker-registry, url: '${hub.url}', ${credential} }\n`)
  expect(await listed(here)).toMatchObject([{ name: 'hub' }])
  const shown = await here.run(['registries', 'show', 'hub'])
  expect(shown.stdout).toMatch(/credential\.username +ann/)
  expect(shown.stdout).not.toContain('HUB_PASSWORD')
  expect(await here.run(['registries', 'ping'])).toMatchObject({ code: 2 })
})

test('what never answers is given up when the user says so, with status 130', async () => {
  let connected = false
  const silent = createServer(() => {
    connected = true
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address()
  const port = typeof address === 'object' ? address?.port : 0
  const here = configured(`registries:\n  hub: { type: docker-registry, url: 'http://127.0.0.1:${port}' }\n`)
  const running = here.start(['registries', 'ping'])
  await until('it is asked', () => connected)
  running.process.kill('SIGINT')
  expect(await running.ended).toMatchObject({ code: 130 })
  expect(await listed(here)).toMatchObject([{ status: 'unknown' }])
  silent.close()
})
