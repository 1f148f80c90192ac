/** Tells systemd how the daemon is. Node has no sockets for that: systemd's own `systemd-notify` sends, one message after another. */

import { spawn } from 'node:child_process'
import type { Clock } from '../../core/cancel.ts'

/** What systemd gives to a service that it starts, by the variables of that name. */
export interface SystemdSurroundings {
  readonly NOTIFY_SOCKET: string
  readonly WATCHDOG_USEC?: string | undefined
  readonly WATCHDOG_PID?: string | undefined
  readonly PATH?: string | undefined
}

export interface Systemd {
  ready(): void
  /** To be followed by `ready`. */
  reloading(): void
  /** The service may take so many milliseconds to end. */
  stopping(within: number): void
  /** Says at half of the time that systemd wants that the daemon is sound, for as long as it is. Resolves once the signal is aborted. */
  watch(isSound: () => boolean, signal: AbortSignal): Promise<void>
  /** All that was said has been sent. */
  sent(): Promise<void>
}

/** Milliseconds after which a message is given up. */
const PATIENCE = 10_000

/** `failed` is told once that nothing can be sent. Without `surroundings` systemd has not started the process: nothing is sent. */
export function createSystemd(
  surroundings: SystemdSurroundings | undefined,
  clock: Clock,
  failed: (text: string) => void,
): Systemd {
  let last = Promise.resolve()
  let isTold = false

  async function send(assignments: readonly string[]): Promise<void> {
    if (!surroundings) return
    try {
      await run(assignments, surroundings)
    } catch (error) {
      if (!isTold)
        failed(`systemd could not be told ${assignments[0]}: ${error instanceof Error ? error.message : error}`)
      isTold = true
    }
  }

  function say(...assignments: readonly string[]): void {
    last = last.then(() => send(assignments))
  }

  const interval = watchdogOf(surroundings)
  return {
    ready: () => say('READY=1'),
    reloading: () => say('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: (within) => say('STOPPING=1', `EXTEND_TIMEOUT_USEC=${Math.ceil((within + PATIENCE) * 1000)}`),
    async watch(isSound, signal) {
      while (interval !== undefined && !signal.aborted) {
        if (isSound()) say('WATCHDOG=1')
        await clock.sleep(interval / 2, signal).catch(() => {})
        await last
      }
    },
    sent: () => last,
  }
}

/** Milliseconds. */
function watchdogOf(surroundings: SystemdSurroundings | undefined): number | undefined {
  const { WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid } = surroundings ?? {}
  if (pid !== undefined && Number(pid) !== process.pid) return undefined
  const milliseconds = Number(microseconds) / 1000
  return milliseconds > 0 ? milliseconds : undefined
}

function run(
  assignments: readonly string[],
  { NOTIFY_SOCKET, PATH = '/usr/bin:/bin' }: SystemdSurroundings,
): Promise<void> {
  const child = spawn('systemd-notify', [...assignments], {
    env: { NOTIFY_SOCKET, PATH },
    stdio: 'ignore',
    timeout: PATIENCE,
    killSignal: 'SIGKILL',
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`systemd-notify ended with ${code ?? 'a signal'}`)),
    )
  })
}
