/** Registries added, changed and removed, by options and by questions. */

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { missingPrograms, type SecretService, startSecretService } from '../support/secret-service.ts'
import { answer, CTRL_C, DOWN, ENTER, ESC, shown, UP } from './keyboard.ts'
import { type Program, program } from './program.ts'
import { hasTerminal, inTerminal } from './terminal.ts'

// Dozens of questions one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000 })

const services: SecretService[] = []
afterEach(async () => {
  for (const one of services.splice(0)) await one.stop()
})

const GUARDED = { auth: { kind: 'basic', user: 'ann', password: 'r1ght-password' } } as const

async function keychain(): Promise<Readonly<Record<string, string>>> {
  const service = await startSecretService()
  services.push(service)
  return service.env
}

function place(env: Readonly<Record<string, string>> = {}): Program & { readonly file: string; text(): string } {
  const here = program({ REPLICATE_CONFIG: 'conf/config.yaml', TERM: 'xterm', ...env })
  const file = join(here.directory, 'conf', 'config.yaml')
  return { ...here, file, text: () => readFileSync(file, 'utf8') }
}

describe('by options', () => {
  test('a registry is tested and then added, to a file that need not be there', async () => {
    const hub = await registry(GUARDED)
    const here = place({ REPLICATE_HUB_USERNAME: 'ann', REPLICATE_HUB_PASSWORD: 'r1ght-password' })
    const args = ['registries', 'add', 'hub', '--url', hub.url, '--description', 'Ours: all', '--connections', '4']
    const added = await here.run([...args, '--bandwidth', '1MiB/s', '--ca', 'conf/ca.pem', '--no-test'])
    expect(added.code, added.stderr).toBe(0)
    expect(here.text()).toBe(
      `registries:\n  hub:\n    type: docker-registry\n    url: ${hub.url}\n    description: "Ours: all"\n    ca: ./ca.pem\n    limits:\n      connections: 4\n      bandwidth: 1MiB/s\n`,
    )
    const second = await here.run(['registries', 'add', 'other', '--url', hub.host, '--json'], {
      env: { REPLICATE_OTHER_USERNAME: 'ann', REPLICATE_OTHER_PASSWORD: 'r1ght-password' },
    })
    expect(second).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(second.stdout)).toMatchObject({ name: 'other', url: hub.url, status: 'healthy' })
  })

  test('one that fails its test is not added, and every mistake is told with what to do', async () => {
    const hub = await registry(GUARDED)
    const here = place()
    const refused = await here.run(['registries', 'add', 'hub', '--url', hub.url])
    expect(refused).toMatchObject({ code: 3, stdout: '' })
    expect(refused.stderr).toMatch(/✗ credential .*401/)
    expect(refused.stderr).toContain('--no-test adds it all the same')
    for (const [args, said] of [
      [[], '`NAME` is missing, and there is no terminal to ask on'],
      [['hub'], '`--url` is missing'],
      [['hub', '--type', 'oci-layout'], '`--path` is missing'],
      [['a b', '--url', hub.url], '`a b` is not a valid name'],
      [['hub', '--url', 'ftp://x'], 'is not a URL'],
      [['hub', '--url', hub.url, '--type', 'docker-regstry'], 'did you mean `docker-registry`?'],
      [['hub', '--url', hub.url, '--connections', '0'], 'whole number from 1 on'],
      [['hub', '--url', hub.url, '--proxy', 'ftp://x'], '`ftp://x` is not a'],
    ] as const) {
      const { code, stderr } = await here.run(['registries', 'add', ...args])
      expect(stderr).toContain(said)
      expect(code).toBe(2)
    }
    expect(existsSync(here.file)).toBe(false)
  })

  test('without a keychain a password is refused before it is asked for, with what to do instead', async () => {
    const hub = await registry(GUARDED)
    const here = place()
    const args = ['registries', 'add', 'hub', '--url', hub.url, '--username', 'ann', '--password-stdin']
    const { code, stderr } = await here.run(args, { stdin: 'r1ght-password\n' })
    expect(code).toBe(3)
    expect(stderr).toMatch(/no keychain.*\n.*set REPLICATE_HUB_USERNAME=ann REPLICATE_HUB_PASSWORD=…/)
    const [, instead = ''] = /`?(registries add hub .*--password-env \w+)/.exec(stderr.replace(/\n\s*/g, ' ')) ?? []
    expect(instead).toBe(`registries add hub --url ${hub.url} --username ann --password-env HUB_PASSWORD`)
    expect(existsSync(here.file)).toBe(false)
    // What it says works.
    const added = await here.run(instead.split(' '), { env: { HUB_PASSWORD: 'r1ght-password' } })
    expect(added.code, added.stderr).toBe(0)
  })

  test('the file refers to a variable or to a file that holds the secret; the secret itself is never in it', async () => {
    const hub = await registry(GUARDED)
    const here = place()
    const env = { HUB_PASSWORD: 'r1ght-password' }
    const args = ['registries', 'add', 'hub', '--url', hub.url, '--username', 'ann']
    const unset = await here.run([...args, '--password-env', 'HUB_PASSWORD'])
    expect(unset).toMatchObject({ code: 2 })
    expect(unset.stderr).toContain('hub needs the environment variable HUB_PASSWORD, which is not set')
    expect(
      await here.run([...args, '--password-env', 'HUB_PASSWORD'], { env: { HUB_PASSWORD: 'wrong' } }),
    ).toMatchObject({
      code: 3,
    })
    expect(existsSync(here.file)).toBe(false)
    const added = await here.run([...args, '--password-env', 'HUB_PASSWORD'], { env })
    expect(added.code, added.stderr).toBe(0)
    expect(here.text()).toBe(
      `registries:\n  hub:\n    type: docker-registry\n    url: ${hub.url}\n    credential:\n      type: basic\n      username: ann\n      password: \${HUB_PASSWORD}\n`,
    )
    expect(await here.run(['registries', 'ping', 'hub'], { env })).toMatchObject({ code: 0 })
    here.write('conf/pw', 'r1ght-password\n')
    expect(
      await here.run(['registries', 'update', 'hub', '--username', 'ann', '--password-file', 'conf/pw']),
    ).toMatchObject({
      code: 0,
    })
    expect(here.text()).toContain('      username: ann\n      password_file: ./pw\n')
    expect(await here.run(['registries', 'ping', 'hub'])).toMatchObject({ code: 0 })
    await here.run(['registries', 'update', 'hub', '--username', 'bob'])
    expect(here.text()).toContain('      username: bob\n      password_file: ./pw\n')
    await here.run(['registries', 'update', 'hub', '--token-env', 'HUB_TOKEN'])
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the file says
    expect(here.text()).toContain('    credential:\n      type: token\n      token: ${HUB_TOKEN}\n')
    await here.run(['registries', 'update', 'hub', '--token-env', ''])
    expect(here.text()).not.toContain('credential')
  })

  test.each([
    [['--password-env', 's3cret-value!'], 'takes the name of a variable'],
    [['--password-env', 'A', '--password-file', 'b'], '--password-env and --password-file exclude each other'],
    [['--password-env', 'A', '--password-stdin'], '--password-stdin and --password-env exclude each other'],
    [['--type', 'aws-ecr', '--token-env', 'A'], 'takes no credential of type token'],
  ])('%j is refused, and no secret is repeated', async (args, said) => {
    const here = place()
    const { code, stderr } = await here.run(['registries', 'add', 'hub', '--url', 'http://a', '--no-test', ...args])
    expect(stderr).toContain(said)
    expect(stderr).not.toContain('s3cret-value')
    expect(code).toBe(2)
  })

  test('update changes the lines that are meant, and no other', async () => {
    const here = place()
    const text = `# mine\r\nregistries:\r\n\r\n    hub:   # the hub\r\n        type:  docker-registry\r\n        url: 'http://127.0.0.1:1'  # here\r\n        proxy: http://proxy:3128\r\n\r\n    b: &b {type: docker-registry, url: "http://b"}\r\n    c: *b\r\n`
    await here.run(['registries', 'add', 'x', '--url', 'http://x', '--no-test'])
    here.write('conf/config.yaml', text)
    const args = ['registries', 'update', 'hub', '--url', 'http://127.0.0.1:2', '--proxy', '', '--connections', '2']
    const { code, stderr } = await here.run(args)
    expect(code, stderr).toBe(0)
    expect(here.text()).toBe(
      text
        .replace("'http://127.0.0.1:1'", "'http://127.0.0.1:2'")
        .replace('proxy: http://proxy:3128', 'limits:\r\n            connections: 2'),
    )
    const again = await here.run(['registries', 'update', 'hub', '--connections', '2'])
    expect(again.stdout).toContain('hub is unchanged')
    const shared = await here.run(['registries', 'update', 'b', '--insecure'])
    expect(shared).toMatchObject({ code: 2 })
    expect(shared.stderr).toContain('would change `registries.c.insecure`, too, through `&b`')
    expect(await here.run(['registries', 'update', 'hub', '--bandwidth', 'much'])).toMatchObject({
      code: 2,
      stderr: 'error: `bandwidth`: `much` is not a rate such as `50MiB/s`\n',
    })
    expect(await here.run(['registries', 'update', 'hub'])).toMatchObject({ code: 2 })
    expect(await here.run(['registries', 'update', 'hbu', '--insecure'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean `hub`?'),
    })
  })

  test('remove refuses what a policy uses, and names the policies', async () => {
    const here = place()
    await here.run(['registries', 'add', 'a', '--url', 'http://a', '--no-test'])
    const text = `registries:\n  a: { type: docker-registry, url: http://a }\n  b: { type: docker-registry, url: http://b }\n  # of nobody\n  c: { type: docker-registry, url: http://c }\npolicies:\n  p1: { source: a/x, destination: b }\n  p2: { source: docker.io/x, destination: [docker.io/y, b/z] }\n`
    here.write('conf/config.yaml', text)
    expect((await here.run(['registries', 'remove', 'a'])).stderr).toContain('a is used by 1 policy: p1\n')
    expect(await here.run(['registries', 'remove', 'b'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('b is used by 2 policies: p1, p2\n'),
    })
    expect(here.text()).toBe(text)
    expect(await here.run(['registries', 'remove', 'c'])).toMatchObject({ code: 0 })
    expect(here.text()).toBe(text.replace(/ {2}# of nobody\n {2}c: .*\n/, ''))
  })
})

describe.skipIf(missingPrograms().length > 0)('with a keychain', () => {
  test('a password is read, tested, and kept there; remove takes it out again', async () => {
    const hub = await registry(GUARDED)
    const here = place(await keychain())
    const args = ['registries', 'add', 'hub', '--url', hub.url, '--username', 'ann', '--password-stdin']
    await here.run(['registries', 'add', 'archive', '--path', 'archive'])
    const credentials = async (): Promise<unknown> =>
      JSON.parse((await here.run(['credentials', 'list', '--json'])).stdout)
    expect(await here.run(args, { stdin: 'wrong' })).toMatchObject({ code: 3 })
    expect(await credentials()).toEqual([])
    const added = await here.run(args, { stdin: 'r1ght-password\n' })
    expect(added.code, added.stderr).toBe(0)
    expect(added.stderr).toMatch(/✓ credential .*what was entered, accepted/)
    expect(here.text()).not.toContain('credential')
    const other = await here.run(['registries', 'add', 'two', ...args.slice(3)], {
      stdin: 'r1ght-password',
      env: { REPLICATE_TWO_TOKEN: 'x' },
    })
    expect(other.stderr).toContain('not used while there is another before it: environment (REPLICATE_TWO_TOKEN)')
    expect(await here.run(['registries', 'remove', 'two', '--credential'])).toMatchObject({ code: 0 })
    expect(await here.run(['registries', 'ping', 'hub'])).toMatchObject({ code: 0 })
    const kept = await here.run(['registries', 'remove', 'hub'])
    expect(kept.stdout).toContain('its credential stays: replicate credentials delete hub')
    await here.run(args, { stdin: 'r1ght-password\n' })
    expect((await here.run(['registries', 'remove', 'hub', '--credential'])).stdout).toContain('and its credential')
    expect(await credentials()).toEqual([])
  })
})

describe.runIf(hasTerminal)('what deletes', () => {
  const FILE =
    'registries:\n  a: { type: docker-registry, url: http://a }\npolicies:\n  p: { source: docker.io/x, destination: docker.io/y }\n'

  test.each([
    ['registries', 'remove', 'a', 'Remove a from'],
    ['policies', 'delete', 'p', 'Delete the policy p from'],
  ])(
    '%s %s asks on a terminal, where Enter means no; --yes and scripts are not asked',
    async (group, verb, name, question) => {
      const here = place()
      mkdirSync(join(here.directory, 'conf'))
      here.write('conf/config.yaml', FILE)
      const asked = here.start([group, verb, name], { wrap: inTerminal, keyboard: true })
      await answer(asked, [[question, ENTER]])
      expect((await asked.ended).code, shown(asked)).toBe(0)
      expect(shown(asked)).toContain('nothing was deleted')
      expect(here.text()).toBe(FILE)
      const agreed = here.start([group, verb, name], { wrap: inTerminal, keyboard: true })
      await answer(agreed, [[question, `y${ENTER}`]])
      expect((await agreed.ended).code, shown(agreed)).toBe(0)
      expect(here.text()).not.toContain(`  ${name}: `)
      for (const [args, wrap] of [
        [[group, verb, name, '--yes'], inTerminal],
        [[group, verb, name], undefined],
      ] as const) {
        here.write('conf/config.yaml', FILE)
        const done = here.start(args, wrap ? { wrap, keyboard: true } : {})
        expect((await done.ended).code, shown(done)).toBe(0)
        expect(here.text()).not.toContain(`  ${name}: `)
      }
    },
  )
})

describe.runIf(hasTerminal)('by questions', () => {
  test.skipIf(missingPrograms().length > 0)('from the type to the keychain', async () => {
    const hub = await registry(GUARDED)
    hub.add('app', image(), 'v1')
    const here = place(await keychain())
    const running = here.start(['registries', 'add'], { wrap: inTerminal, keyboard: true })
    await answer(running, [
      ['Type of registry:', ENTER],
      ['Name, by which policies know it:', `hub${ENTER}`],
      ['URL:', `${hub.url}${ENTER}`],
      ['Description', ENTER],
      ['Credential:', ENTER],
      ['User name:', `ann${ENTER}`],
      ['Password:', `wrong${ENTER}`],
      // It begins at the answer that the test speaks of.
      ['❯ Secret', ENTER],
      ['Password:', `r1ght-password${ENTER}`],
      ['❯ Save it', `${DOWN}${DOWN}${DOWN}${DOWN}`],
      ['❯ Description', ENTER],
      ['Description', `Ours${ENTER}`],
      ['❯ Save it', ENTER],
    ])
    const { code } = await running.ended
    expect(code, shown(running)).toBe(0)
    expect(here.text()).toBe(
      `registries:\n  hub:\n    type: docker-registry\n    url: ${hub.url}\n    description: Ours\n`,
    )
    expect(shown(running)).toMatch(/✓ credential .*what was entered, accepted/)
    expect(shown(running)).not.toContain('r1ght-password')
    expect(await here.run(['registries', 'ping', 'hub'])).toMatchObject({ code: 0 })
  })

  test('without a keychain the variables are named, and the password is used for the test only', async () => {
    const hub = await registry(GUARDED)
    const here = place()
    const running = here.start(['registries', 'add', 'hub', '--type', 'docker-registry'], {
      wrap: inTerminal,
      keyboard: true,
    })
    await answer(running, [
      ['URL:', `${hub.host}${ENTER}`],
      ['Description', ENTER],
      ['Credential:', ENTER],
      ['User name:', `ann${ENTER}`],
      ['this machine has no keychain to keep it', ''],
      ['❯ the variables REPLICATE_HUB_USERNAME and REPLICATE_HUB_PASSWORD', ENTER],
      ['Password, for the test only:', `r1ght-password${ENTER}`],
      ['❯ Save it', ENTER],
    ])
    const { code } = await running.ended
    expect(code, shown(running)).toBe(0)
    expect(shown(running)).toContain(
      '\n  first: export REPLICATE_HUB_USERNAME=ann REPLICATE_HUB_PASSWORD=…\n  then: replicate policies create\n',
    )
    expect(here.text()).toBe(`registries:\n  hub:\n    type: docker-registry\n    url: ${hub.url}\n`)
  })

  test('Ctrl-C, a failed test and a no leave nothing behind', async () => {
    const here = place()
    const begun = () =>
      here.start(['registries', 'add', 'hub', '--type', 'docker-registry'], { wrap: inTerminal, keyboard: true })
    const interrupted = begun()
    await answer(interrupted, [
      ['URL:', `127.0.0.1:1${ENTER}`],
      ['Description', CTRL_C],
    ])
    expect((await interrupted.ended).code).toBe(130)
    const failed = begun()
    await answer(failed, [
      ['URL:', `not a url${ENTER}`],
      ['a URL such as', `\u0015127.0.0.1:1${ENTER}`],
      ['Description', ENTER],
      ['Credential:', `${DOWN}${DOWN}${ENTER}`],
      ['connection refused', ''],
      ['❯ URL', `${DOWN}${DOWN}${DOWN}${DOWN}${DOWN}`],
      ['❯ Leave; nothing is written', ENTER],
    ])
    expect((await failed.ended).code, shown(failed)).toBe(0)
    const denied = here.start(['registries', 'add', '--url', 'localhost:1', '--no-test'], {
      wrap: inTerminal,
      keyboard: true,
    })
    await answer(denied, [
      ['Type of registry:', ENTER],
      ['Name,', ENTER],
      ['Description', ENTER],
      ['Credential:', `${DOWN}${DOWN}${ENTER}`],
      ['❯ Save it', DOWN.repeat(8)],
      ['❯ Leave; nothing is written', ENTER],
    ])
    expect((await denied.ended).code, shown(denied)).toBe(0)
    expect(existsSync(here.file)).toBe(false)
  })
})

describe.runIf(hasTerminal)('an answer can be changed', () => {
  test('by Esc, from each question back to the first', async () => {
    const hub = await registry()
    const here = place()
    const running = here.start(['registries', 'add'], { wrap: inTerminal, keyboard: true })
    await answer(running, [
      ['❯ Docker Registry', ENTER],
      ['Name, by which policies know it:', `wrong${ENTER}`],
      ['URL:', `http://127.0.0.1:1${ENTER}`],
      ['Description', `Theirs${ENTER}`],
      ['Credential:', ESC],
      ['Description', ESC],
      ['URL:', ESC],
      ['Name, by which policies know it: (wrong)', ESC],
      ['Type of registry:', ENTER],
      ['Name, by which policies know it: (wrong)', `right${ENTER}`],
      ['URL: (http://127.0.0.1:1)', `${hub.url}${ENTER}`],
      ['Description (- for none): (Theirs)', `-${ENTER}`],
      ['Credential:', `${DOWN}${DOWN}${ENTER}`],
      ['❯ Save it', ENTER],
    ])
    expect((await running.ended).code, shown(running)).toBe(0)
    expect(here.text()).toBe(`registries:\n  right:\n    type: docker-registry\n    url: ${hub.url}\n`)
  })

  test('after a failed test of what options said, which begins at the answer that is missing', async () => {
    const hub = await registry(GUARDED)
    const here = place()
    const running = here.start(['registries', 'add', 'hub', '--url', hub.url], { wrap: inTerminal, keyboard: true })
    await answer(running, [
      ['401', ''],
      ['❯ Credential', ENTER],
      ['Credential:', ENTER],
      ['User name:', `ann${ENTER}`],
      ['❯ the variables REPLICATE_HUB_USERNAME', DOWN],
      ['❯ another variable', ENTER],
      ['Name of the variable: (HUB_PASSWORD)', `s3cret!${ENTER}`],
      ['takes the name of a variable', `\u0015HUB_PW${ENTER}`],
      ['Password, for the test only:', `r1ght-password${ENTER}`],
      ['❯ Save it', ENTER],
      ['first: export HUB_PW=…', ''],
    ])
    expect((await running.ended).code, shown(running)).toBe(0)
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the file says
    expect(here.text()).toContain('      type: basic\n      username: ann\n      password: ${HUB_PW}\n')
  })

  test.skipIf(missingPrograms().length > 0)(
    'of where its secret stands: what the file said is gone from it',
    async () => {
      const hub = await registry(GUARDED)
      const here = place(await keychain())
      mkdirSync(join(here.directory, 'conf'))
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the file says
      const credential = '{ type: basic, username: ann, password: "${PW}" }'
      here.write(
        'conf/config.yaml',
        `registries:\n  hub: { type: docker-registry, url: ${hub.url}, credential: ${credential} }\n`,
      )
      const running = here.start(['registries', 'update', 'hub'], { wrap: inTerminal, keyboard: true })
      await answer(running, [
        ['❯ Save it', DOWN.repeat(4)],
        ['❯ Credential   basic, as the file says', ENTER],
        ['❯ As it is', UP.repeat(2)],
        ['❯ A user name', ENTER],
        ['User name: (ann)', ENTER],
        ['Password:', `r1ght-password${ENTER}`],
        ['✓ credential', ''],
        ['❯ Save it', ENTER],
        ['changed hub', ''],
      ])
      expect((await running.ended).code, shown(running)).toBe(0)
      expect(here.text()).toBe(`registries:\n  hub: { type: docker-registry, url: ${hub.url} }\n`)
      expect(await here.run(['registries', 'ping', 'hub'])).toMatchObject({ code: 0 })
    },
  )

  test('of a registry in the file, and only its line changes', async () => {
    const hub = await registry()
    const here = place()
    mkdirSync(join(here.directory, 'conf'))
    const text = `# Mine\nregistries:\n  hub: { type: docker-registry, url: ${hub.url}, limits: { bandwidth: 5MiB/s } } # here\n`
    here.write('conf/config.yaml', text)
    const update = () => here.start(['registries', 'update', 'hub'], { wrap: inTerminal, keyboard: true })
    const unchanged = update()
    await answer(unchanged, [['❯ Save it', ENTER]])
    expect((await unchanged.ended).code, shown(unchanged)).toBe(0)
    expect(shown(unchanged)).toContain('nothing was written')
    const running = update()
    await answer(running, [
      ['❯ Save it', `${DOWN}${DOWN}${DOWN}${DOWN}${DOWN}`],
      ['❯ Bandwidth', ENTER],
      ['Bandwidth (such as 50MiB/s), - for none: (', `much${ENTER}`],
      ['`much` is not a rate', `\u001510MiB/s${ENTER}`],
      ['✓ listing', ''],
      ['❯ Save it', `${DOWN}${DOWN}${DOWN}${DOWN}${DOWN}${DOWN}`],
      ['❯ another setting', ENTER],
      ['❯ Proxy', ESC],
      ['❯ Save it', ENTER],
      ['changed hub in', ''],
    ])
    expect((await running.ended).code, shown(running)).toBe(0)
    expect(here.text()).toBe(text.replace('5MiB/s', '10MiB/s'))
    const empty = await here.run(['registries', 'update', 'hub'])
    expect(empty).toMatchObject({ code: 2 })
    expect(empty.stderr).toContain('nothing to change')
  })
})
