/** Which process this is, and whether another one still runs: what locks in the history and in layouts have in common. */

import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { hasCode } from '../core/errors.ts'

/** A process, as a lock names it. Plain JSON. */
export interface ProcessIdentity {
  /** For people. */
  readonly host: string
  /** Where the pid means something: host, boot and pid namespace (containers may share a host name). */
  readonly machine: string
  readonly pid: number
  /** Distinguishes it from a later process with the same pid; undefined where the system does not tell. */
  readonly start?: string | undefined
}

/** Whether a process of this machine is running. */
export type IsAlive = (owner: ProcessIdentity) => boolean

let own: ProcessIdentity | undefined

export function currentProcess(): ProcessIdentity {
  own ??= readIdentity()
  return own
}

function readIdentity(): ProcessIdentity {
  const host = hostname()
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
  const namespace = attempt(() => readlinkSync('/proc/self/ns/pid'))
  const machine = [host, boot, namespace].filter((part) => part !== undefined).join(' ')
  return { host, machine, pid: process.pid, start: procStat(process.pid)?.start }
}

/**
 * Whether the owner of a lock has ended. A process of another machine or container cannot be looked up: it is gone once it has been
 * `silent`, that is, has given no sign of life for longer than its lease.
 */
export function isGone(
  owner: ProcessIdentity,
  silent: boolean,
  me: ProcessIdentity = currentProcess(),
  isAlive: IsAlive = isProcessAlive,
): boolean {
  if (owner.machine !== me.machine) return silent
  // Without a start time, the pid may belong to another process by now.
  return !isAlive(owner) || (owner.start === undefined && silent && owner.pid !== me.pid)
}

export const isProcessAlive: IsAlive = ({ pid, start }) => {
  const me = currentProcess()
  // To ask the system about itself each time took a fifth of what a small pull costs.
  if (pid === me.pid && start === me.start) return true
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it exists, but belongs to another user.
    if (!hasCode(error, 'EPERM')) return false
  }
  const stat = procStat(pid)
  if (!stat) return true
  // A zombie has ended; its parent just has not collected it yet.
  if (stat.state === 'Z' || stat.state === 'X') return false
  return start === undefined || stat.start === start
}

/** Linux only. The name in parentheses may contain anything, parentheses included. Fields 3 and 22 of proc_pid_stat(5). */
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
