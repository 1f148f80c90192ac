/** `policies create` by questions, on a terminal. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { answer, CTRL_C, DOWN, ENTER, shown, UP } from '../e2e/keyboard.ts'
import { type Program, program, type Running } from '../e2e/program.ts'
import { hasTerminal, inTerminal } from '../e2e/terminal.ts'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'

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
      ['Namespaces there', `library${ENTER}`],
      ['Repositories', ENTER],
      ['Tags', `{3.*${ENTER}`],
      ['`{` is never closed', `\u00159.*${ENTER}`],
      ['Only versions', ENTER],
      ['Only the newest', ENTER],
      ['! they match 0 repositories, 0 of 4 tags', ''],
      ['Are these the ones?', `${DOWN}${ENTER}`],
      ['Repositories', ENTER],
      ['Tags', `3.*${ENTER}`],
      ['Only versions', ENTER],
      ['Only the newest', ENTER],
      ['✓ they match 1 repository, 2 of 4 tags', ''],
      ['library/alpine  3.18, 3.19', ''],
      ['Are these the ones?', ENTER],
      ['❯ mirror', ENTER],
      ['Namespace there', `team/base${ENTER}`],
      ['Where does library/alpine land?', DOWN],
      ['team/base/library/alpine', ENTER],
      ['When does it run?', `${DOWN}${DOWN}${ENTER}`],
      ['Time zone:', `Europe/Berlin${ENTER}`],
      ['next: ', ''],
      ['Other settings than the usual?', `y${ENTER}`],
      ['Description', `Base${ENTER}`],
      ['Replace destination tags', `n${ENTER}`],
      ['What is gone', ENTER],
      ['Copy signatures', ENTER],
      ['Enable it?', ENTER],
      ['Save this to', ENTER],
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
      ['Namespace there', ENTER],
      ['Other settings than the usual?', ENTER],
      ['Save this to', ENTER],
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
      ['Other settings', ENTER],
      ['Save this to', `n${ENTER}`],
      ['nothing was written', ''],
    ])
    expect((await refused.ended).code).toBe(0)
    const interrupted = create(here, 'copy')
    await answer(interrupted, [['Source registry:', CTRL_C]])
    expect((await interrupted.ended).code).toBe(130)
    expect(fileOf(here)).toBe(before)
  })
})
