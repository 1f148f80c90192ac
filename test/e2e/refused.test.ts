/** Registries that cannot be used: the run ends with 3 within seconds, and says what to do. */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { policyBetween } from './harness.ts'
import { type Ended, program } from './program.ts'

let source: MemoryRegistry
beforeEach(async () => {
  source = await registry()
  source.add('app', image(), 'v1')
})
const SECONDS = 30_000

async function refused(destination: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const here = program(env)
  here.write('policy.yaml', policyBetween(source.url, destination))
  const ended = await here.run(['run', 'policy.yaml'])
  expect(ended, ended.stderr + ended.stdout).toMatchObject({ code: 3 })
  expect(ended.took).toBeLessThan(SECONDS)
  expect(await here.executions()).toMatchObject([{ status: 'failed', total: 0 }])
  return ended
}

test('a destination that is down', async () => {
  const gone = await startMemoryRegistry()
  await gone.close()
  const { stderr } = await refused(gone.url)
  expect(stderr).toContain(`error: destination to: connection refused by ${gone.host}\n  check the address`)
})

test('a host that does not exist', async () => {
  const { stderr } = await refused('http://registry.invalid')
  expect(stderr).toContain('error: destination to: host not found: registry.invalid:80\n  check the spelling')
})

const HOW_TO_LOG_IN = /needs a credential.*\n {2}set REPLICATE_TO_USERNAME and REPLICATE_TO_PASSWORD, .*docker login/

test.each(['basic', 'bearer'] as const)('a wrong password (%s)', async (kind) => {
  const destination = await registry({ auth: { kind, user: 'ann', password: 'right' } })
  const { stderr } = await refused(destination.url, {
    REPLICATE_TO_USERNAME: 'ann',
    REPLICATE_TO_PASSWORD: 'wrong-one',
  })
  expect(stderr).toMatch(
    /error: destination to: .* refused \w+ \(from environment, REPLICATE_TO_USERNAME\).*401.*\n {2}check/,
  )
  expect(stderr).not.toContain('wrong-one')
})

test('no password, where one is needed', async () => {
  const destination = await registry({ auth: { kind: 'basic', user: 'ann', password: 'right' } })
  expect((await refused(destination.url)).stderr).toMatch(HOW_TO_LOG_IN)
})

test('no password, where tokens are given to anyone but allow nothing', async () => {
  const destination = await registry({ auth: { kind: 'bearer', user: 'ann', password: 'right' } })
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  const { code, stderr } = await here.run(['run', 'policy.yaml'])
  // The registry answers; only the repository is refused, as another might not be.
  expect(code).toBe(1)
  expect(stderr).toMatch(HOW_TO_LOG_IN)
})

test('a certificate that nobody signed, until its authority is trusted', async () => {
  const folder = temporaryDirectory()
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const certificate =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1'
  execFileSync('openssl', [...certificate.split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const destination = await registry({ tls: { key: readFileSync(key), cert: readFileSync(cert) } })
  const { stderr } = await refused(destination.url)
  expect(stderr).toContain(
    `error: destination to: self-signed certificate at ${destination.host}\n  add the certificate`,
  )
  expect(stderr).toMatch(/`ca:`.*`insecure: true`/)
  expect(destination.requests).toEqual([])

  for (const setting of [`ca: ${cert}`, 'insecure: true']) {
    const here = program()
    const yaml = policyBetween(source.url, destination.url)
    here.write('policy.yaml', yaml.replace(`url: ${destination.url}`, `url: ${destination.url}, ${setting}`))
    expect(await here.run(['run', 'policy.yaml']), setting).toMatchObject({ code: 0 })
  }
})

test.each([
  ['http://registry.invalid', /✗ address .*host not found: registry\.invalid; check the spelling/],
  ['https://127.0.0.1:1', /✗ TLS .*connection refused by 127\.0\.0\.1:1; check the address/],
  ['http://127.0.0.1:1', /✗ GET \/v2\/ .*connection refused by 127\.0\.0\.1:1; check the address/],
])('`registries ping` of %s names the step that fails and what to do', async (url, said) => {
  const here = program()
  here.write('config.yaml', `registries:\n  to: { type: docker-registry, url: '${url}' }\n`)
  const { code, stdout } = await here.run(['registries', 'ping', 'to', '--config', 'config.yaml'])
  expect(code).toBe(3)
  expect(stdout).toMatch(said)
})

test('`registries ping` behind a proxy does not ask for an address that only the proxy knows', async () => {
  const proxy = await registry()
  const here = program({ HTTP_PROXY: proxy.url })
  here.write('config.yaml', "registries:\n  to: { type: docker-registry, url: 'http://registry.invalid' }\n")
  const { stdout } = await here.run(['registries', 'ping', 'to', '--config', 'config.yaml'])
  expect(stdout).not.toContain('address')
  expect(stdout).toContain('GET /v2/')
  expect(proxy.requests.length).toBeGreaterThan(0)
})
