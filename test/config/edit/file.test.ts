/** The file that is edited: whole or as it was, with its permissions, where it was. */

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Edit } from '../../../src/config/edit/edit.ts'
import { type EditOptions, editableConfiguration, editConfiguration } from '../../../src/config/edit/file.ts'
import { ConfigurationError, StaleEditError } from '../../../src/core/errors.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { factsOf } from '../setup.ts'

const HUB: Edit = { set: ['registries', 'hub'], to: { type: 'docker-registry', url: 'https://hub.example.com' } }

function place(text?: string): { readonly path: string; readonly options: EditOptions } {
  const directory = temporaryDirectory()
  const path = join(directory, 'config.yaml')
  if (text !== undefined) writeFileSync(path, text)
  return { path, options: { types: [factsOf('docker-registry')], env: {}, cwd: directory, config: 'config.yaml' } }
}

test('a new file is made with its directory, for its owner only', async () => {
  const { options } = place()
  const edited = await editConfiguration([HUB], { ...options, config: 'deep/er/config.yaml' })
  expect(edited.path).toBe(join(options.cwd, 'deep/er/config.yaml'))
  expect(readFileSync(edited.path, 'utf8')).toBe(edited.after)
  expect(statSync(edited.path).mode & 0o777).toBe(0o600)
  expect(edited.configuration.registries.get('hub')).toMatchObject({ url: 'https://hub.example.com' })
  expect(readdirSync(join(options.cwd, 'deep/er'))).toEqual(['config.yaml'])
})

test('the permissions stay, a link stays a link, and a byte order mark stays', async () => {
  const { path, options } = place('\uFEFFregistries:\r\n')
  chmodSync(path, 0o644)
  mkdirSync(join(options.cwd, 'links'))
  symlinkSync('../config.yaml', join(options.cwd, 'links/config.yaml'))
  await editConfiguration([HUB], { ...options, config: 'links/config.yaml' })
  expect(lstatSync(join(options.cwd, 'links/config.yaml')).isSymbolicLink()).toBe(true)
  expect(statSync(path).mode & 0o777).toBe(0o644)
  expect(readFileSync(path, 'utf8')).toBe(
    '\uFEFFregistries:\r\n  hub:\r\n    type: docker-registry\r\n    url: https://hub.example.com\r\n',
  )
})

test('a link that leads nowhere yet is followed', async () => {
  const { path, options } = place()
  symlinkSync('config.yaml', join(options.cwd, 'link.yaml'))
  await editConfiguration([HUB], { ...options, config: 'link.yaml' })
  expect(existsSync(path)).toBe(true)
})

test('what would be no valid configuration is never written', async () => {
  const text = 'registries:\n  hub:\n    type: docker-registry\n    url: https://hub.example.com\n'
  const { path, options } = place(text)
  for (const edits of [
    [{ set: ['registries', 'hub', 'url'], to: 'ftp://x' }],
    [{ set: ['registries', 'hub', 'tpye'], to: 'x' }],
    [{ remove: ['registries', 'hub', 'type'] }],
    [{ set: ['registries', 'hub', 'credential'], to: { type: 'basic', username: 'a', password: 'plain' } }],
  ] satisfies readonly (readonly Edit[])[]) {
    const error: unknown = await editConfiguration(edits, options).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConfigurationError)
    // The line that would be wrong is in no file.
    expect(error).toMatchObject({ problems: [{ message: expect.any(String) }] })
    expect(error).not.toMatchObject({ problems: [{ position: expect.anything() }] })
  }
  expect(readFileSync(path, 'utf8')).toBe(text)
  expect(readdirSync(options.cwd)).toEqual(['config.yaml'])
})

test('what was wrong before is told with its place', async () => {
  const { options } = place('registries:\n  a:\n    tpye: x\n')
  await expect(editConfiguration([HUB], options)).rejects.toMatchObject({
    problems: expect.arrayContaining([expect.objectContaining({ position: expect.objectContaining({ line: 3 }) })]),
  })
})

test('what somebody else writes meanwhile is not overwritten', async () => {
  const { path, options } = place('registries:\n')
  // Whoever reads the environment while the result is checked stands for the other one.
  const env = new Proxy<Record<string, string>>({}, { get: () => void writeFileSync(path, 'policies:\n') })
  const edit: Edit = {
    set: ['registries', 'hub'],
    to: { type: 'docker-registry', url: `https://hub.example.com`, description: '$' + '{X:-x}' },
  }
  const refused = editConfiguration([edit], { ...options, env })
  await expect(refused).rejects.toThrow(/changed by another process/)
  await expect(refused).rejects.toBeInstanceOf(StaleEditError)
  expect(readFileSync(path, 'utf8')).toBe('policies:\n')
  expect(readdirSync(options.cwd)).toEqual(['config.yaml'])
})

test('a variable that is not set stops nobody from editing', async () => {
  const credential = `credential: { type: basic, username: u, password: '\${A_SECRET}' }`
  const { options } = place(`registries:\n  a: { type: docker-registry, url: 'https://a', ${credential} }\n`)
  expect([...(await editableConfiguration(options)).registries.keys()]).toEqual(['a'])
  const { configuration } = await editConfiguration([HUB], options)
  expect([...configuration.registries.keys()]).toEqual(['a', 'hub'])
})

test('a directory, and what is no text, are said to be that', async () => {
  const { options } = place()
  await expect(editConfiguration([HUB], { ...options, config: '.' })).rejects.toThrow(/it is a directory/)
  writeFileSync(join(options.cwd, 'config.yaml'), Buffer.from([0x61, 0xff, 0xfe]))
  await expect(editConfiguration([HUB], options)).rejects.toThrow(/not UTF-8/)
  expect(await editableConfiguration({ ...options, config: 'none.yaml' })).toMatchObject({ policies: [] })
})

test('an edit says which registries and policies it created, changed and removed', async () => {
  const { options } = place(`registries:
  hub: { type: docker-registry, url: https://hub.example.com }
  old: { type: docker-registry, url: https://old.example.com }
policies:
  a: { source: hub/a, destination: hub/b }
  same: { source: hub/a, destination: hub/c }
`)
  const edited = await editConfiguration(
    [
      { set: ['registries', 'new'], to: { type: 'docker-registry', url: 'https://new.example.com' } },
      { remove: ['registries', 'old'] },
      { set: ['policies', 'a', 'enabled'], to: false },
      { set: ['policies', 'same', 'source'], to: 'hub/a' },
      { note: ['policies', 'same'], begins: 'changed', text: 'changed 2026-05-01 by ann' },
    ],
    options,
  )
  expect(edited.changes).toEqual([
    { kind: 'registry', name: 'old', what: 'removed' },
    { kind: 'registry', name: 'new', what: 'created' },
    { kind: 'policy', name: 'a', what: 'changed' },
  ])
})

test('a note is written only where something changes, and who objects to the result keeps it from being written', async () => {
  const text = 'registries:\n  hub: {type: docker-registry, url: "https://hub.example.com"}\n'
  const { path, options } = place(`${text}policies:\n  a:\n    source: hub\n    destination: hub/a\n`)
  const before = readFileSync(path, 'utf8')
  const note: Edit = { note: ['policies', 'a'], begins: 'changed', text: 'changed today' }
  const asItIs: Edit = { set: ['policies', 'a', 'source'], to: 'hub' }
  expect((await editConfiguration([asItIs], { ...options, note })).after).toBe(before)
  const other: Edit = { set: ['policies', 'a', 'order'], to: 'newest' }
  let would = ''
  const objection = editConfiguration([other], {
    ...options,
    note,
    expect({ after, configuration }) {
      would = after
      throw new TypeError(`not ${configuration.policies[0]?.order}`)
    },
  })
  await expect(objection).rejects.toThrow('not newest')
  expect(readFileSync(path, 'utf8')).toBe(before)
  expect((await editConfiguration([other], { ...options, note })).after).toBe(would)
  expect(readFileSync(path, 'utf8')).toContain('# changed today\n  a:\n')
})
