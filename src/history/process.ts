/** Which process this is, and whether another one is still running. */

import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** A process, as a lock names it. */
export interface ProcessIdentity {
  /** For people. */
  readonly host: string
  /** Where the pid can be looked up: host, boot and pid namespace (containers share host names). */
  readonly machine: string
  readonly pid: number
  /** Tells it from a later process with the same pid; undefined where the system does not say. */
  readonly start: string | undefined
}

/** Whether a process of this machine is running. */
export type IsAlive = (owner: ProcessIdentity) => boolean

export function currentProcess(): ProcessIdentity {
  const host = hostname()
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
  const namespace = attempt(() => readlinkSync('/proc/self/ns/pid'))
  const machine = [host, boot, namespace].filter((part) => part !== undefined).join(' ')
  return { host, machine, pid: process.pid, start: procStat(process.pid)?.start }
}

export const isProcessAlive: IsAlive = ({ pid, start }) => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is there, but another user's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  const stat = procStat(pid)
  if (!stat) return true
  // A zombie has ended; only its parent has not looked yet.
  if (stat.state === 'Z' || stat.state === 'X') return false
  return start === undefined || stat.start === start
}

/** Linux only. The name in parentheses may hold anything, also parentheses. Fields 3 and 22 of proc_pid_stat(5). */
function procStat(pid: number): { readonly state: string | undefined; readonly start: string | undefined } | undefined {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0], start: fields[19] }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
