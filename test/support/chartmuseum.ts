/** A real ChartMuseum on a free port. */

import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './servers.ts'
import { pathOfTool } from './tools.ts'

const READY_WITHIN = 60_000

/** Ends with the process, or before. */
export async function startChartMuseum(
  storage: string,
  flags: readonly string[] = [],
): Promise<{ readonly url: string; stop(): void }> {
  const port = await freePort()
  const args = ['--listen-host', '127.0.0.1', '--port', String(port), '--storage', 'local']
  const child = spawn(pathOfTool('chartmuseum') ?? '', [...args, '--storage-local-rootdir', storage, ...flags], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, HOME: storage },
  })
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const stop = (): void => {
    process.off('exit', kill)
    kill()
  }
  const at = flags.find((flag) => flag.startsWith('--context-path='))?.replace('--context-path=', '') ?? ''
  const url = `http://127.0.0.1:${port}${at}`
  for (let waited = 0; waited < READY_WITHIN && child.exitCode === null; waited += 50) {
    const answer = await fetch(`${url}/health`).catch(() => undefined)
    if (answer?.ok) return { url, stop }
    await sleep(50)
  }
  stop()
  throw new Error(`chartmuseum ${flags.join(' ')} did not answer`)
}
