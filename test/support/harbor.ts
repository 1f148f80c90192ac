/** A real Harbor for tests: brought up in a directory of its own, ended with the process, and prepared by its API. */

import { spawn } from 'node:child_process'
import { accessSync, chmodSync, constants, mkdtempSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { basic } from './seed.ts'
import { freePort } from './servers.ts'

export const HARBOR_ADMIN = { user: 'admin', password: 'Harbor12345' } as const

export interface RealHarbor {
  readonly url: string
  /** `127.0.0.1:PORT`. */
  readonly host: string
  /** As the admin, below `/api/v2.0`; the answer's JSON. Throws for any other status than 2xx. */
  api(method: string, path: string, body?: unknown): Promise<unknown>
  stop(): Promise<void>
}

/** What it needs on PATH beside its own folder. */
const NEEDS = ['docker-registry', 'redis-server', 'psql', 'curl'] as const

export function missingHarbor(): readonly string[] {
  const missing = NEEDS.filter((name) => !onPath(name)).map((name) => `${name}, which Harbor needs,`)
  return isExecutable(program('start')) ? missing : ['harbor', ...missing]
}

const ATTEMPTS = 3

/** Starts one on a free port of 127.0.0.1: some 5 s, 250 MiB. */
export async function startHarbor(): Promise<RealHarbor> {
  for (let attempt = 1; ; attempt += 1) {
    // Another process may take one of its seven ports between its look and its start.
    try {
      return await start()
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
    }
  }
}

async function start(): Promise<RealHarbor> {
  const directory = mkdtempSync(join(tmpdir(), 'replicate-harbor-'))
  // Its database runs as another user.
  chmodSync(directory, 0o755)
  const port = await freePort()
  // Its input ends with this process, however that ends, and with `stop`.
  const end = spawn('sh', ['-c', 'cat >/dev/null; "$0" "$1"; rm -rf "$1"', program('stop'), directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  end.unref()
  async function stop(): Promise<void> {
    const gone = new Promise((resolve) => end.once('exit', resolve))
    end.stdin.end()
    await gone
  }
  const starting = spawn(program('start'), [directory, String(port)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: directory, HARBOR_ADMIN_PASSWORD: HARBOR_ADMIN.password },
  })
  const ended = new Promise((resolve) => starting.once('exit', resolve))
  const said = Promise.all([text(starting.stdout), text(starting.stderr)])
  if ((await ended) !== 0) {
    await stop()
    throw new Error(`Harbor did not start: ${(await said).join('')}`)
  }
  const host = `127.0.0.1:${port}`
  const url = `http://${host}`
  return { url, host, stop, api: (method, path, body) => ask(method, `${url}/api/v2.0${path}`, body) }
}

async function ask(method: string, url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { authorization: basic(HARBOR_ADMIN.user, HARBOR_ADMIN.password), 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${answer}`)
  return answer === '' ? undefined : JSON.parse(answer)
}

function program(name: 'start' | 'stop'): string {
  return join(homedir(), '.local/share/replicate-test/bin/harbor', name)
}

function onPath(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => isExecutable(join(folder, name)))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
