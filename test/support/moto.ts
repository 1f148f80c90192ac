/** moto, which stands for the APIs of AWS: found where it is installed, started on a free port, ended with the process. */

import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './servers.ts'

export interface Moto {
  readonly url: string
  stop(): Promise<void>
}

const PROGRAM = join(homedir(), '.local/share/replicate-test/moto/bin/moto_server')
const READY_WITHIN = 60_000
const POLL = 50

export function missingMoto(): readonly string[] {
  try {
    accessSync(PROGRAM, constants.X_OK)
    return []
  } catch {
    return ['moto']
  }
}

/** Some 2 s, 90 MiB. It knows every key, and checks no signature. */
export async function startMoto(): Promise<Moto> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const child = spawn(PROGRAM, ['-H', '127.0.0.1', '-p', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] })
  const kill = (): void => {
    child.kill('SIGKILL')
  }
  process.once('exit', kill)
  const gone = new Promise((resolve) => child.once('exit', resolve))
  async function stop(): Promise<void> {
    process.off('exit', kill)
    kill()
    await gone
  }
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-4000)
  })
  for (let waited = 0; waited < READY_WITHIN && child.exitCode === null; waited += POLL) {
    const response = await fetch(`${url}/moto-api/`).catch(() => undefined)
    if (response?.ok) return { url, stop }
    await sleep(POLL)
  }
  await stop()
  throw new Error(`moto did not answer: ${said}`)
}
