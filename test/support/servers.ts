/** Real registries for tests: found where they are installed, started in a directory of their own, ended with the process. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathOfTool } from './tools.ts'

export const SERVERS = ['docker-registry', 'registry', 'zot'] as const

/** `docker-registry` is distribution 2.8 as Debian packs it, `registry` is distribution 3. */
export type ServerName = (typeof SERVERS)[number]

export interface ServerOptions {
  /** Only `SERVER_USER` may come in. */
  readonly auth?: boolean
  /** zot takes Docker's media types too (`http.compat`). */
  readonly docker?: boolean
  /** false: zot without its search extension. */
  readonly search?: boolean
  /** PEM files; the URL is https then. Only of distribution. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Where it tells what happens in it, with the secret as a bearer token or, of zot, a password. */
  readonly hook?: { readonly url: string; readonly secret: string }
  /** It is a proxy of the registry with this URL, and brings what is pulled. */
  readonly proxy?: string
}

export interface RealServer {
  readonly name: ServerName
  readonly url: string
  /** `127.0.0.1:PORT`. */
  readonly host: string
  /** Where it keeps its content. */
  readonly directory: string
  readonly pid: number | undefined
  stop(): Promise<void>
}

/** The one user of a server that was started with `auth`. */
export const SERVER_USER = { user: 'tester', password: 'correct-horse' } as const
const HTPASSWD = 'tester:$2y$05$abcdefghijklmnopqrstuuZ0Fx87Pb/Aqb0E90lfvCwzXnaFKUHpS\n'

const ATTEMPTS = 3
const READY_WITHIN = 60_000
const POLL = 25

export function availableServers(): readonly ServerName[] {
  return SERVERS.filter((name) => pathOfTool(name) !== undefined)
}

export function missingServers(): readonly ServerName[] {
  return SERVERS.filter((name) => pathOfTool(name) === undefined)
}

/** Starts a server on a free port of 127.0.0.1 and waits until it answers. */
export async function startServer(name: ServerName, options: ServerOptions = {}): Promise<RealServer> {
  const program = pathOfTool(name)
  if (program === undefined) throw new Error(`${name} is not installed`)
  for (let attempt = 1; ; attempt += 1) {
    // Another process may take the port between our look and the server's start.
    try {
      return await start(name, program, options)
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
    }
  }
}

async function start(name: ServerName, program: string, options: ServerOptions): Promise<RealServer> {
  const directory = mkdtempSync(join(tmpdir(), `replicate-${name}-`))
  const host = `127.0.0.1:${await freePort()}`
  const config = join(directory, name === 'zot' ? 'config.json' : 'config.yml')
  const htpasswd = join(directory, 'htpasswd')
  writeFileSync(htpasswd, HTPASSWD)
  const settings = { data: join(directory, 'data'), host, htpasswd, options }
  writeFileSync(config, JSON.stringify(name === 'zot' ? zotConfig(settings) : distributionConfig(settings)))
  const child = spawn(program, ['serve', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, HOME: directory, OTEL_TRACES_EXPORTER: 'none' },
  })
  const kill = (): void => {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', kill)
  async function stop(): Promise<void> {
    process.off('exit', kill)
    const ended = child.exitCode !== null || child.signalCode !== null
    const gone = ended ? undefined : new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    // One that speaks TLS tells plain HTTP so, which is an answer too.
    await ready(name, child, `http://${host}/v2/`)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    name,
    url: `${options.tls ? 'https' : 'http'}://${host}`,
    host,
    directory: settings.data,
    pid: child.pid,
    stop,
  }
}

interface Settings {
  readonly data: string
  readonly host: string
  readonly htpasswd: string
  readonly options: ServerOptions
}

/** JSON is YAML too. */
function distributionConfig({ data, host, htpasswd, options }: Settings): unknown {
  return {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: data },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: {
      addr: host,
      secret: 'only for tests',
      ...(options.tls ? { tls: { certificate: options.tls.cert, key: options.tls.key } } : {}),
    },
    ...(options.auth ? { auth: { htpasswd: { realm: 'test', path: htpasswd } } } : {}),
    ...(options.proxy === undefined ? {} : { proxy: { remoteurl: options.proxy } }),
    ...(options.hook ? { notifications: { endpoints: [endpointOf(options.hook)] } } : {}),
  }
}

function endpointOf({ url, secret }: NonNullable<ServerOptions['hook']>): unknown {
  const headers = { Authorization: [`Bearer ${secret}`] }
  return { name: 'hook', url, headers, timeout: '5s', threshold: 3, backoff: '1s' }
}

function zotConfig({ data, host, htpasswd, options }: Settings): unknown {
  const [address, port] = host.split(':')
  return {
    distSpecVersion: '1.1.1',
    storage: { rootDirectory: data, gc: false, dedupe: true },
    http: {
      address,
      port,
      ...(options.auth ? { auth: { htpasswd: { path: htpasswd }, failDelay: 0 } } : {}),
      ...(options.docker ? { compat: ['docker2s2'] } : {}),
    },
    log: { level: 'error' },
    extensions: {
      ...(options.search === false ? {} : { search: { enable: true } }),
      ...(options.hook ? { events: { enable: true, sinks: [sinkOf(options.hook)] } } : {}),
      ...(options.proxy === undefined ? {} : { sync: { enable: true, registries: [syncOf(options.proxy)] } }),
    },
  }
}

function syncOf(url: string): unknown {
  return { urls: [url], onDemand: true, tlsVerify: false, content: [{ prefix: '**' }] }
}

function sinkOf({ url, secret }: NonNullable<ServerOptions['hook']>): unknown {
  return { type: 'http', address: url, timeout: '60s', credentials: { username: 'hook', password: secret } }
}

async function ready(name: ServerName, child: ChildProcess, url: string): Promise<void> {
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-4000)
  })
  const deadline = Date.now() + READY_WITHIN
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`${name} ended with status ${child.exitCode}: ${said}`)
    const response = await fetch(url).catch(() => undefined)
    if (response) {
      await response.arrayBuffer()
      return
    }
    await sleep(POLL)
  }
  throw new Error(`${name} did not answer within ${READY_WITHIN} ms: ${said}`)
}

export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}
