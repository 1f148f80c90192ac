/** The real process: its Node check, its speed of saying no, and a closed pipe. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'

const bin = fileURLToPath(new URL('../../bin/replicate.js', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function start(
  args: readonly string[],
  options: { readonly node?: readonly string[]; readonly deaf?: boolean } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [...(options.node ?? []), bin, ...args], {
    env: { ...process.env, XDG_CONFIG_HOME: '/nowhere', REPLICATE_CONFIG: '' },
  })
  let stdout = ''
  let stderr = ''
  if (options.deaf) child.stdout.destroy()
  else child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

test('prints the version', async () => {
  expect(await start(['--version'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: '',
  })
})

test.each(['20.20.2', '22.18.0', '0.12.7'])(
  'says that Node %s is too old, before anything is loaded',
  async (version) => {
    const fake = `data:text/javascript,${encodeURIComponent(
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`,
    )}`
    const result = await start(['--version'], { node: ['--import', fake] })
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(result.stderr).toMatch(`replicate needs Node.js 22.19 or newer; this is ${version}\n`)
    expect(result.stderr).toContain('https://nodejs.org')
  },
)

test('a reader that goes away is no error', async () => {
  expect(await start(['--help'], { deaf: true })).toMatchObject({ stderr: '' })
})

test('a file that is not there is a configuration error', async () => {
  const home = temporaryDirectory()
  const result = await start(['policies', 'validate', 'missing.yaml', '--home', home])
  expect(result.code).toBe(2)
  expect(result.stderr).toContain('missing.yaml')
})

test.runIf(process.platform !== 'win32')('compiled code is kept where nobody else can put any', async () => {
  const cache = temporaryDirectory()
  const env = { ...process.env, XDG_CACHE_HOME: cache }
  const version = () =>
    once(spawn('sh', ['-c', 'umask 000; exec "$@"', 'sh', process.execPath, bin, '--version'], { env }), 'close')
  await version()
  const kept = join(cache, 'replicate')
  expect((await stat(kept)).mode & 0o777).toBe(0o700)
  expect(await readdir(kept)).not.toEqual([])
  await rm(kept, { recursive: true })
  await mkdir(kept)
  await chmod(kept, 0o777)
  await version()
  expect(await readdir(kept)).toEqual([])
})
