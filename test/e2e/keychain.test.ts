/** Credentials in a real keychain: stored, used by a run, listed, checked, deleted, and written down nowhere else. */

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { missingPrograms, type SecretService, startSecretService } from '../support/secret-service.ts'
import { policyBetween } from './harness.ts'
import { answer, CTRL_C, ENTER } from './keyboard.ts'
import { type Ended, type Program, program } from './program.ts'

const PASSWORD = 'p4ss/w+rd:ünïque#1'
const USER = 'ann'

const opened: MemoryRegistry[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

async function guarded(): Promise<MemoryRegistry> {
  const registry = await startMemoryRegistry({ auth: { kind: 'basic', user: USER, password: PASSWORD } })
  opened.push(registry)
  return registry
}

/** Every form in which the password could have been written down. */
const FORMS = [PASSWORD, `${USER}:${PASSWORD}`].flatMap((text) => {
  const base64 = Buffer.from(text).toString('base64')
  return [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1), base64.replace(/=+$/, '')]
})

function expectNoSecret(places: Iterable<readonly [string, Buffer | string]>): void {
  for (const [place, bytes] of places) {
    for (const form of FORMS) expect(bytes.includes(form), `${form} in ${place}`).toBe(false)
  }
}

/** Every file of the program's directory: state, configuration, whatever it may have left. */
function filesOf(here: Program): readonly (readonly [string, Buffer])[] {
  return readdirSync(here.directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name))] as const)
}

/** Command lines and environments of all processes, looked at again and again until `work` is done. */
async function watchingProcesses<T>(work: Promise<T>): Promise<{ readonly result: T; readonly seen: Set<string> }> {
  const seen = new Set<string>()
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  while (!isDone) {
    for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      for (const file of ['cmdline', 'environ']) seen.add(contentOf(`/proc/${id}/${file}`))
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return { result: await done, seen }
}

/** Processes end while they are looked at. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

describe.skipIf(missingPrograms().length > 0)('the keychain', () => {
  let service: SecretService
  beforeAll(async () => {
    service = await startSecretService()
  })
  afterAll(() => service.stop())

  test('holds the passwords of both registries of a run, and nothing else does', async () => {
    const [source, destination] = [await guarded(), await guarded()]
    source.add('app', image(), 'v1')
    const here = program({ ...service.env, REPLICATE_CONFIG: 'policy.yaml' })
    here.write('policy.yaml', policyBetween(source.url, destination.url))
    const ended: Ended[] = []
    const commands = new Set<string>()
    async function run(args: readonly string[], stdin = ''): Promise<Ended> {
      const { result, seen } = await watchingProcesses(here.run(args, { stdin }))
      ended.push(result)
      for (const text of seen) commands.add(text)
      return result
    }
    expect(await run(['run', 'policy.yaml'])).toMatchObject({ code: 3 })
    for (const name of ['from', 'to', 'left.example.com']) {
      const stored = await run(['credentials', 'set', name, '--username', USER, '--stdin'], `${PASSWORD}\n`)
      expect(stored, stored.stderr).toMatchObject({ code: 0, stderr: '' })
    }
    expect(await run(['run', 'policy.yaml', '-vv'])).toMatchObject({ code: 0 })
    expect(await run(['executions', 'logs', 'last', '--level', 'debug'])).toMatchObject({ code: 0 })

    const list = await run(['credentials', 'list'])
    expect(list.stdout).toMatch(/^from +ann +keychain$/m)
    expect(list.stdout).toMatch(/^left\.example\.com +ann +keychain; no registry of the configuration has this name$/m)
    const check = await run(['credentials', 'check'])
    expect(check).toMatchObject({ code: 0, stdout: '✓ from  keychain, ann  accepted\n✓ to  keychain, ann  accepted\n' })
    const json = await run(['credentials', 'check', 'to', '--json'])
    expect(JSON.parse(json.stdout)).toEqual([
      { registry: 'to', origin: 'keychain', kind: 'basic', username: USER, error: null },
    ])

    await run(['credentials', 'set', 'to', '--username', USER, '--stdin'], 'another password')
    const refused = await run(['credentials', 'check', 'to'])
    expect(refused).toMatchObject({ code: 3, stdout: expect.stringContaining('(from keychain)') })
    expect(await run(['run', 'policy.yaml'])).toMatchObject({ code: 3 })

    expect(await run(['credentials', 'delete', 'from'])).toMatchObject({ code: 0 })
    expect(await run(['credentials', 'delete', 'from'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('it has entries for'),
    })
    expect((await run(['credentials', 'list'])).stdout).toMatch(/^from +no credential found$/m)

    expect(here.state().has(join(here.home, 'history.db'))).toBe(true)
    expectNoSecret(filesOf(here))
    expectNoSecret(ended.map(({ stdout, stderr }, at) => [`output ${at}`, stdout + stderr] as const))
    expect([...commands].some((text) => text.includes('credentials\0set'))).toBe(true)
    expectNoSecret([...commands].map((text) => ['a process', text] as const))
  })

  test('does not send a credential to another address under its name', async () => {
    const [ours, theirs] = [await guarded(), await guarded()]
    const here = program({ ...service.env, REPLICATE_CONFIG: 'ours.yaml' })
    here.write('ours.yaml', policyBetween(ours.url, ours.url))
    const set = ['credentials', 'set', 'from', '--username', USER, '--stdin']
    expect(await here.run(set, { stdin: PASSWORD })).toMatchObject({ code: 0 })
    here.write('theirs.yaml', policyBetween(theirs.url, theirs.url))
    const plan = await here.run(['plan', 'theirs.yaml', '--config', 'theirs.yaml'])
    expect(plan).toMatchObject({
      code: 3,
      stderr: expect.stringContaining(`is for ${ours.url}, and is not sent to ${theirs.url}`),
    })
    for (const { headers } of theirs.requests) expect(headers.authorization).toBeUndefined()
  })

  test('says that another credential comes before it', async () => {
    const here = program({ ...service.env, REPLICATE_FROM_TOKEN: 'from-the-variable' })
    here.write('policy.yaml', policyBetween('https://a.example.com', 'https://b.example.com'))
    const set = ['credentials', 'set', 'from', '--type', 'token', '--stdin', '--config', 'policy.yaml']
    expect(await here.run(set, { stdin: 'a-token' })).toMatchObject({
      code: 0,
      stderr: 'warning: it is not used while there is another before it: environment (REPLICATE_FROM_TOKEN)\n',
    })
  })

  test.runIf(hasTerminal())('asks on a terminal, and shows nothing of the answer', async () => {
    const registry = await guarded()
    const here = program({ ...service.env, TERM: 'xterm', REPLICATE_CONFIG: 'policy.yaml' })
    here.write('policy.yaml', policyBetween(registry.url, 'https://b.example.com'))
    const wrap = (command: readonly string[]): readonly [string, ...string[]] => [
      'script',
      '-qec',
      command.map((word) => `'${word}'`).join(' '),
      '/dev/null',
    ]
    const left = here.start(['credentials', 'set', 'from'], { wrap, keyboard: true })
    await answer(left, [
      ['User name:', `${USER}${ENTER}`],
      ['Password for from:', `half${CTRL_C}`],
    ])
    expect(await left.ended).toMatchObject({ code: 130 })
    const running = here.start(['credentials', 'set', 'from'], { wrap, keyboard: true })
    await answer(running, [
      ['User name:', `${USER}${ENTER}`],
      ['Password for from:', `${PASSWORD}${ENTER}`],
    ])
    const { code, stdout } = await running.ended
    expect(code, stdout).toBe(0)
    expectNoSecret([['the terminal', stdout]])
    expect(await here.run(['credentials', 'check', 'from'])).toMatchObject({ code: 0 })
  })
})

function hasTerminal(): boolean {
  try {
    execFileSync('script', ['--version'], { stdio: 'ignore' })
    return process.platform === 'linux'
  } catch {
    return false
  }
}
