/** A real Pulp for tests: its database, API, content app and a worker in a directory of its own, ended with the process. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './servers.ts'

/** An administrator, whom the template has. */
export const PULP_ADMIN = { user: 'admin', password: 'correct-horse' } as const

export interface RealPulp {
  readonly url: string
  /** As the administrator, below `/pulp/api/v3`; the answer's JSON. Throws for any other status than 2xx. */
  api(method: string, path: string, body?: unknown): Promise<unknown>
  /** The value of `Authorization` for pushes into a repository. */
  authorization(repository: string): Promise<string>
  stop(): Promise<void>
}

const PLACE = join(homedir(), '.local/share/replicate-test/pulp')
/** A database after all migrations. */
const TEMPLATE = join(PLACE, 'database.tar')
const POSTGRES = '/usr/lib/postgresql'
const READY_WITHIN = 120_000
const POLL = 200
const ATTEMPTS = 3

export function hasPulp(): boolean {
  return existsSync(TEMPLATE) && existsSync(POSTGRES)
}

/** Starts one on free ports of 127.0.0.1: some 6 s, 600 MiB. */
export async function startPulp(): Promise<RealPulp> {
  for (let attempt = 1; ; attempt += 1) {
    // Another process may take a port between our look and the server's start.
    try {
      return await start()
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
    }
  }
}

async function start(): Promise<RealPulp> {
  const directory = mkdtempSync(join(tmpdir(), 'replicate-pulp-'))
  const children: ChildProcess[] = []
  const kill = (): void => {
    // Each with the processes that it has made.
    for (const { pid } of children) if (pid !== undefined) killGroup(pid)
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  process.once('exit', kill)
  async function stop(): Promise<void> {
    process.off('exit', kill)
    const gone = children
      .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
      .map((child) => new Promise((resolve) => child.once('exit', resolve)))
    for (const { pid } of children) if (pid !== undefined) killGroup(pid)
    await Promise.all(gone)
    kill()
  }
  try {
    const [database, api, content] = [await freePort(), await freePort(), await freePort()]
    // The database's user must get in.
    chmodSync(directory, 0o755)
    await promisify(execFile)('tar', ['-C', directory, '-xpf', TEMPLATE])
    const settings = join(directory, 'settings.py')
    writeSettings(directory, { database, api, content })
    const env = { PATH: `${PLACE}/bin:${process.env.PATH}`, HOME: directory, PULP_SETTINGS: settings, LANG: 'C.UTF-8' }
    const launch = (program: string, args: readonly string[]): void => {
      children.push(spawn(program, args, { stdio: 'ignore', env, detached: true }))
    }
    const [postgres, ...asUser] = databaseProgram()
    launch(postgres, [
      ...asUser,
      ...['-D', join(directory, 'database'), '-p', String(database), '-k', '', '-c', 'listen_addresses=127.0.0.1'],
      ...['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off'],
    ])
    await until('its database', children, () => ready(database))
    launch('pulpcore-api', ['-b', `127.0.0.1:${api}`, '-w', '1'])
    launch('pulpcore-content', ['-b', `127.0.0.1:${content}`, '-w', '1'])
    launch('pulpcore-worker', [])
    const url = `http://127.0.0.1:${api}`
    await until('pulp', children, () => isUp(url))
    return {
      url,
      stop,
      api: (method, path, body) => ask(method, `${url}/pulp/api/v3${path}`, body),
      async authorization(repository) {
        const query = new URLSearchParams({ service: `127.0.0.1:${api}`, scope: `repository:${repository}:pull,push` })
        const { token } = (await ask('GET', `${url}/token/?${query}`)) as { readonly token: string }
        return `Bearer ${token}`
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** It does not run as root. */
function databaseProgram(): readonly [string, ...string[]] {
  const version = readdirSync(POSTGRES).sort().at(-1) ?? ''
  const program = join(POSTGRES, version, 'bin/postgres')
  if (process.getuid?.() !== 0) return [program]
  return ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', program]
}

async function ready(port: number): Promise<boolean> {
  const args = ['-h', '127.0.0.1', '-p', String(port), '-U', 'pulp', '-d', 'pulp', '-c', 'select 1']
  return await promisify(execFile)('psql', args).then(
    () => true,
    () => false,
  )
}

interface Status {
  readonly online_workers: readonly unknown[]
  readonly online_content_apps: readonly unknown[]
}

async function isUp(url: string): Promise<boolean> {
  try {
    const status = (await ask('GET', `${url}/pulp/api/v3/status/`)) as Status
    return status.online_workers.length > 0 && status.online_content_apps.length > 0
  } catch {
    return false
  }
}

async function until(what: string, children: readonly ChildProcess[], holds: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await holds()); waited += POLL) {
    if (children.some(({ exitCode }) => exitCode !== null))
      throw new Error(`a part of pulp ended before ${what} was up`)
    if (waited > READY_WITHIN) throw new Error(`${what} did not answer`)
    await sleep(POLL)
  }
}

async function ask(method: string, url: string, body?: unknown): Promise<unknown> {
  const authorization = `Basic ${Buffer.from(`${PULP_ADMIN.user}:${PULP_ADMIN.password}`).toString('base64')}`
  const response = await fetch(url, {
    method,
    headers: { authorization, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${answer}`)
  return answer === '' ? undefined : JSON.parse(answer)
}

/** The database's key is that of the template. */
function writeSettings(directory: string, ports: Readonly<Record<'database' | 'api' | 'content', number>>): void {
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  writeFileSync(join(directory, 'public.pem'), publicKey)
  writeFileSync(join(directory, 'private.pem'), privateKey)
  for (const name of ['media', 'static', 'work']) mkdirSync(join(directory, name))
  const url = `http://127.0.0.1:${ports.api}`
  writeFileSync(
    join(directory, 'settings.py'),
    `CONTENT_ORIGIN = "http://127.0.0.1:${ports.content}"
SECRET_KEY = "only for tests"
DB_ENCRYPTION_KEY = "${PLACE}/database.key"
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "pulp", "USER": "pulp", "HOST": "127.0.0.1", "PORT": "${ports.database}"}}
DEPLOY_ROOT = "${directory}"
MEDIA_ROOT = "${directory}/media/"
STATIC_ROOT = "${directory}/static/"
WORKING_DIRECTORY = "${directory}/work"
FILE_UPLOAD_TEMP_DIR = "${directory}/work"
CACHE_ENABLED = False
TOKEN_SERVER = "${url}/token/"
TOKEN_AUTH_DISABLED = False
TOKEN_SIGNATURE_ALGORITHM = "ES256"
PUBLIC_KEY_PATH = "${directory}/public.pem"
PRIVATE_KEY_PATH = "${directory}/private.pem"
ANALYTICS = False
`,
  )
}
