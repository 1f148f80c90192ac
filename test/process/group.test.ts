import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { killGroup } from '../../src/process/group.ts'

test('ends a child process and what it has started', { timeout: 180_000 }, async () => {
  const shell = spawn('/bin/sh', ['-c', 'sleep 100000 & echo started; wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  await once(shell.stdout, 'data')
  killGroup(shell.pid)
  // The output closes once no process holds it open.
  expect(await once(shell, 'close')).toEqual([null, 'SIGKILL'])
})

test('does nothing for a child that has ended or never started', async () => {
  const child = spawn('/bin/true', { detached: true })
  await once(child, 'close')
  expect(() => killGroup(child.pid)).not.toThrow()
  expect(() => killGroup(undefined)).not.toThrow()
})
