/** An adapter of somebody else: a file or a package that a policy names as its type. */

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { program } from './program.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/adapter/fixed-list.js', import.meta.url))

async function registries(): Promise<readonly [MemoryRegistry, MemoryRegistry]> {
  const from = await startMemoryRegistry({ catalog: false })
  const to = await startMemoryRegistry()
  onTestFinished(async () => {
    await from.close()
    await to.close()
  })
  for (const name of ['team/app', 'team/db', 'team/secret']) from.add(name, image({ seed: name }), 'v1')
  return [from, to]
}

const policy = (type: string, from: string, to: string, options = '{ repositories: [team/app, team/db] }'): string => `
registries:
  here: { type: ${type}, url: ${from}, options: ${options} }
  there: { type: docker-registry, url: ${to} }
policies:
  team: { source: here/team/*, destination: there/mirror }
`

test('a file beside the policy is an adapter, as the example is', async () => {
  const [from, to] = await registries()
  const cli = program()
  copyFileSync(EXAMPLE, join(cli.directory, 'mine.js'))
  cli.write('policy.yaml', policy('./mine.js', from.url, to.url))
  const ran = await cli.run(['run', 'policy.yaml'])
  expect(ran).toMatchObject({ code: 0 })
  expect([...to.repositories.keys()].sort()).toEqual(['mirror/app', 'mirror/db'])
  const shown = await cli.run(['adapters', 'show', './mine.js'])
  expect(shown.stdout).toContain('repositories (list): The names of its repositories')
})

test('a package is looked for from where the program runs', async () => {
  const [from, to] = await registries()
  const cli = program()
  const folder = join(cli.directory, 'node_modules', '@acme', 'replicate-fixed')
  mkdirSync(folder, { recursive: true })
  copyFileSync(EXAMPLE, join(folder, 'index.js'))
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: '@acme/replicate-fixed', type: 'module', main: 'index.js' }),
  )
  cli.write('policy.yaml', policy("'module:@acme/replicate-fixed'", from.url, to.url))
  expect(await cli.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  expect([...to.repositories.keys()]).toHaveLength(2)
})

test.each([
  ['it is not there', undefined, 'cannot be loaded'],
  ['it exports nothing', 'export const other = 1', 'exports no `adapter`'],
  ['it lacks what an adapter has', 'export const adapter = () => ({ identity: "x" })', '`open`: must be a function'],
  [
    'it fails while it is made',
    'export const adapter = () => { throw new Error("broken\\nhere") }',
    'cannot be made: broken',
  ],
  ['it is not JavaScript', 'export const = 1', 'cannot be loaded'],
])('says what is wrong where %s', async (_, code, expected) => {
  const [from, to] = await registries()
  const cli = program()
  if (code !== undefined) cli.write('mine.js', code)
  cli.write('policy.yaml', policy('./mine.js', from.url, to.url))
  const ran = await cli.run(['run', 'policy.yaml'])
  expect(ran.code).toBe(2)
  expect(ran.stderr).toContain('mine.js')
  expect(ran.stderr).toContain(expected)
})

test('its options are checked by what it says of them', async () => {
  const [from, to] = await registries()
  const cli = program()
  copyFileSync(EXAMPLE, join(cli.directory, 'mine.js'))
  cli.write('policy.yaml', policy('./mine.js', from.url, to.url, '{ repositorys: [team/app] }'))
  const ran = await cli.run(['run', 'policy.yaml'])
  expect(ran.code).toBe(2)
  expect(ran.stderr).toContain('did you mean `repositories`?')
})

test('what it throws of the kit is the program’s own error', async () => {
  const [from, to] = await registries()
  const cli = program()
  const code = `export const adapter = ({ ociRegistry, UnsupportedError }) => ({
    identity: 'x', name: 'X', description: 'x', resources: ['image'], filters: ['name'], listing: 'x', credentials: [], quirks: [],
    open: (registry, tools) => ({ ...ociRegistry(registry, tools), repositories() { throw new UnsupportedError('not today', { hint: 'tomorrow' }) } }),
  })`
  cli.write('mine.js', code)
  cli.write('policy.yaml', policy('./mine.js', from.url, to.url, '{}'))
  const ran = await cli.run(['run', 'policy.yaml'])
  expect(ran.stderr).toContain('not today')
  expect(ran.stderr).toContain('tomorrow')
  expect(ran.stderr).not.toContain('at ')
})
