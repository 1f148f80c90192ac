/** A real Gitea for tests: started in a directory of its own with a user and an organization, ended with the process. */

import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { basic } from './seed.ts'
import { freePort } from './servers.ts'

/** An administrator. */
export const GITEA_ADMIN = { user: 'tester', password: 'correct-horse' } as const

export interface RealGitea {
  readonly url: string
  /** As the administrator, below `/api/v1`; the answer's JSON. Throws for any other status than 2xx. */
  api(method: string, path: string, body?: unknown): Promise<unknown>
  stop(): Promise<void>
}

const PLACE = join(homedir(), '.local/share/replicate-test/gitea')
const PROGRAM = join(PLACE, 'gitea')
const READY_WITHIN = 60_000
const POLL = 50
const ATTEMPTS = 3

export function hasGitea(): boolean {
  return existsSync(PROGRAM)
}

/** Starts one on a free port of 127.0.0.1: some 2 s, 150 MiB. It has the organization `contract`. */
export async function startGitea(): Promise<RealGitea> {
  for (let attempt = 1; ; attempt += 1) {
    // Another process may take the port between our look and the server's start.
    try {
      return await start()
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
    }
  }
}

async function start(): Promise<RealGitea> {
  const directory = mkdtempSync(join(tmpdir(), 'replicate-gitea-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const config = join(directory, 'app.ini')
  mkdirSync(join(directory, 'data'))
  writeFileSync(config, settings(directory, port, url))
  const args = ['--config', config, '--work-path', directory]
  const env = { PATH: process.env.PATH, HOME: directory, USER: userInfo().username }
  const child = spawn(PROGRAM, [...args, 'web'], { stdio: 'ignore', env })
  const kill = (): void => {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', kill)
  async function stop(): Promise<void> {
    process.off('exit', kill)
    const gone = child.exitCode === null ? new Promise((resolve) => child.once('exit', resolve)) : undefined
    child.kill('SIGKILL')
    await gone
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    for (let waited = 0; ; waited += POLL) {
      if (child.exitCode !== null) throw new Error(`gitea ended with status ${child.exitCode}`)
      if (waited > READY_WITHIN) throw new Error('gitea did not answer')
      if (
        await fetch(`${url}/v2/`).then(
          (response) => response.status === 401,
          () => false,
        )
      )
        break
      await sleep(POLL)
    }
    const { user, password } = GITEA_ADMIN
    const create = ['admin', 'user', 'create', '--username', user, '--password', password]
    await promisify(execFile)(
      PROGRAM,
      [...args, ...create, '--email', 'tester@example.com', '--admin', '--must-change-password=false'],
      { env },
    )
    const api: RealGitea['api'] = (method, path, body) => ask(method, `${url}/api/v1${path}`, body)
    await api('POST', '/orgs', { username: 'contract' })
    return { url, api, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function ask(method: string, url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { authorization: basic(GITEA_ADMIN.user, GITEA_ADMIN.password), 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${answer}`)
  return answer === '' ? undefined : JSON.parse(answer)
}

function settings(directory: string, port: number, url: string): string {
  return `I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
RUN_USER = ${userInfo().username}
WORK_PATH = ${directory}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = ${port}
ROOT_URL = ${url}/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = ${PLACE}
APP_DATA_PATH = ${directory}/data
[database]
DB_TYPE = sqlite3
PATH = ${directory}/data/gitea.db
[security]
INSTALL_LOCK = true
SECRET_KEY = only for tests
[log]
MODE = console
LEVEL = Error
[webhook]
ALLOWED_HOST_LIST = *
`
}
