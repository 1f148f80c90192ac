/** `replicate serve` as a process of its own. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ENTRY } from './tools.ts'

export interface BenchDaemon {
  readonly url: string
  readonly pid: number | undefined
  /** Waits for what it says; the result is the first group. */
  heard(pattern: RegExp): Promise<string>
  stop(): Promise<void>
}

/** `yaml`: a configuration that listens on port 0. */
export async function startDaemon(scratch: string, yaml: string): Promise<BenchDaemon> {
  mkdirSync(join(scratch, 'home'), { recursive: true })
  writeFileSync(join(scratch, 'serve.yaml'), yaml)
  const daemon = spawn(process.execPath, [ENTRY, '--home', 'home', 'serve', 'serve.yaml'], { cwd: scratch })
  const kill = (): void => void daemon.kill('SIGKILL')
  process.once('exit', kill)
  const heard = listenTo(daemon)
  const url = await heard(/listening on (\S+)/)
  return {
    url,
    pid: daemon.pid,
    heard,
    async stop() {
      process.off('exit', kill)
      const gone = once(daemon, 'exit')
      kill()
      await gone
    },
  }
}

function listenTo(daemon: ChildProcess): BenchDaemon['heard'] {
  let said = ''
  const waiting = new Set<() => void>()
  daemon.stderr?.on('data', (chunk) => {
    said += String(chunk)
    for (const look of waiting) look()
  })
  return (pattern) =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(said)
        if (!found) return
        waiting.delete(look)
        resolve(found[1] ?? '')
      }
      waiting.add(look)
      daemon.once('exit', () => reject(new Error(`the daemon ended: ${said}`)))
      look()
    })
}
