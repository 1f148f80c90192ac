/** Who defined registries and policies, and when: as commands show it, wherever the change was made. */

import { userInfo } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { type Program, program } from './program.ts'

const opened: MemoryRegistry[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

const ME = userInfo().username
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)

async function json(here: Program, ...args: readonly string[]) {
  const { code, stdout, stderr } = await here.run(['-c', 'config.yaml', ...args, '--json'])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

test('a registry has its creator, and the times of its creation and last change', async () => {
  const here = program()
  const added = await json(here, 'registries', 'add', 'hub', '--url', 'http://127.0.0.1:1', '--no-test')
  expect(added).toMatchObject({ id: 'hub', creator: ME, creation_time: TIME, update_time: added.creation_time })
  const updated = await json(here, 'registries', 'update', 'hub', '--description', 'Ours')
  expect(updated).toMatchObject({ creator: ME, creation_time: added.creation_time })
  expect(Date.parse(updated.update_time)).toBeGreaterThan(Date.parse(added.update_time))
  expect(await json(here, 'registries', 'show', 'hub')).toMatchObject({ id: 'hub', update_time: updated.update_time })
  expect(await json(here, 'registries', 'list')).toMatchObject([{ creator: ME, update_time: updated.update_time }])
})

test('what was written by hand is there since the first run that saw it', async () => {
  const hub = await startMemoryRegistry()
  opened.push(hub)
  hub.add('app', image(), '1')
  const here = program()
  here.write(
    'config.yaml',
    `registries:
  hub: { type: docker-registry, url: "${hub.url}" }
policies:
  copy: { source: hub/app, destination: "oci:out" }
`,
  )
  const unseen = { creator: null, creation_time: null, update_time: null }
  expect(await json(here, 'policies', 'list')).toMatchObject([{ name: 'copy', ...unseen }])
  expect(await here.run(['-c', 'config.yaml', 'run', 'copy'])).toMatchObject({ code: 0 })
  const [policy] = await json(here, 'policies', 'list')
  expect(policy).toMatchObject({ creator: null, creation_time: TIME, update_time: policy.creation_time })
  expect(await json(here, 'registries', 'show', 'hub')).toMatchObject({ creator: null, creation_time: TIME })
  const disabled = await json(here, 'policies', 'disable', 'copy')
  expect(disabled).toMatchObject({ creator: null, creation_time: policy.creation_time })
  expect(Date.parse(disabled.update_time)).toBeGreaterThan(Date.parse(policy.creation_time))
})

test('a change whose author cannot be recorded is made, and that is said', async () => {
  const here = program()
  here.write('config.yaml', 'registries:\n  hub: { type: docker-registry, url: "http://127.0.0.1:1" }\n')
  here.write('a-file', '')
  const { code, stderr } = await here.run([
    ...['-c', 'config.yaml', '--home', 'a-file', 'registries', 'remove', 'hub', '--yes', '--quiet'],
  ])
  expect(stderr).toMatch(/^warning: who changed .*config\.yaml was not recorded: /)
  expect(code).toBe(0)
  expect(await json(here, 'registries', 'list')).toEqual([])
})
