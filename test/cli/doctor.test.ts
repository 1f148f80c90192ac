/** `replicate doctor` tells what is well and what is not, and what to do. */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createApp } from '../../src/app/app.ts'
import type { Check } from '../../src/app/doctor.ts'
import { type Program, program } from '../e2e/program.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const opened: MemoryRegistry[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

async function prepared(): Promise<{ readonly here: Program; readonly registry: MemoryRegistry }> {
  const registry = await startMemoryRegistry({ auth: { kind: 'bearer', user: 'ann', password: 's3cret-value' } })
  opened.push(registry)
  const here = program({
    REPLICATE_CONFIG: 'config.yaml',
    REPLICATE_HARBOR_USERNAME: 'ann',
    REPLICATE_HARBOR_PASSWORD: 's3cret-value',
  })
  here.write('config.yaml', `registries: { harbor: { type: docker-registry, url: '${registry.url}' } }\n`)
  chmodSync(join(here.directory, 'config.yaml'), 0o644)
  return { here, registry }
}

test('says a line for each thing that is well, and changes nothing', async () => {
  const { here } = await prepared()
  const { code, stdout, stderr } = await here.run(['doctor'])
  expect(code, stdout + stderr).toBe(0)
  expect(stdout).toMatch(/^✓ versions +replicate \S+, Node \d+\.\S+, SQLite 3\.\S+, /m)
  expect(stdout).toMatch(/^✓ configuration +\/.*config\.yaml: registries 1, policies 0$/m)
  expect(stdout).toMatch(/^✓ home +\/.*home, made at the first run$/m)
  expect(stdout).toMatch(/^✓ database +none yet$/m)
  expect(stdout).toMatch(/^✓ registry harbor +environment \(REPLICATE_HARBOR_USERNAME\), accepted$/m)
  expect(stdout).toMatch(/^✓ clock +within \d+ s of harbor$/m)
  if (process.platform === 'linux')
    expect(stdout).toMatch(/^! keychain +this machine has no keychain.*\n +use `REPLICATE_/m)
  expect(stdout).not.toContain('s3cret-value')
  expect(here.state().size).toBe(0)
})

test('gives --json the same as one document, and nothing but trouble with --quiet', async () => {
  const { here } = await prepared()
  const json = await here.run(['doctor', '--json'])
  const checks: readonly Check[] = JSON.parse(json.stdout)
  expect(checks.map(({ name }) => name)).toEqual([
    'versions',
    'configuration',
    'home',
    'database',
    'keychain',
    'registry harbor',
    'clock',
  ])
  expect(checks[1]).toEqual({ name: 'configuration', status: 'ok', detail: expect.any(String), hint: null })
  expect((await here.run(['doctor', '--quiet'])).stdout).not.toContain('✓')
})

test('ends with status 1 where a registry is gone, and looks at all the rest', async () => {
  const { here, registry } = await prepared()
  await registry.close()
  const { code, stdout } = await here.run(['doctor'])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^✗ registry harbor +.*refused.*\n +see each step: replicate registries ping harbor$/m)
  expect(stdout).toMatch(/^! clock +no registry sent its time/m)
})

test('shows the first mistake of a configuration with its place', async () => {
  const { here } = await prepared()
  here.write('config.yaml', 'registries:\n  harbor: { type: docker-registri, url: http://x }\n')
  const { code, stdout } = await here.run(['doctor'])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^✗ configuration +config\.yaml:2: no adapter is named `docker-registri`\n +did you mean/m)
  expect(stdout).toMatch(/^✓ database/m)
})

test('tells a history that is whole from one that is damaged', async () => {
  const { here } = await prepared()
  const policy = `policies: { copy: { source: { registry: harbor }, destination: { registry: harbor, namespace: x }, allow_empty: true } }`
  here.write('policy.yaml', policy)
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  expect((await here.run(['doctor'])).stdout).toMatch(/^✓ database +whole, \d.*, format \d+$/m)
  const file = join(here.home, 'history.db')
  const bytes = Buffer.from(here.state().get(file) ?? '')
  writeFileSync(file, bytes.fill(0x55, 4096, bytes.length))
  expect(await here.run(['doctor'])).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^✗ database +.*damaged/m),
  })
  writeFileSync(file, 'this is no database, whatever its name may say')
  expect(await here.run(['doctor'])).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^✗ database +.*damaged/m),
  })
})

test.skipIf(process.platform === 'win32')('warns of what others may write or enter', async () => {
  const { here } = await prepared()
  mkdirSync(here.home)
  chmodSync(here.home, 0o755)
  chmodSync(join(here.directory, 'config.yaml'), 0o666)
  const { code, stdout } = await here.run(['doctor'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^! configuration +.* can be written by others\n.*chmod go-w /m)
  expect(stdout).toMatch(/^! home +.* can be entered by others\n +chmod go= /m)
})

test.each([
  [150, 'warning', '150 s ahead of harbor'],
  [-150, 'warning', '150 s behind harbor'],
  [3600, 'failed', '3600 s ahead of harbor'],
])('compares the clock, %d s off, with that of a registry', async (seconds, status, detail) => {
  const { here } = await prepared()
  let date = 0
  const app = createApp({
    env: { HOME: here.directory, REPLICATE_HARBOR_USERNAME: 'ann', REPLICATE_HARBOR_PASSWORD: 's3cret-value' },
    home: temporaryDirectory(),
    config: 'config.yaml',
    cwd: here.directory,
    stdin: async () => '',
    // The registry's own clock is this machine's, and its header has whole seconds.
    timing: { clock: { now: () => date + seconds * 1000, monotonic: () => 0, sleep: () => Promise.resolve() } },
  })
  const checks: Check[] = []
  date = Math.floor(Date.now() / 1000) * 1000
  for await (const check of app.examine({ signal: new AbortController().signal, emit: () => {} })) checks.push(check)
  await app.close()
  const clock = checks.at(-1)
  expect(clock).toMatchObject({ name: 'clock', status })
  // It may have ticked meanwhile.
  const said = Number(clock?.detail.split(' ')[0])
  expect(Math.abs(said - Math.abs(seconds))).toBeLessThan(100)
  expect(clock?.detail.replace(/^\d+/, '')).toBe(detail.replace(/^\d+/, ''))
})
