/** `policies create` by questions, on a terminal. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { answer, CTRL_C, DOWN, ENTER, ESC, shown, UP } from '../e2e/keyboard.ts'
import { type Program, program, type Running } from '../e2e/program.ts'
import { hasTerminal, inTerminal } from '../e2e/terminal.ts'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'

// Dozens of questions one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000 })

let opened: MemoryRegistry | undefined
afterEach(() => opened?.close())

async function prepared(): Promise<Program> {
  const registry = await startMemoryRegistry()
  opened = registry
  let seed = 0
  for (const [repository, tags] of Object.entries({
    'library/alpine': ['3.18', '3.19', 'edge'],
    'library/redis': ['7'],
  })) {
    for (const tag of tags) registry.add(repository, image({ seed: seed++ }), tag)
  }
  const here = program({ TERM: 'xterm', TZ: 'UTC' })
  here.write(
    'config.yaml',
    `# Mine\nregistries:\n  hub: { type: docker-registry, url: ${registry.url} }\n  mirror: { type: docker-registry, url: http://127.0.0.1:1 } # later\n`,
  )
  return here
}

const create = (here: Program, ...args: readonly string[]): Running =>
  here.start(['-c', 'config.yaml', 'policies', 'create', ...args], { keyboard: true, wrap: inTerminal })

const fileOf = (here: Program): string => readFileSync(join(here.directory, 'config.yaml'), 'utf8')

describe.runIf(hasTerminal)('the questions', () => {
  test('lead from nothing to a policy, with a look at what its filters match', async () => {
    const here = await prepared()
    const running = create(here)
    await answer(running, [
      ['Name of the policy:', `base images${ENTER}`],
      ['letters, digits', `\u0015base-images${ENTER}`],
      ['Source registry:', ENTER],
      ['Namespaces:', DOWN],
      ['❯ library', ENTER],
      ['Repositories:', ENTER],
      ['Tags', `{3.*${ENTER}`],
      ['`{` is never closed', `\u00159.*${ENTER}`],
      ['Only versions', ENTER],
      ['Only the newest', `two${ENTER}`],
      ['`two` is not a whole number, 1 or more', `\u0015${ENTER}`],
      ['! they match 0 repositories, 0 of 4 tags', ''],
      ['no tag matches 9.*; library/alpine has 3.18, 3.19, edge', ''],
      ['❯ change the tags: 9.*', ENTER],
      ['Tags', `3.*${ENTER}`],
      ['✓ they match 1 repository, 2 of 4 tags', ''],
      ['library/alpine  3.18, 3.19', ''],
      ['❯ continue with them', ENTER],
      ['❯ mirror', ENTER],
      ['Namespace there', `team/base${ENTER}`],
      ['Where does library/alpine land?', DOWN],
      ['❯ team/base/library/alpine', ENTER],
      ['When does it run?', `${DOWN}${DOWN}${ENTER}`],
      ['Time zone:', `Europe/Berlin${ENTER}`],
      ['next: ', ''],
      ['+     source:', ''],
      ['❯ Save it', DOWN.repeat(14)],
      ['❯ another setting', ENTER],
      ['❯ Description', ENTER],
      ['Description', `Base${ENTER}`],
      ['+     description: Base', ''],
      ['❯ Save it', DOWN.repeat(15)],
      ['❯ another setting', ENTER],
      ['❯ Enabled', DOWN],
      ['❯ Override', ENTER],
      ['❯ are replaced', DOWN],
      ['❯ are kept', ENTER],
      ['❯ Save it', ENTER],
      ['created base-images', ''],
    ])
    expect((await running.ended).code).toBe(0)
    const written = fileOf(here)
    expect(written.replace(/# created \S+ by \S+/, '# created')).toBe(`# Mine
registries:
  hub: { type: docker-registry, url: ${opened?.url} }
  mirror: { type: docker-registry, url: http://127.0.0.1:1 } # later

policies:
  # created
  base-images:
    description: Base
    source:
      registry: hub
      namespaces: [library]
    destination:
      registry: mirror
      namespace: team/base
      flatten: 0
    filters:
      tag: 3.*
    triggers:
      - schedule: 0 2 * * *
        timezone: Europe/Berlin
    override: false
`)
  })

  test('are only those that options leave open; a source that does not answer is no obstacle', async () => {
    const here = await prepared()
    const running = create(here, 'copy', '--source', 'mirror/library/alpine:3.*', '--schedule', '@daily')
    await answer(running, [
      ['connection refused', ''],
      ['Are these the ones?', ENTER],
      ['Destination registry:', ENTER],
      ['Namespace there:', ENTER],
      ['❯ Save it', ENTER],
    ])
    expect((await running.ended).code).toBe(0)
    expect(shown(running)).not.toContain('Tags (')
    expect(fileOf(here)).toContain('    source: mirror/library/alpine:3.*\n    destination: hub\n')
  })

  test('do not take the source for the destination, unless another namespace is named', async () => {
    const here = await prepared()
    const running = create(here, 'copy', '--source', 'hub/library/redis')
    await answer(running, [
      ['Are these the ones?', ENTER],
      ['❯ mirror', UP],
      ['❯ hub', ENTER],
      ['Namespace there:', ''],
      ['❯ another, which is made where it is missing', ENTER],
      ['Namespace there (such as mirror):', ENTER],
      ['the source is there already', `copies${ENTER}`],
      ['Where does library/redis land?', ENTER],
      ['When does it run?', CTRL_C],
    ])
    expect((await running.ended).code).toBe(130)
  })

  test('leave the file alone where the answer is no, or Ctrl-C', async () => {
    const here = await prepared()
    const before = fileOf(here)
    const refused = create(here, 'copy', '--source', 'hub/library/redis')
    await answer(refused, [
      ['1 repository, 1 tag', ''],
      ['Are these the ones?', ENTER],
      ['Destination registry:', ENTER],
      ['Namespace there', ENTER],
      ['When does it run?', ENTER],
      ['❯ Save it', DOWN.repeat(20)],
      ['❯ Leave; nothing is written', ENTER],
      ['nothing was written', ''],
    ])
    expect((await refused.ended).code).toBe(0)
    const interrupted = create(here, 'copy')
    await answer(interrupted, [['Source registry:', CTRL_C]])
    expect((await interrupted.ended).code).toBe(130)
    expect(fileOf(here)).toBe(before)
  })

  test('say why nothing matches, and lead to the answer that is wrong', async () => {
    const here = await prepared()
    const running = create(here, 'copy', '--source', 'hub')
    await answer(running, [
      ['Namespaces:', UP + DOWN.repeat(2)],
      ['❯ several, or a pattern', ENTER],
      ['Namespaces there', `libary${ENTER}`],
      ['no namespace is named libary there; did you mean library?', `\u0015library${ENTER}`],
      ['Repositories:', DOWN.repeat(3)],
      ['❯ several, or a pattern', ENTER],
      ['Repositories (such as', `alpine${ENTER}`],
      ['names are whole: library/alpine?', `\u0015nothing/*${ENTER}`],
      ['no repository matches nothing/* there; there are library/alpine, library/redis', `\u0015library/*${ENTER}`],
      ['Tags', ENTER],
      ['Only versions', ENTER],
      ['Only the newest', ENTER],
      ['✓ they match 2 repositories', CTRL_C],
    ])
    expect((await running.ended).code).toBe(130)
    const gone = create(here, 'copy', '--source', 'hub/library/alpin:3.*')
    await answer(gone, [
      ['! they match 0 repositories', ''],
      ['nothing is there', ''],
      ['❯ change the source: hub/library/alpin:3.*', ENTER],
      ['❯ another', ENTER],
      ['Source registry (a host', `hub/library/alpine:4.*${ENTER}`],
      ['no tag matches the filters; library/alpine has 3.18, 3.19, edge', ''],
      ['❯ change the source', CTRL_C],
    ])
    expect((await gone.ended).code).toBe(130)
  })

  test('each lead back to the one before by Esc', async () => {
    const here = await prepared()
    const running = create(here)
    await answer(running, [
      ['Name of the policy:', `p${ENTER}`],
      ['Source registry:', ENTER],
      ['Namespaces:', ENTER],
      ['Repositories:', ENTER],
      ['Tags', ENTER],
      ['Only versions', ENTER],
      ['Only the newest', ENTER],
      ['❯ continue with them', ENTER],
      ['❯ mirror', ENTER],
      ['Namespace there', `x${ENTER}`],
      ['Where does library/alpine land?', ENTER],
      ['When does it run?', `${DOWN}${ENTER}`],
      ['Time zone:', ENTER],
      ['❯ Save it', ESC],
      ['Time zone:', ESC],
      ['When does it run?', `${DOWN.repeat(5)}${ENTER}`],
      ['How often is the source looked at?', ENTER],
      ['every 5m if something has changed', ESC],
      ['When does it run?', `${UP}${ENTER}`],
      ['on push and delete', ESC],
      ['When does it run?', ESC],
      ['Where does library/alpine land?', ESC],
      ['Namespace there', ESC],
      ['❯ mirror', ESC],
      ['❯ continue with them', ESC],
      ['Only the newest', ESC],
      ['Only versions', ESC],
      ['Tags', ESC],
      ['Repositories:', ESC],
      ['Namespaces:', ESC],
      ['Source registry:', ESC],
      ['Name of the policy: (p)', `q${ENTER}`],
      ['Source registry:', CTRL_C],
    ])
    expect((await running.ended).code, shown(running)).toBe(130)
  })
})

describe.runIf(hasTerminal)('policies update asks on a terminal', () => {
  const FILE = (hub: string) => `registries:
  hub: { type: docker-registry, url: ${hub} }
  same: { type: docker-registry, url: ${hub} }
policies:
  # Ours
  plain:
    source: { registry: hub, namespaces: [library] } # here
    destination: hub/copy
    filters: { tag: 3.*, newest: 1 }
  short:
    source: hub/library/alpine:3.*
    destination: hub/copy
`

  async function changed(name: string, ...keys: readonly (readonly [string, string])[]): Promise<string> {
    const here = await prepared()
    here.write('config.yaml', FILE(opened?.url ?? ''))
    const running = here.start(['-c', 'config.yaml', 'policies', 'update', name], { keyboard: true, wrap: inTerminal })
    await answer(running, keys)
    expect((await running.ended).code, shown(running)).toBe(0)
    return fileOf(here).replace(/ *# changed .*\n/, '')
  }

  test('and changes what was changed, and nothing else', async () => {
    const text = await changed(
      'plain',
      ['❯ Save it', DOWN.repeat(4)],
      ['❯ Tags', ENTER],
      ['Tags (such as 3.* or latest), - for all: (3.*)', `7${ENTER}`],
      ['✓ they match 1 repository, 1 tag', ''],
      ['❯ continue with them', ENTER],
      ['-     filters: { tag: 3.*, newest: 1 }', ''],
      ['+     filters: { tag: "7", newest: 1 }', ''],
      ['❯ Save it', DOWN.repeat(6)],
      ['❯ Newest', ENTER],
      ['- for all: (1)', `-${ENTER}`],
      ['❯ continue with them', ENTER],
      ['❯ Save it', ENTER],
      ['changed plain', ''],
    )
    expect(text).toBe(FILE(opened?.url ?? '').replace('{ tag: 3.*, newest: 1 }', '{ tag: "7" }'))
  })

  test('also of a source that is written as one reference', async () => {
    const text = await changed(
      'short',
      ['❯ Save it', DOWN.repeat(4)],
      ['❯ Tags', ENTER],
      ['- for all: (3.*)', `edge${ENTER}`],
      ['✓ they match 1 repository, 1 tag', ''],
      ['❯ continue with them', ENTER],
      ['❯ Save it', ENTER],
      ['changed short', ''],
    )
    expect(text).toContain(
      '  short:\n    source: hub\n    destination: hub/copy\n    filters:\n      name: library/alpine\n      tag: edge\n',
    )
  })

  test('and keeps what a reference said of tags where its registry changes', async () => {
    const text = await changed(
      'short',
      ['❯ Save it', DOWN],
      ['❯ Source', ENTER],
      ['❯ hub', DOWN],
      ['❯ same', ENTER],
      ['Namespaces:', ENTER],
      ['Repositories:', ENTER],
      ['✓ they match 1 repository, 2 of 3 tags', ''],
      ['❯ continue with them', ENTER],
      ['Namespace there:', ENTER],
      ['Namespace there (such as mirror)', ENTER],
      ['❯ Save it', ENTER],
    )
    expect(text).toContain('    filters:\n      name: library/alpine\n      tag: 3.*\n')
  })

  test('and writes nothing where nothing was changed', async () => {
    const text = await changed('plain', ['❯ Save it', ENTER], ['nothing was written', ''])
    expect(text).toBe(FILE(opened?.url ?? ''))
  })
})
