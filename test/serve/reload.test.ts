/** The configuration in force: read again by a signal or a change, and kept where the new one is broken. */

import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { serving } from './serving.ts'

const EVERY_SECOND = '    triggers: [{schedule: "* * * * * *"}]\n'

test('SIGHUP reads it again, and what it says then counts', async () => {
  const { user, yaml, start } = await serving()
  user.write('serve.yaml', 'policies: {}\nserve: {listen: 127.0.0.1:0}\n')
  const daemon = await start()
  user.write('serve.yaml', yaml(EVERY_SECOND))
  daemon.kill('SIGHUP')
  await daemon.says('configuration reloaded: 1 policy')
  await daemon.says(/execution 1 {2}copy {2}succeeded/)
})

test('a broken one leaves the one before in force, and says so until it is mended', async () => {
  const { user, yaml, start } = await serving()
  user.write('serve.yaml', yaml(EVERY_SECOND))
  const daemon = await start()
  user.write('serve.yaml', yaml('    destinatoin: {}\n'))
  await daemon.says(/\.yaml:\d+:\d+ unknown key `destinatoin`; did you mean `destination`\?/)
  const { status, body } = await daemon.readyz()
  expect([status, body.status]).toEqual([200, 'ready'])
  expect(body.reload_error).toMatchObject({ message: expect.stringContaining('destinatoin') })
  const before = daemon.said().length
  await daemon.says(/execution \d+ {2}copy {2}succeeded/)
  user.write('serve.yaml', yaml(EVERY_SECOND))
  await daemon.says('configuration reloaded: 1 policy')
  expect((await daemon.readyz()).body.reload_error).toBeNull()
  expect(daemon.said().length).toBeGreaterThan(before)
})

test('the swapped links of a ConfigMap and the renamed file of an editor are noticed', async () => {
  const { user, yaml, start } = await serving()
  const map = join(user.directory, 'map')
  const version = (name: string, text: string): void => {
    mkdirSync(join(map, name), { recursive: true })
    writeFileSync(join(map, name, 'serve.yaml'), text)
    symlinkSync(name, join(map, '..new'))
    renameSync(join(map, '..new'), join(map, '..data'))
  }
  version('..1', yaml())
  symlinkSync('..data/serve.yaml', join(map, 'serve.yaml'))
  const daemon = await start(['map/serve.yaml'])
  version('..2', yaml('  second: {source: {registry: from}, destination: {registry: to, namespace: m}}\n'))
  rmSync(join(map, '..1'), { recursive: true })
  await daemon.says('configuration reloaded: 2 policies')
  writeFileSync(join(map, '.serve.yaml.swp'), yaml())
  renameSync(join(map, '.serve.yaml.swp'), join(map, 'serve.yaml'))
  await daemon.says('configuration reloaded: 1 policy')
})

test('another address counts after a restart, and that is said', async () => {
  const { user, yaml, start } = await serving()
  user.write('serve.yaml', yaml())
  const daemon = await start()
  user.write('serve.yaml', yaml().replace('127.0.0.1:0', '127.0.0.1:1'))
  await daemon.says('the new address counts after a restart')
  expect((await daemon.readyz()).status).toBe(200)
})
