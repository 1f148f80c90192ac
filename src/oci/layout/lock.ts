/** A lock file: one process at a time does some short work, and a process that died does not block the others. */

import { randomUUID } from 'node:crypto'
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { LockedError } from '../../core/errors.ts'

/** Milliseconds to wait for the lock. An index is written in a moment; whoever waits this long waits for something stuck. */
const PATIENCE = 60_000
/** Milliseconds without a sign of life after which the lock of a process that cannot be asked (on another machine, or
 *  unnamed) counts as left behind. */
const STALE = 30_000

/** The locks of this process. A process number may come again (in a container it is always 1), a token does not. */
const held = new Set<string>()

/** Runs `work` while `file` exists by our hand. Throws a `LockedError` where it cannot be had in `patience` milliseconds. */
export async function withLockFile<T>(file: string, work: () => Promise<T>, patience: number = PATIENCE): Promise<T> {
  const token = randomUUID()
  held.add(token)
  try {
    await acquire(file, JSON.stringify({ pid: process.pid, host: hostname(), token }), patience)
    const alive = setInterval(() => void touch(file), STALE / 3).unref()
    try {
      return await work()
    } finally {
      clearInterval(alive)
      await rm(file, { force: true })
    }
  } finally {
    held.delete(token)
  }
}

async function acquire(file: string, content: string, patience: number): Promise<void> {
  const end = Date.now() + patience
  for (let wait = 2; !(await create(file, content)); wait = Math.min(wait * 2, 50)) {
    if (await isStale(file)) await breakLock(file)
    else if (Date.now() > end) {
      throw new LockedError(`${file} is held by another process`, {
        hint: 'wait for it to end, or remove the file if no such process is running',
      })
    } else await sleep(wait)
  }
}

/** Tells processes that cannot see this one that it is still there. */
async function touch(file: string): Promise<void> {
  const now = new Date()
  await utimes(file, now, now).catch(() => undefined)
}

async function create(file: string, content: string): Promise<boolean> {
  try {
    await writeFile(file, content, { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Only one process at a time may remove a stale lock, else a second would remove the fresh one of the first. */
async function breakLock(file: string): Promise<void> {
  const breaker = `${file}.break`
  if (!(await create(breaker, ''))) {
    if (await isStale(breaker)) await rm(breaker, { force: true })
    else await sleep(10)
    return
  }
  try {
    if (await isStale(file)) await rm(file, { force: true })
  } finally {
    await rm(breaker, { force: true })
  }
}

async function isStale(file: string): Promise<boolean> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(file, 'utf8'), stat(file)])
    const owner = ownerIn(text)
    if (owner?.host !== hostname()) return Date.now() - mtimeMs > STALE
    return owner.pid === process.pid ? !held.has(owner.token) : !isAlive(owner.pid)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

function ownerIn(text: string): { readonly pid: number; readonly host: string; readonly token: string } | undefined {
  try {
    const { pid, host, token } = JSON.parse(text) as Record<string, unknown>
    if (typeof pid === 'number' && pid > 0 && typeof host === 'string' && typeof token === 'string') {
      return { pid, host, token }
    }
  } catch {
    // Just created, or not ours.
  }
  return undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
