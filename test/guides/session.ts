/** Types commands into one shell, as a reader does: with a home of its own, the examples at hand, and the program on the path. */

import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { computeDigest } from '../../src/core/manifest.ts'
import { BIN } from '../e2e/program.ts'
import { tarOf } from '../oci/layout/support.ts'
import { randomBytes } from '../support/random.ts'
import { freePort } from '../support/servers.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export interface Typed {
  /** On both outputs. */
  readonly said: string
  readonly status: number
}

export interface SessionOptions {
  readonly env: Readonly<Record<string, string>>
  /** Files by name, besides those of `examples/`. */
  readonly files: Readonly<Record<string, string>>
}

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples')

/** Where a reader has what the program says of itself. */
const INSTALLED = [
  [process.execPath, '/usr/local/bin/node'],
  [BIN, '/usr/local/lib/node_modules/replicate-ng/bin/replicate.js'],
] as const

/** Where guides let the daemon listen. Here it is another port, as others may use that one. */
const ADDRESS = '127.0.0.1:7080'

/** What each command printed, and its status. */
export async function type(lines: readonly string[], options: SessionOptions): Promise<readonly Typed[]> {
  const directory = temporaryDirectory()
  const path = (name: string): string => join(directory, name)
  const address = `127.0.0.1:${await freePort()}`
  const here = (text: string): string => text.replaceAll(ADDRESS, address)
  for (const name of ['bin', 'home', 'said']) mkdirSync(path(name))
  const program = `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`
  for (const [name, text] of [
    ['replicate', program],
    ['npx', '#!/bin/sh\nexec "$@"\n'],
  ] as const)
    writeFileSync(path(`bin/${name}`), text, { mode: 0o755 })
  const filter = (source: string): boolean => !source.includes('quickstart-copy')
  cpSync(EXAMPLES, path('home/examples'), { recursive: true, filter })
  // A reader has copied the example that the guide speaks of.
  cpSync(EXAMPLES, path('home'), { recursive: true, filter })
  for (const [name, text] of Object.entries(options.files)) writeFileSync(path(`home/${name}`), here(text))

  writeFileSync(path('home/saved.tar'), await savedByDocker())

  // The next command may ask for the status of the one before.
  const script = lines.map((line, at) => {
    const said = path(`said/${at}`)
    return `{ ${here(line)}\n} >'${said}' 2>&1\nS=$?; echo $S >'${said}.status'; (exit $S)`
  })
  const env = {
    PATH: `${path('bin')}:${process.env.PATH ?? ''}`,
    HOME: path('home'),
    LANG: 'C.UTF-8',
    XDG_CACHE_HOME: process.env.REPLICATE_TEST_COMPILED ?? path('home/.cache'),
    ...options.env,
  }
  // What a guide leaves running ends with its shell.
  const shell = `trap 'kill $(jobs -p) 2>/dev/null' EXIT\n${script.join('\n')}\nexit 0`
  await promisify(execFile)('bash', ['-c', shell], { cwd: path('home'), env })
  return lines.map((_, at) => {
    const file = path(`said/${at}`)
    const status = existsSync(`${file}.status`) ? Number(readFileSync(`${file}.status`, 'utf8')) : -1
    const said = INSTALLED.reduce((text, [its, there]) => text.replaceAll(its, there), readFileSync(file, 'utf8'))
    return {
      said: said
        .replaceAll(address, ADDRESS)
        .replaceAll(path('home'), '/home/ann')
        .replaceAll(/(created [\d-]+ by) .*/g, '$1 ann'),
      status,
    }
  })
}

/** What `docker save alpine:3.20` wrote. */
async function savedByDocker(): Promise<Buffer> {
  const layer = randomBytes(300_000, 'saved')
  const config = {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [computeDigest(layer)] },
  }
  const saved = [{ Config: 'config.json', RepoTags: ['alpine:3.20'], Layers: ['layer.tar'] }]
  return tarOf([
    ['config.json', Buffer.from(JSON.stringify(config))],
    ['layer.tar', layer],
    ['manifest.json', Buffer.from(JSON.stringify(saved))],
  ])
}
