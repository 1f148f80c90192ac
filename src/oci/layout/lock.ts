/** A lock file: one process at a time does some work, and a process that died or hangs does not block the others. The file belongs to
 *  the process whose token it holds; no other process touches or removes it while its owner lives. */

import { randomUUID } from 'node:crypto'
import { rm, stat, utimes, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { abortReason, throwIfAborted } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { errorCode, LockedError } from '../../core/errors.ts'
import { currentProcess, isGone, type ProcessIdentity } from '../../process/identity.ts'
import { fileError, readSmall } from './file.ts'

/** A lock that was not touched for this many milliseconds is left behind, whatever process it names. */
const STALE_MS = 30_000
/** The user is told of a wait that takes longer, in milliseconds. */
const SILENCE_MS = 1000
/** A lock file larger than this is not one, in bytes. */
const MAX_SIZE = 64 * 1024

export interface Lock {
  /** Throws a `LockedError` where the lock was lost: this process was suspended for so long that another one took it. */
  check(): Promise<void>
  release(): Promise<void>
}

interface Owner extends ProcessIdentity {
  readonly token: string
}

/** Runs `work` while `file` is this process's. Says that it waits, and stops waiting when the signal is aborted. Throws a `LockedError`
 *  where the lock is still held after `patience` milliseconds. */
export async function withLockFile<T>(
  file: string,
  patience: number,
  ctx: Context,
  work: (lock: Lock) => Promise<T>,
): Promise<T> {
  const lock = await acquire(file, patience, ctx)
  try {
    return await work(lock)
  } finally {
    await lock.release()
  }
}

/** The lock, or undefined where a living process holds it. */
export async function tryLockFile(file: string): Promise<Lock | undefined> {
  const owner: Owner = { ...currentProcess(), token: randomUUID() }
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (await create(file, JSON.stringify(owner))) return hold(file, owner.token)
    if (!(await isLockStale(file))) break
    await breakLock(file)
  }
  return undefined
}

/** True where no living process holds the lock: its owner has ended, or has given no sign of life for 30 s. */
export async function isLockStale(file: string): Promise<boolean> {
  try {
    const [owner, { mtimeMs }] = await Promise.all([ownerOf(file), stat(file)])
    if (Date.now() - mtimeMs > STALE_MS) return true
    return owner !== undefined && isGone(owner, false)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw fileError(error, 'read', file)
  }
}

async function acquire(file: string, patience: number, ctx: Context): Promise<Lock> {
  const start = performance.now()
  let told = false
  for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
    throwIfAborted(ctx.signal)
    const lock = await tryLockFile(file)
    if (lock) return lock
    const waited = performance.now() - start
    if (waited > patience) {
      throw new LockedError(`${file} is held by ${await ownerText(file)}`, {
        hint: 'wait for it to end, or remove the file if no such process is running',
      })
    }
    if (!told && waited > SILENCE_MS) {
      told = true
      ctx.emit({ type: 'waiting', reason: `${file} is held by ${await ownerText(file)}` })
    }
    await sleep(pause, undefined, { signal: ctx.signal }).catch(() => {
      throw abortReason(ctx.signal)
    })
  }
}

function hold(file: string, token: string): Lock {
  const alive = setInterval(() => void touch(file), STALE_MS / 3).unref()
  const isOurs = async (): Promise<boolean> => (await ownerOf(file))?.token === token
  return {
    async check() {
      if (!(await isOurs())) throw new LockedError(`${file} was taken over by another process`)
    },
    async release() {
      clearInterval(alive)
      // One that cannot be removed is stale in a moment.
      if (await isOurs().catch(() => false)) await rm(file, { force: true }).catch(() => undefined)
    },
  }
}

/** Tells processes that cannot see this one that it still lives. */
async function touch(file: string): Promise<void> {
  const now = new Date()
  await utimes(file, now, now).catch(() => undefined)
}

async function create(file: string, content: string): Promise<boolean> {
  try {
    await writeFile(file, content, { flag: 'wx' })
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    // Made, but the disk is full: an empty lock would hold up every process until it is stale.
    if (error instanceof Error && 'syscall' in error && error.syscall === 'write') await rm(file, { force: true })
    throw fileError(error, 'write', file)
  }
}

/** Only one process at a time may remove a stale lock, else a second would remove the fresh one of the first. */
async function breakLock(file: string): Promise<void> {
  const breaker = `${file}.break`
  if (!(await create(breaker, ''))) {
    if (await isLockStale(breaker)) await rm(breaker, { force: true })
    else await sleep(10)
    return
  }
  try {
    if (await isLockStale(file)) await rm(file, { force: true })
  } finally {
    await rm(breaker, { force: true })
  }
}

async function ownerText(file: string): Promise<string> {
  const owner = await ownerOf(file)
  return owner ? `process ${owner.pid} on ${owner.host}` : 'another process'
}

/** Undefined for a lock that was only just created, and for one of an older version, which did not name its machine. */
async function ownerOf(file: string): Promise<Owner | undefined> {
  const bytes = await readSmall(file, MAX_SIZE)
  try {
    const { pid, host, machine, start, token } = JSON.parse(String(bytes)) as Record<string, unknown>
    const named = [host, machine, token].every((value) => typeof value === 'string')
    if (typeof pid !== 'number' || pid <= 0 || !named) return undefined
    return {
      pid,
      host: String(host),
      machine: String(machine),
      start: typeof start === 'string' ? start : undefined,
      token: String(token),
    }
  } catch {
    return undefined
  }
}
