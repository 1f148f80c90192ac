/** Workers and their Redis, as processes of their own, and a run that uses them. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type RealRedis, startRedis } from '../../../support/redis.ts'
import type { Bench } from '../../corpus.ts'
import { type Measured, measure, processorTimeOf } from '../../measure.ts'
import { ENTRY } from '../../tools.ts'

export interface Fleet {
  readonly redis: RealRedis
  readonly workers: readonly ChildProcess[]
  /** Seconds of processor time so far. */
  spent(): Spent
  /** What the program prints as JSON. */
  ask(...args: readonly string[]): Promise<unknown>
  /** Runs the policy from here; without workers where there are none. */
  run(options?: readonly string[], signal?: AbortSignal): Promise<Measured>
  stop(): Promise<void>
}

export interface Spent {
  /** All together. */
  readonly workers: number
  readonly redis: number
}

export interface FleetOptions {
  /** `host:port`. */
  readonly source: string
  readonly destination: string
  readonly workers: number
  /** Options of each worker. */
  readonly options?: readonly string[]
}

export async function startFleet(bench: Bench, options: FleetOptions): Promise<Fleet> {
  const scratch = bench.directory()
  const redis = await startRedis()
  const registry = (host: string) => ({ type: 'docker-registry', url: `http://${host}` })
  const registries = { from: registry(options.source), to: registry(options.destination) }
  const workers = { queue: redis.url }
  const copy = {
    source: { registry: 'from' },
    destination: { registry: 'to', flatten: 0 },
    filters: { name: ['bench/**'] },
  }
  // JSON is YAML too.
  writeFileSync(join(scratch, 'worker.yaml'), JSON.stringify({ workers, registries }))
  const whole = { ...(options.workers > 0 && { workers }), registries, policies: { copy } }
  writeFileSync(join(scratch, 'policy.yaml'), JSON.stringify(whole))
  const children: ChildProcess[] = []
  const kill = (): void => {
    for (const child of children) child.kill('SIGKILL')
  }
  process.once('exit', kill)
  for (let at = 0; at < options.workers; at += 1) {
    const home = join(scratch, `worker-${at}`)
    mkdirSync(home)
    const name = ['--name', `w${at}`, '--home', home]
    const args = [ENTRY, 'worker', '--config', 'worker.yaml', ...name, ...(options.options ?? [])]
    children.push(spawn(process.execPath, args, { cwd: scratch, stdio: ['ignore', 'ignore', 'pipe'] }))
  }
  await Promise.all(children.map(ready))
  return {
    redis,
    workers: children,
    spent: () => ({
      workers: children.reduce((sum, { pid }) => sum + (processorTimeOf(pid) ?? 0), 0),
      redis: processorTimeOf(redis.process.pid) ?? 0,
    }),
    async ask(...args) {
      const asked = [ENTRY, ...args, '--json', '--home', join(scratch, 'home'), '--config', 'policy.yaml']
      const { stdout } = await promisify(execFile)(process.execPath, asked, { cwd: scratch })
      return JSON.parse(stdout)
    },
    run(more = [], signal) {
      const through = options.workers > 0 ? ['--workers'] : []
      const args = [ENTRY, 'run', 'policy.yaml', ...through, '--quiet', '--home', join(scratch, 'home'), ...more]
      return measure({ file: process.execPath, args }, scratch, signal)
    },
    async stop() {
      process.off('exit', kill)
      const gone = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
      const ends = gone.map((child) => once(child, 'exit'))
      kill()
      await Promise.all(ends)
      await redis.stop()
    },
  }
}

/** It says so on standard error once it takes tasks. */
function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (chunk) => {
      said += String(chunk)
      if (/takes tasks|waits for tasks|ready/.test(said)) resolve()
    })
    child.once('exit', (code) => reject(new Error(`the worker ended with ${code}: ${said}`)))
  })
}
