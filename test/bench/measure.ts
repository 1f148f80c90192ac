/** Runs one command to its end and says what it cost: wall time, processor time, peak memory. */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface Measured {
  /** Seconds. */
  readonly wall: number
  /** Seconds of user and system time of the command and all it started; undefined without GNU time. */
  readonly cpu: number | undefined
  /** Peak resident memory of the largest process, in bytes; undefined without GNU time. */
  readonly memory: number | undefined
  readonly exitCode: number
  /** The end of what it wrote, for failures. */
  readonly said: string
}

const GNU_TIME = '/usr/bin/time'

/** Never throws for what the command did. `scratch` becomes its home and working directory; `signal` kills it. */
export async function measure(command: Command, scratch: string, signal?: AbortSignal): Promise<Measured> {
  const report = join(scratch, 'time.txt')
  const timed = existsSync(GNU_TIME)
  const [file, args] = timed
    ? [GNU_TIME, ['-q', '-f', '%U %S %M', '-o', report, command.file, ...command.args]]
    : [command.file, [...command.args]]
  const began = performance.now()
  const child = spawn(file, args, {
    cwd: scratch,
    env: { PATH: process.env.PATH, HOME: scratch, TMPDIR: scratch, ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let said = ''
  const keep = (chunk: Buffer): void => {
    said = (said + chunk.toString('utf8')).slice(-2000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  // The whole group: GNU time does not pass signals on.
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  signal?.addEventListener('abort', kill, { once: true })
  process.once('exit', kill)
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? -1))
  })
  process.off('exit', kill)
  const wall = (performance.now() - began) / 1000
  const [user, system, kibibytes] = timed && existsSync(report) ? readReport(report) : []
  return {
    wall,
    cpu: user === undefined || system === undefined ? undefined : user + system,
    memory: kibibytes === undefined ? undefined : kibibytes * 1024,
    exitCode,
    said,
  }
}

function readReport(path: string): readonly number[] {
  return (readFileSync(path, 'utf8').trim().split('\n').at(-1) ?? '').split(' ').map(Number)
}

/** Seconds of processor time that a process has taken so far; undefined where the system does not say. */
export function processorTimeOf(pid: number | undefined): number | undefined {
  try {
    const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
    const [user, system] = fields.split(' ').slice(11).map(Number)
    // Linux counts hundredths.
    return user === undefined || system === undefined ? undefined : (user + system) / 100
  } catch {
    return undefined
  }
}

/** The least of each figure over rounds, as noise only adds; the first that failed, where one did. */
export function best(rounds: readonly Measured[]): Measured | undefined {
  const failed = rounds.find(({ exitCode }) => exitCode !== 0)
  const [first] = rounds
  if (failed || !first) return failed
  const least = (values: readonly (number | undefined)[]): number | undefined => {
    const known = values.filter((value) => value !== undefined)
    return known.length > 0 ? Math.min(...known) : undefined
  }
  return {
    ...first,
    wall: Math.min(...rounds.map(({ wall }) => wall)),
    cpu: least(rounds.map(({ cpu }) => cpu)),
    memory: least(rounds.map(({ memory }) => memory)),
  }
}

export function seconds(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(2)} s`
}

/** Millions of bytes, as traffic is counted. */
export function megabytes(value: number | undefined): string {
  return value === undefined ? '–' : `${(value / 1e6).toFixed(1)} MB`
}

/** As memory is counted. */
export function mebibytes(value: number | undefined): string {
  return value === undefined ? '–' : `${Math.round(value / 2 ** 20)} MiB`
}
