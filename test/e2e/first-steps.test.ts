/** From nothing to a first replication between two registries with passwords: by questions alone, and the same by options in a script. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { missingPrograms, type SecretService, startSecretService } from '../support/secret-service.ts'
import { answer, DOWN, ENTER, shown } from './keyboard.ts'
import { type Program, program } from './program.ts'
import { hasTerminal, inTerminal } from './terminal.ts'

// Dozens of questions one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000 })

const opened: MemoryRegistry[] = []
let service: SecretService | undefined
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
  await service?.stop()
  service = undefined
})

async function guarded(user: string, password: string, kind: 'basic' | 'bearer'): Promise<MemoryRegistry> {
  const started = await startMemoryRegistry({ auth: { kind, user, password } })
  opened.push(started)
  return started
}

async function beginner(): Promise<Program> {
  service = await startSecretService()
  return program({ TERM: 'xterm', ...service.env })
}

function configurationOf(here: Program): string {
  return readFileSync(join(here.directory, 'nothing', 'replicate', 'config.yaml'), 'utf8')
}

const [FROM, TO] = ['fr0m-password', 't0-password'] as const

async function registries(): Promise<readonly [MemoryRegistry, MemoryRegistry]> {
  const [source, destination] = [await guarded('ann', FROM, 'basic'), await guarded('bob', TO, 'bearer')]
  for (const [seed, tag] of ['1.0', '1.1', 'edge'].entries()) source.add('team/app', image({ seed }), tag)
  return [source, destination]
}

function expectCopied(destination: MemoryRegistry): void {
  expect([...(destination.repositories.get('mirror/app')?.tags.keys() ?? [])].sort()).toEqual(['1.0', '1.1'])
}

describe.skipIf(missingPrograms().length > 0)('the first steps', () => {
  test.runIf(hasTerminal)('are questions, whose answers are all that is needed', async () => {
    const [source, destination] = await registries()
    const here = await beginner()
    const ask = (...args: readonly string[]) => here.start(args, { wrap: inTerminal, keyboard: true })
    const screens: string[] = []
    for (const [name, { host }, user, password] of [
      ['from', source, 'ann', FROM],
      ['to', destination, 'bob', TO],
    ] as const) {
      const adding = ask('registries', 'add')
      await answer(adding, [
        ['Type of registry:', ENTER],
        ['Name, by which policies know it:', `${name}${ENTER}`],
        ['URL:', `${host}${ENTER}`],
        ['Description', ENTER],
        ['Credential:', ENTER],
        ['User name:', `${user}${ENTER}`],
        ['Password:', `${password}${ENTER}`],
        ['❯ Save it', ENTER],
      ])
      expect((await adding.ended).code, shown(adding)).toBe(0)
      screens.push(shown(adding))
    }

    const creating = ask('policies', 'create')
    await answer(creating, [
      ['Name of the policy:', `app${ENTER}`],
      ['Source registry:', ENTER],
      ['Namespaces:', DOWN],
      ['❯ team', ENTER],
      ['Repositories:', ENTER],
      ['Tags', `1.*${ENTER}`],
      ['Only versions', ENTER],
      ['Only the newest', ENTER],
      ['they match 1 repository, 2 of 3 tags', ''],
      ['Are these the ones?', ENTER],
      ['Destination registry:', ENTER],
      ['Namespace there', `mirror${ENTER}`],
      ['land?', ENTER],
      ['When does it run?', ENTER],
      ['❯ Save it', ENTER],
    ])
    expect((await creating.ended).code, shown(creating)).toBe(0)
    screens.push(shown(creating))

    const ran = await here.run(['run', 'app'])
    expect(ran.code, ran.stderr).toBe(0)
    expect(ran.stdout).toContain('succeeded 2')
    expectCopied(destination)
    for (const text of [...screens, configurationOf(here)]) {
      expect(text).not.toContain(FROM)
      expect(text).not.toContain(TO)
    }
  })

  test('are a script, whose passwords come by standard input', async () => {
    const [source, destination] = await registries()
    const here = await beginner()
    for (const [args, stdin] of [
      [['registries', 'add', 'from', '--url', source.host, '--username', 'ann', '--password-stdin'], FROM],
      [['registries', 'add', 'to', '--url', destination.host, '--username', 'bob', '--password-stdin'], TO],
      [['policies', 'create', 'app', '--source', 'from/team/app:1.*', '--destination', 'to/mirror'], ''],
      [['run', 'app'], ''],
    ] as const) {
      const { code, stdout, stderr } = await here.run(args, { stdin })
      expect(code, stdout + stderr).toBe(0)
    }
    expectCopied(destination)
    expect(configurationOf(here).replace(/# created .*/, '# created')).toBe(
      `registries:
  from:
    type: docker-registry
    url: ${source.url}
  to:
    type: docker-registry
    url: ${destination.url}

policies:
  # created
  app:
    source: from/team/app:1.*
    destination: to/mirror
`,
    )
    expect(existsSync(join(here.directory, 'nothing', '.docker'))).toBe(false)
  })
})
