/** The lock of a layout: held by one process at a time, and never for long by one that is gone. */

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ReplicateError } from '../../../src/core/errors.ts'
import type { Event } from '../../../src/core/events.ts'
import { tryLockFile, withLockFile } from '../../../src/oci/layout/lock.ts'
import { currentProcess } from '../../../src/process/identity.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { context } from './support.ts'

const LONG_AGO = new Date(Date.now() - 60_000)

/** A lock as a process left it; `age`: whether it has given no sign of life lately. */
function lockOf(owner: object, age: 'fresh' | 'silent' = 'fresh'): string {
  const file = join(temporaryDirectory(), 'lock')
  writeFileSync(file, JSON.stringify({ ...currentProcess(), token: 'left behind', ...owner }))
  if (age === 'silent') utimesSync(file, LONG_AGO, LONG_AGO)
  return file
}

function livingProcess(): number {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill())
  return child.pid ?? 0
}

async function isTaken(file: string): Promise<boolean> {
  const lock = await tryLockFile(file)
  await lock?.release()
  return lock === undefined
}

describe('a lock file', () => {
  it('of a process that has ended is taken over', async () => {
    expect(await isTaken(lockOf({ pid: spawnSync(process.execPath, ['-e', '']).pid }))).toBe(false)
  })

  it('of an earlier process with the same number is taken over', async () => {
    expect(await isTaken(lockOf({ pid: livingProcess(), start: '1' }))).toBe(false)
    // In a container each process has the number 1.
    expect(await isTaken(lockOf({ start: '1' }))).toBe(false)
  })

  it('of a process in another container, whose number means nothing here, is respected until it is silent', async () => {
    const elsewhere = { machine: `${hostname()} another pid namespace`, pid: process.pid }
    expect(await isTaken(lockOf(elsewhere))).toBe(true)
    expect(await isTaken(lockOf(elsewhere, 'silent'))).toBe(false)
  })

  it('of an older version, which names no container, is respected until it is silent', async () => {
    const older = { machine: undefined, pid: 99_999_999, host: hostname() }
    expect(await isTaken(lockOf(older))).toBe(true)
    expect(await isTaken(lockOf(older, 'silent'))).toBe(false)
  })

  it('of a living process is respected, unless that has hung', async () => {
    const pid = livingProcess()
    expect(await isTaken(lockOf({ pid, start: undefined }))).toBe(true)
    expect(await isTaken(lockOf({ pid, start: undefined }, 'silent'))).toBe(false)
  })

  it('is not removed, nor trusted, by an owner that has lost it', async () => {
    const file = join(temporaryDirectory(), 'lock')
    await withLockFile(file, 0, context, async (lock) => {
      await lock.check()
      writeFileSync(file, JSON.stringify({ ...currentProcess(), token: 'of another' }))
      await expect(lock.check()).rejects.toMatchObject({ code: 'locked' })
    })
    expect(JSON.parse(readFileSync(file, 'utf8')).token).toBe('of another')
  })

  it('is waited for aloud, until the wait is stopped', async () => {
    const file = lockOf({ pid: livingProcess(), start: undefined, host: 'build-7' })
    const stop = new AbortController()
    const said: Event[] = []
    const emit = (event: Event): void => {
      said.push(event)
      stop.abort()
    }
    const wait = withLockFile(file, 60_000, { signal: stop.signal, emit }, async () => {})
    await expect(wait).rejects.toMatchObject({ code: 'cancelled' })
    expect(said).toMatchObject([
      { type: 'waiting', reason: expect.stringMatching(/lock is held by process \d+ on build-7/) },
    ])
    expect(existsSync(file)).toBe(true)
  })

  it('is given up after the patience, naming the owner', async () => {
    const file = lockOf({ pid: livingProcess(), start: undefined })
    await expect(withLockFile(file, 0, context, async () => {})).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringMatching(/is held by process \d+ on /),
    })
  })

  it('that is a link leaves the file that it leads to alone', async () => {
    const place = temporaryDirectory()
    const [file, thesis, absent] = [join(place, 'lock'), join(place, 'thesis'), join(place, 'absent')]
    writeFileSync(thesis, 'years of work')
    for (const target of [thesis, absent]) {
      const lock = `${file}-of-${target === thesis ? 'a file' : 'nothing'}`
      symlinkSync(target, lock)
      await withLockFile(lock, 0, context, async () => {}).catch((error) => {
        expect(error).toBeInstanceOf(ReplicateError)
      })
    }
    expect([readFileSync(thesis, 'utf8'), existsSync(absent)]).toEqual(['years of work', false])
  })

  it('is held by one of many at a time', async () => {
    const file = join(temporaryDirectory(), 'lock')
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      inside += 1
      most = Math.max(most, inside)
      await new Promise(setImmediate)
      inside -= 1
    }
    await Promise.all(Array.from({ length: 20 }, () => withLockFile(file, 60_000, context, work)))
    expect(most).toBe(1)
    expect(existsSync(file)).toBe(false)
  })
})
