/** Where configurations come from: arguments, standard input, the user's own file. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { homeDirectory, userConfiguration, userHome } from '../../src/config/paths.ts'
import { type ReadOptions, readConfiguration } from '../../src/config/read.ts'
import { factsOf } from './setup.ts'

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'replicate-config-'))
})
afterEach(() => rm(cwd, { recursive: true }))

function read(files: readonly string[], options: Partial<ReadOptions> = {}) {
  const env = { HOME: join(cwd, 'home') }
  const stdin = async (): Promise<string> => ''
  return readConfiguration({
    files,
    cwd,
    env,
    stdin,
    types: ['docker-registry', 'oci-layout'].map(factsOf),
    ...options,
  })
}

function policyText(name: string, source = 'a.example.com'): string {
  return `policies:\n  ${name}: {source: "${source}", destination: "oci:out"}\n`
}

async function names(files: readonly string[], options: Partial<ReadOptions> = {}): Promise<readonly string[]> {
  return (await read(files, options)).policies.map(({ name }) => name)
}

describe('the configuration', () => {
  test('is the named files, in their order, each once', async () => {
    await writeFile(join(cwd, 'one.yaml'), policyText('one'))
    await writeFile(join(cwd, 'two.yaml'), `\uFEFF${policyText('two')}`)
    const configuration = await read(['two.yaml', 'one.yaml', './two.yaml'])
    expect(configuration.policies.map(({ name }) => name)).toEqual(['two', 'one'])
    expect(configuration.policyFile('one')).toBe(join(cwd, 'one.yaml'))
    expect(configuration.policies[0]?.destination.registry).toBe(`oci:${join(cwd, 'out')}`)
  })

  test('may come from standard input, whose paths are relative to the working directory', async () => {
    const configuration = await read(['-'], { stdin: async () => policyText('p') })
    expect(configuration.policies[0]?.destination.registry).toBe(`oci:${join(cwd, 'out')}`)
    expect(configuration.policyFile('p')).toBe('-')
  })

  test("is the user's own without files: --config, then REPLICATE_CONFIG, then XDG", async () => {
    expect(await names([])).toEqual([])
    await mkdir(join(cwd, 'home/.config/replicate'), { recursive: true })
    await writeFile(join(cwd, 'home/.config/replicate/config.yaml'), policyText('xdg'))
    await writeFile(join(cwd, 'variable.yaml'), policyText('variable'))
    await writeFile(join(cwd, 'option.yaml'), policyText('option'))
    const env = { HOME: join(cwd, 'home'), REPLICATE_CONFIG: 'variable.yaml' }
    expect(await names([])).toEqual(['xdg'])
    expect(await names([], { env })).toEqual(['variable'])
    expect(await names([], { env, config: 'option.yaml' })).toEqual(['option'])
  })

  test("takes only registries from the user's own where files are named", async () => {
    const registry = 'registries:\n  mine: {type: docker-registry, url: https://mine.example.com}\n'
    await writeFile(join(cwd, 'user.yaml'), registry + policyText('users'))
    await writeFile(join(cwd, 'policy.yaml'), policyText('p', 'mine/x'))
    const configuration = await read(['policy.yaml'], { config: 'user.yaml' })
    expect(configuration.policies.map(({ name }) => name)).toEqual(['p'])
    expect(configuration.registryOf('mine').url).toBe('https://mine.example.com')
    expect(configuration.registryFile('mine')).toBe(join(cwd, 'user.yaml'))
  })

  test('tells the secrets it read', async () => {
    const text = `registries:\n  r: {type: docker-registry, url: http://x, credential: {type: token, token: "\${T}"}}\n`
    const secrets: string[] = []
    await read(['-'], { stdin: async () => text, env: { T: 'hunter2' }, secrets: (secret) => secrets.push(secret) })
    expect(secrets).toEqual(['hunter2'])
  })

  test('that cannot be read is named, each file of it', async () => {
    await expect(read(['a.yaml', 'b.yaml'])).rejects.toMatchObject({
      exitCode: 2,
      problems: [
        { message: `cannot read ${join(cwd, 'a.yaml')}: no such file` },
        { message: `cannot read ${join(cwd, 'b.yaml')}: no such file` },
      ],
    })
    await expect(read([], { config: 'c.yaml' })).rejects.toThrow('c.yaml (from --config): no such file')
    await expect(read(['.'])).rejects.toThrow('it is a directory')
    await writeFile(join(cwd, 'latin.yaml'), Buffer.from([0x61, 0xe9]))
    await expect(read(['latin.yaml'])).rejects.toThrow('it is not UTF-8 text')
    await writeFile(join(cwd, 'large.yaml'), '#'.repeat(4 * 1024 * 1024 + 1))
    await expect(read(['large.yaml'])).rejects.toThrow('larger than 4 MiB')
    const stdin = async (): Promise<string> => '#'.repeat(4 * 1024 * 1024 + 1)
    await expect(read(['-'], { stdin })).rejects.toThrow('standard input is larger than 4 MiB')
  })
})

describe('the places', () => {
  test('follow the options, then the environment, then XDG', () => {
    const options = { cwd: '/somewhere', env: { HOME: '/home/me' } }
    expect(homeDirectory(options)).toBe('/home/me/.local/state/replicate')
    expect(homeDirectory({ ...options, env: { HOME: '/home/me', XDG_STATE_HOME: '/state' } })).toBe('/state/replicate')
    expect(homeDirectory({ ...options, env: { HOME: '/home/me', XDG_STATE_HOME: 'state' } })).toBe(
      '/home/me/.local/state/replicate',
    )
    expect(homeDirectory({ ...options, env: { REPLICATE_HOME: 'here' } })).toBe('/somewhere/here')
    expect(homeDirectory({ ...options, home: 'there', env: { REPLICATE_HOME: 'here' } })).toBe('/somewhere/there')
    expect(userConfiguration({ cwd: '/somewhere', env: { HOME: '' } }).path).not.toMatch(/^\/somewhere/)
    expect(userConfiguration(options)).toEqual({ path: '/home/me/.config/replicate/config.yaml' })
    expect(userConfiguration({ ...options, env: { XDG_CONFIG_HOME: '/c' } }).path).toBe('/c/replicate/config.yaml')
  })

  test('without HOME come from the list of users, never from the directory at hand', () => {
    expect(userHome({}, () => '/home/me')).toBe('/home/me')
    for (const HOME of ['', '.', 'relative']) expect(userHome({ HOME }, () => '/home/me')).toBe('/home/me')
    expect(userHome({ HOME: '/home/other' }, () => '/home/me')).toBe('/home/other')
    const unknown = () => {
      throw new Error('no such user')
    }
    expect([userHome({}, unknown), userHome({}, () => '')]).toEqual([undefined, undefined])
  })
})
