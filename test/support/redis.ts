/** A real Redis for tests, on a free port of 127.0.0.1, in a directory of its own; ended with the process. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathOfTool } from './tools.ts'

export interface RedisOptions {
  /** Options of `redis-server`, such as `--maxmemory-policy allkeys-lru`. */
  readonly arguments?: readonly string[]
  /** Keeps what it has over `restart`. */
  readonly persistent?: boolean
  /** It speaks TLS alone, by PEM files; clients are asked for a certificate of the authority where there is one. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientAuthority?: string }
}

export interface RealRedis {
  readonly url: string
  readonly port: number
  readonly directory: string
  readonly process: ChildProcess
  /** Kills it, without any warning. */
  kill(): Promise<void>
  /** Starts it again on the same port, where it is not running. */
  start(): Promise<void>
  /** Kills it, and removes its directory. */
  stop(): Promise<void>
}

const READY_WITHIN = 60_000
const POLL = 20

/** `REPLICATE_TEST_REDIS` names another program with the same command line, such as `valkey-server`. */
function programOf(): string | undefined {
  return process.env.REPLICATE_TEST_REDIS ?? pathOfTool('redis-server')
}

export function hasRedis(): boolean {
  return programOf() !== undefined
}

export function missingRedis(): readonly string[] {
  return hasRedis() ? [] : ['redis-server']
}

export async function startRedis(options: RedisOptions = {}): Promise<RealRedis> {
  const program = programOf()
  if (program === undefined) throw new Error('redis-server is not installed')
  const directory = mkdtempSync(join(tmpdir(), 'replicate-redis-'))
  const port = await freePort()
  let child: ChildProcess | undefined
  const end = (): void => {
    child?.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', end)

  function runs(): boolean {
    return child !== undefined && child.exitCode === null && child.signalCode === null
  }

  async function start(): Promise<void> {
    if (runs()) return
    const kept = options.persistent ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--save', '']
    const own = [
      ...listening(port, options.tls),
      '--bind',
      '127.0.0.1',
      '--dir',
      directory,
      '--maxmemory-policy',
      'noeviction',
    ]
    child = spawn(program ?? '', [...own, ...kept, ...(options.arguments ?? [])], { stdio: 'ignore' })
    const until = Date.now() + READY_WITHIN
    while (!(await answers(port))) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`)
      if (Date.now() > until) throw new Error('redis-server does not answer')
      await sleep(POLL)
    }
  }

  async function kill(): Promise<void> {
    if (!runs()) return
    const gone = new Promise((resolve) => child?.once('exit', resolve))
    child?.kill('SIGKILL')
    await gone
  }

  await start()
  return {
    url: `${options.tls ? 'rediss' : 'redis'}://127.0.0.1:${port}`,
    port,
    directory,
    get process() {
      if (!child) throw new Error('it was not started')
      return child
    },
    kill,
    start,
    async stop() {
      process.off('exit', end)
      await kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function listening(port: number, tls: RedisOptions['tls']): readonly string[] {
  if (!tls) return ['--port', String(port)]
  const { cert, key, clientAuthority } = tls
  const clients = clientAuthority === undefined ? ['no'] : ['yes', '--tls-ca-cert-file', clientAuthority]
  const files = ['--tls-cert-file', cert, '--tls-key-file', key]
  return ['--port', '0', '--tls-port', String(port), ...files, '--tls-auth-clients', ...clients]
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
