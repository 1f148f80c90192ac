import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { currentProcess, isGone, isProcessAlive } from '../../src/process/identity.ts'

const me = currentProcess()

test('knows itself to be alive', () => {
  expect(me.pid).toBe(process.pid)
  expect(isProcessAlive(me)).toBe(true)
  expect(isProcessAlive({ ...me, start: undefined })).toBe(true)
})

test('knows that a process has ended', async () => {
  const child = spawn(process.execPath, ['-e', ''])
  const pid = child.pid ?? 0
  await once(child, 'exit')
  expect(isProcessAlive({ ...me, pid, start: undefined })).toBe(false)
})

test.runIf(process.platform === 'linux')('tells a process from an earlier one with its pid', () => {
  expect(me.start).toMatch(/^\d+$/)
  expect(isProcessAlive({ ...me, start: '1' })).toBe(false)
})

test.runIf(process.platform === 'linux')('takes a process that has ended and was not waited for as ended', async () => {
  // The shell's child ends at once; what replaces the shell never waits for it.
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const [line] = await once(parent.stdout, 'data')
    const pid = Number(String(line).trim())
    await expect.poll(() => isProcessAlive({ ...me, pid, start: undefined })).toBe(false)
  } finally {
    parent.kill('SIGKILL')
  }
})

test('a process of another machine is gone once it is silent, whatever runs here under its pid', () => {
  const elsewhere = { ...me, machine: `${me.machine} another pid namespace` }
  expect(isGone(elsewhere, false)).toBe(false)
  expect(isGone({ ...elsewhere, pid: 2 ** 22 }, false)).toBe(false)
  expect(isGone(elsewhere, true)).toBe(true)
})

test('a process of this machine is looked up, however silent it is', () => {
  expect(isGone(me, true)).toBe(false)
  expect(isGone({ ...me, start: undefined }, true)).toBe(false)
  expect(isGone(me, false, me, () => false)).toBe(true)
})

test('a pid without a start time may be another process by now: silence decides', () => {
  const other = { ...me, pid: process.ppid, start: undefined }
  expect(isGone(other, false, me, () => true)).toBe(false)
  expect(isGone(other, true, me, () => true)).toBe(true)
})
