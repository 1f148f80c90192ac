/** Names of unfinished files, which stand beside a layout's own files and never among its blobs; each says which process made it. */

import { createHash, randomUUID } from 'node:crypto'
import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { currentProcess, isGone } from '../../process/identity.ts'

/** Begins all of them. */
export const TEMPORARY = '.replicate-'

/** An unfinished file of an unknown process counts as left behind after this many milliseconds. */
const DAY_MS = 24 * 60 * 60 * 1000

/** A name that no other file has. */
export function temporaryName(): string {
  const { machine, pid, start = '0' } = currentProcess()
  return `${TEMPORARY}${shortOf(machine)}-${pid}-${start}-${randomUUID()}`
}

/** True where the process that gave the name has ended. For a process of another machine and for files of older versions only the age tells. */
export async function isLeftBehind(directory: string, name: string): Promise<boolean> {
  const current = currentProcess()
  const [, machine, pid, start] = /^\.replicate-([a-f0-9]{8})-(\d+)-(\d+)-[a-f0-9-]{36}$/.exec(name) ?? []
  const isOurs = machine === shortOf(current.machine)
  const owner = { ...current, pid: Number(pid), start: start === '0' ? undefined : start }
  return isOurs ? isGone(owner, false) : isOld(join(directory, name))
}

/** True where nothing has been written to it for a day. */
export async function isOld(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined)
  return stats !== undefined && Date.now() - stats.mtimeMs > DAY_MS
}

/** Removes what `unwanted` says of the unfinished files and directories in `directory`. Never fails. */
export async function sweep(directory: string, unwanted: (name: string) => Promise<boolean>): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.startsWith(TEMPORARY) || !(await unwanted(name).catch(() => false))) continue
    await rm(join(directory, name), { recursive: true, force: true }).catch(() => undefined)
  }
}

function shortOf(machine: string): string {
  return createHash('sha256').update(machine).digest('hex').slice(0, 8)
}
