/** The gateway between other people's registries, and calls of other people's clients. */

import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { randomBytes } from '../../support/random.ts'
import { startServer } from '../../support/servers.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { pathOfTool } from '../../support/tools.ts'
import { program } from '../program.ts'
import { configuration, endings, serving } from './serving.ts'

const MIB = 1024 * 1024

export async function call(tool: string, ...args: readonly string[]): Promise<string> {
  const path = pathOfTool(tool)
  if (path === undefined) throw new Error(`${tool} is not installed`)
  const { stdout } = await promisify(execFile)(path, args, { timeout: 120_000 })
  return stdout.trim()
}

/** An image whose layers are real tars, in a registry. */
export async function pushed(host: string): Promise<string> {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'root'))
  writeFileSync(join(directory, 'root', 'data'), randomBytes(3 * MIB, 'data'))
  const layer = join(directory, 'layer.tar.gz')
  await call('tar', 'czf', layer, '-C', join(directory, 'root'), 'data')
  await call('crane', 'append', '--insecure', '-f', layer, '-t', `${host}/team/app:1.0`)
  await call(
    'crane',
    'mutate',
    '--insecure',
    '--set-platform',
    'linux/amd64',
    '-t',
    `${host}/team/app:1.0`,
    `${host}/team/app:1.0`,
  )
  return call('crane', 'digest', '--insecure', `${host}/team/app:1.0`)
}

/** A gateway between registries of other people, of which the source has an image. `serve`: further lines of its settings. */
export async function between(serve = '', env: Readonly<Record<string, string>> = {}) {
  const [source, destination] = [await startServer('docker-registry'), await startServer('zot', { docker: true })]
  endings.push(
    () => source.stop(),
    () => destination.stop(),
  )
  const digest = await pushed(source.host)
  const here = program(env)
  here.write('serve.yaml', configuration(source.url, destination.url, serve))
  return { source, destination, digest, here, ...(await serving(here)) }
}
