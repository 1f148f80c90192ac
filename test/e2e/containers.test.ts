/** Containers and units of the system: no HOME, a user whom no one knows, a root file system that is read-only. */

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { policyBetween } from './harness.ts'
import { type Ended, type Program, program } from './program.ts'

function works(command: readonly string[]): boolean {
  const [file = '', ...args] = command
  try {
    execFileSync(file, [...args, 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A user that is in no list of users. */
const STRANGER = ['setpriv', '--reuid', '10001', '--regid', '10001', '--clear-groups']
/** All but some directories is read-only. */
const MOUNTS = ['unshare', '--mount']
// Node or this program may be in a directory of root's alone.
const canChangeUser = works([...STRANGER, 'env', process.execPath, 'bin/replicate.js', '--version'])
const canMount = works(MOUNTS)

/** `env -u` takes away what the harness always sets. */
const HOMELESS = ['env', '-u', 'HOME', '-u', 'XDG_CONFIG_HOME', '-u', 'XDG_CACHE_HOME', '-u', 'REPLICATE_HOME']

async function prepared(): Promise<Program> {
  const [from, to] = await Promise.all([registry(), registry()])
  from.add('library/app', image({ seed: 'contained' }), '1')
  const here = program()
  chmodSync(here.directory, 0o755)
  here.write('policy.yaml', policyBetween(from.url, to.url))
  return here
}

function run(here: Program, before: readonly string[], args: readonly string[]): Promise<Ended> {
  return here.run(args, { wrap: (command) => ['env', ...before.slice(1), ...command] })
}

test.runIf(canChangeUser)('a user without a home is told to name a directory, and runs with --home', async () => {
  const here = await prepared()
  const stranger = ['env', ...STRANGER, ...HOMELESS]
  for (const args of [
    ['run', 'policy.yaml'],
    ['executions', 'list'],
  ]) {
    const { code, stdout, stderr } = await run(here, stranger, args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(
      /^error: there is no place for the history: .*\n {2}name a directory .* --home or REPLICATE_HOME\n$/,
    )
  }
  // What needs no history asks for none.
  expect(await run(here, stranger, ['policies', 'validate', 'policy.yaml'])).toMatchObject({ code: 0 })
  expect(await run(here, stranger, ['plan', 'policy.yaml'])).toMatchObject({ code: 0 })
  const home = join(here.directory, 'theirs')
  mkdirSync(home)
  chmodSync(home, 0o777)
  const ended = await run(here, stranger, ['--home', join(home, 'x'), 'run', 'policy.yaml'])
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('succeeded') })
  expect(await run(here, stranger, ['--home', join(home, 'x'), 'executions', 'list', '--json'])).toMatchObject({
    code: 0,
  })
})

test.runIf(canChangeUser)('a history of somebody else is one that cannot be read', async () => {
  const here = await prepared()
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  const stranger = ['env', ...STRANGER]
  expect(await run(here, stranger, ['executions', 'list'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/it cannot be read \(\w+\)\n {2}check its owner .* --home or REPLICATE_HOME\n$/),
  })
})

test.runIf(canMount)('on a read-only file system the reason is said once, and a history there is read', async () => {
  const here = await prepared()
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  const readOnly = (args: readonly string[]) => {
    const script = `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$@"`
    return here.run(args, {
      wrap: (command) => [...MOUNTS, 'sh', '-c', script, here.directory, ...command] as [string],
    })
  }
  expect(await readOnly(['executions', 'list', '--json'])).toMatchObject({ code: 0 })
  const { code, stderr } = await readOnly(['--home', join(here.directory, 'new', 'home'), 'run', 'policy.yaml'])
  expect(code).toBe(2)
  expect(stderr.match(/it is on a read-only file system \(EROFS\)/g)).toHaveLength(1)
  expect(stderr).not.toContain('ENOENT')
  expect(stderr).toContain('REPLICATE_HOME')
  const home = join(temporaryDirectory(), 'home')
  expect(await readOnly(['--home', home, 'run', 'policy.yaml'])).toMatchObject({ code: 0 })
})
