/** Policies written, changed, checked and taken away by the program, in a file that somebody cares for. */

import { readFileSync, rmSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { gatedSource } from './gate.ts'
import { policyBetween } from './harness.ts'
import { type Ended, type Program, program, until } from './program.ts'

const opened: MemoryRegistry[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

const NASTY = `# Our policies.   Mind the gaps!
registries:
    hub:  {type: docker-registry ,  url: 'http://127.0.0.1:1',}   # flow
    mirror: { type: docker-registry, url: http://127.0.0.1:2 }


policies:   # all of them

    # asked for by the platform team
    base: &base
        source  : hub/library/alpine:3.*
        destination:    mirror/base   # there
        enabled:   no-quotes
        triggers:
        -   schedule:   "@daily"
    # made by hand
    other:
        <<: *base
        enabled: true # on purpose
        destination: mirror/other

    third: { source: hub/x , destination: mirror/third,enabled: true }
    # the end
`.replace('no-quotes', 'false')

interface Place extends Program {
  policies(...args: readonly string[]): Promise<Ended>
  file(): string
}

function place(text = NASTY): Place {
  const here = program()
  here.write('config.yaml', text)
  return {
    ...here,
    policies: (...args) => here.run(['-c', 'config.yaml', 'policies', ...args]),
    file: () => readFileSync(join(here.directory, 'config.yaml'), 'utf8'),
  }
}

/** The lines of `after` that `before` does not have in that place, where both have as many. */
function changed(before: string, after: string): readonly string[] {
  const lines = before.split('\n')
  expect(after.split('\n')).toHaveLength(lines.length)
  return after.split('\n').filter((line, index) => line !== lines[index])
}

describe('enable and disable', () => {
  test('change the intended line and no other, whatever the file looks like', async () => {
    const here = place()
    expect(await here.policies('enable', 'base')).toMatchObject({ code: 0 })
    expect(changed(NASTY, here.file())).toEqual(['        enabled:   true'])
    await here.policies('disable', 'base')
    expect(here.file()).toBe(NASTY)
    await here.policies('disable', 'other')
    expect(changed(NASTY, here.file())).toEqual(['        enabled: false # on purpose'])
    await here.policies('enable', 'other')
    await here.policies('disable', 'third')
    expect(changed(NASTY, here.file())).toEqual([
      '    third: { source: hub/x , destination: mirror/third,enabled: false }',
    ])
    const again = await here.policies('disable', 'third')
    expect(again).toMatchObject({ code: 0 })
    expect(again.stdout).toContain('third is disabled already')
  })

  test('know no name that is not there', async () => {
    const { code, stderr } = await place().policies('enable', 'bse')
    expect(code).toBe(2)
    expect(stderr).toContain('did you mean `base`?')
  })
})

describe('create, update and delete', () => {
  const note = (what: string): string => `${what} ${new Date().toISOString().slice(0, 10)} by ${userInfo().username}`

  test('write what the options say, and above it who did and when', async () => {
    const here = place('# Mine\nregistries:\n  hub: { type: docker-registry, url: http://127.0.0.1:1 }\n')
    const created = await here.policies(
      'create',
      'alpine',
      '--source=hub',
      '--name=library/alpine',
      '--tag=3.*',
      '--newest=2',
      '--destination=registry.example.com/mirror',
      '--schedule=0 2 * * *',
      '--timezone=Europe/Berlin',
    )
    expect(created).toMatchObject({ code: 0, stderr: '' })
    const before = here.file()
    expect(before).toBe(`# Mine
registries:
  hub: { type: docker-registry, url: http://127.0.0.1:1 }

policies:
  # ${note('created')}
  alpine:
    source: hub
    destination: registry.example.com/mirror
    filters:
      name: library/alpine
      tag: 3.*
      newest: 2
    triggers:
      - schedule: 0 2 * * *
        timezone: Europe/Berlin
`)
    const same = await here.policies('update', 'alpine', '--tag', '3.*')
    expect(same.stdout).toContain('alpine is unchanged')
    expect(here.file()).toBe(before)

    const json = await here.policies('update', 'alpine', '--newest', '', '--tag', '3.*', '--tag', 'latest', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ name: 'alpine', filters: { tag: ['3.*', 'latest'] } })
    expect(here.file()).toBe(
      before
        .replace('  alpine:\n', `  # ${note('changed')}\n  alpine:\n`)
        .replace('tag: 3.*\n      newest: 2', 'tag: [3.*, latest]'),
    )
    const more = [
      '--exclude',
      'tag=*-rc*',
      '--exclude-regex',
      'tag=.*-debug',
      '--regex',
      'name=.*',
      '--referrers',
      'all',
    ]
    await here.policies('update', 'alpine', ...more, '--missing', 'warn', '--no-attestations')
    expect((await here.policies('show', 'alpine', '--json')).stdout).toContain('"missing": "warn"')
    const less = ['--exclude', 'tag=', '--exclude-regex', 'tag=', '--regex', 'name=', '--filter', 'tag=', '--referrers']
    expect(await here.policies('update', 'alpine', ...less)).toMatchObject({ code: 0 })
    expect(here.file()).toContain('filters:\n      name: library/alpine\n      attestations: false\n')
    expect(here.file()).toContain('    referrers: true\n    missing: warn\n')

    expect(await here.policies('delete', 'alpine')).toMatchObject({ code: 0 })
    expect(here.file()).not.toContain('alpine')
    expect(here.file()).toContain('# Mine\nregistries:')
  })

  test.each([
    [['create', 'base', '--source', 'hub/x', '--destination', 'mirror'], 'there is a policy base already'],
    [['create', '--source', 'hub/x'], 'NAME, --destination are missing, and there is no terminal to ask on'],
    [['create', 'new', '--source', 'hbu/x', '--destination', 'mirror'], 'did you mean `hub`?'],
    [
      ['create', 'new', '--source', 'hub/x', '--destination', 'mirror', '--schedule', '99 * * * *'],
      'not a valid minute',
    ],
    [['create', 'new', '--source', 'hub', '--destination', 'mirror', '--tag', '{a'], 'not a valid pattern'],
    [['create', 'new', '--source', 'hub', '--destination', 'mirror', '--newest', '0'], 'whole number from 1 on'],
    [['create', 'a b', '--source', 'hub', '--destination', 'mirror'], '`a b` is not a valid name'],
    [['update', 'base', '--exclude', 'tags='], 'KEY=PATTERN'],
    [['update', 'base', '--regex', 'label=x'], 'KEY=EXPRESSION with KEY one of name, tag'],
    [['update', 'other', '--regex', 'tag=(a'], 'is not a valid regular expression'],
    [['update', 'base'], 'no option says what to change'],
    [['update', 'bas', '--newest', '1'], 'did you mean `base`?'],
    [['update', 'other', '--semver', 'x y z'], 'not a range of versions'],
    [['delete', 'nothing'], 'there is no policy nothing'],
  ])('refuse %s, and leave the file alone', async (args, reason) => {
    const here = place()
    const { code, stdout, stderr } = await here.policies(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(reason)
    expect(here.file()).toBe(NASTY)
  })

  test('refuse two policies that would own a namespace, naming both and their places', async () => {
    const here = place()
    const owner = ['create', 'owner', '--source', 'hub', '--namespace', 'library', '--destination', 'mirror/own']
    const conflict = (other: string): RegExp =>
      new RegExp(
        `error: policy \`owner\` cannot own the namespace \`library\`: the system policy \`${other}\` \\(config\\.yaml:\\d+\\) already takes it`,
      )
    const created = await here.policies(...owner, '--scope', 'namespace')
    expect(created.code).toBe(2)
    expect(created.stderr).toMatch(conflict('other'))
    expect(here.file()).toBe(NASTY)

    await here.policies('disable', 'other')
    expect(await here.policies(...owner, '--scope', 'namespace')).toMatchObject({ code: 0, stderr: '' })
    const before = here.file()
    const enabled = await here.policies('enable', 'base')
    expect(enabled.code).toBe(2)
    expect(enabled.stderr).toMatch(conflict('base'))
    expect(enabled.stderr).toMatch(/`owner` \(config\.yaml:\d+\)/)
    expect(here.file()).toBe(before)

    await here.policies('disable', 'owner')
    expect(await here.policies('enable', 'base')).toMatchObject({ code: 0 })
    const owned = here.file()
    const again = await here.policies('enable', 'owner')
    expect(again.code).toBe(2)
    expect(again.stderr).toMatch(conflict('base'))
    expect(here.file()).toBe(owned)
  })

  test('delete is refused while it runs, with what ends it', async () => {
    const gate = await gatedSource()
    const destination = await startMemoryRegistry()
    opened.push(gate.source, destination)
    const here = place(policyBetween(gate.source.url, destination.url))
    const before = here.file()
    const running = here.start(['-c', 'config.yaml', 'run', 'copy'])
    await until('it transfers', () => running.said().includes('transfer'))
    const refused = await here.policies('delete', 'copy')
    expect(refused).toMatchObject({ code: 5, stdout: '' })
    expect(refused.stderr).toContain('policy copy is running: execution 1')
    expect(refused.stderr).toContain('replicate executions stop 1')
    expect(here.file()).toBe(before)
    gate.open()
    await running.ended
    expect(await here.policies('delete', 'copy')).toMatchObject({ code: 0 })
  })
})

test('list and show tell the last execution and the next run', async () => {
  const here = place()
  await here.policies('enable', 'base')
  const { stdout } = await here.policies('list', '--json')
  const [base, other] = JSON.parse(stdout)
  expect(base).toMatchObject({
    name: 'base',
    src_registry: 'hub',
    dest_registry: 'mirror',
    triggers: [{ schedule: '@daily' }],
    last_execution: null,
  })
  expect(Date.parse(base.next_run)).toBeGreaterThan(Date.now())
  expect(other).toMatchObject({ name: 'other', enabled: true })
  expect((await here.policies('list')).stdout).toMatch(
    /NAME +SOURCE → DESTINATION +TRIGGERS +ENABLED +LAST EXECUTION +NEXT RUN\nbase +hub → mirror\/base +manual, schedule +yes +never +in \d+/,
  )
  expect((await here.policies('show', 'base')).stdout).toMatch(/filters\.tag +3\.\*\n/)
})

test('list and show tell who created a policy and when, and nothing of one that was written by hand', async () => {
  const here = place()
  const args = ['fresh', '--source', 'hub', '--name', 'app', '--destination', 'mirror/fresh', '--json']
  const created = JSON.parse((await here.policies('create', ...args)).stdout)
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  expect(created).toMatchObject({
    id: 'fresh',
    creator: userInfo().username,
    creation_time: time,
    update_time: created.creation_time,
    src_namespaces: [],
    dest_namespace: 'fresh',
    deletion: 'never',
    trigger_kinds: ['manual'],
  })
  await here.policies('update', 'fresh', '--newest', '3')
  const noted = JSON.parse((await here.policies('show', 'fresh', '--json')).stdout)
  expect(noted).toMatchObject({ creator: userInfo().username, creation_time: created.creation_time, update_time: time })
  expect(Date.parse(noted.update_time)).toBeGreaterThan(Date.parse(noted.creation_time))
  const listed = JSON.parse((await here.policies('list', '--json')).stdout)
  const { creator } = noted
  expect(listed).toContainEqual(expect.objectContaining({ name: 'fresh', creator }))
  expect(listed).toContainEqual(expect.objectContaining({ name: 'other', creator: null, creation_time: null }))
  // Where the history knows nothing, the notes of the file count.
  rmSync(here.home, { recursive: true })
  expect(JSON.parse((await here.policies('show', 'fresh', '--json')).stdout)).toMatchObject({
    creator: userInfo().username,
    creation_time: `${created.creation_time.slice(0, 10)}T00:00:00.000Z`,
  })
  // Created anew, it is another one.
  await here.policies('delete', 'fresh', '--yes')
  const again = JSON.parse((await here.policies('create', ...args)).stdout)
  expect(Date.parse(again.creation_time)).toBeGreaterThan(Date.parse(noted.update_time))
})

test('validate --online asks the registries and counts what filters match', async () => {
  const [source, destination] = [await startMemoryRegistry(), await startMemoryRegistry()]
  opened.push(source, destination)
  for (const [seed, tag] of ['1.0', '1.1', 'edge'].entries()) source.add('library/app', image({ seed }), tag)
  const registries = `registries:
  hub: { type: docker-registry, url: ${source.url} }
  mirror: { type: docker-registry, url: ${destination.url} }
`
  const good = `policies:\n  good: { source: "hub/library/*:1.*", destination: mirror }\n`
  const fine = await place(registries + good).policies('validate', '--online')
  expect(fine).toMatchObject({ code: 0, stderr: '' })
  expect(fine.stdout).toMatch(/✓ hub {2}reachable.*\n✓ mirror {2}reachable.*\n✓ good {2}1 repository, 2 of 3 tags\n$/)

  const bad = place(
    `${registries + good}  empty: { source: hub/library/app:9, destination: mirror }\n  lost: { source: 127.0.0.1:1/x, destination: mirror }\n`,
  )
  const { code, stdout } = await bad.policies('validate', '--online', '--json')
  expect(code).toBe(3)
  expect(JSON.parse(stdout).online).toMatchObject({
    registries: [
      { name: 'hub', status: 'healthy' },
      { name: 'mirror', status: 'healthy' },
      { name: '127.0.0.1:1', status: 'unhealthy', status_reason: expect.stringContaining('refused') },
    ],
    policies: [
      { name: 'good', repositories: 1, tags: 2, seen: 3, error: null },
      { name: 'empty', tags: 0, error: 'its filters match nothing' },
      { name: 'lost', tags: null, error: 'not looked at: 127.0.0.1:1 is not healthy' },
    ],
  })
})
