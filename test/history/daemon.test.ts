import { expect, test } from 'vitest'
import { LEASE } from '../../src/history/locks.ts'
import { begin, open, temporaryDirectory } from './setup.ts'

const me = (pid: number, machine = 'here') => ({ host: machine, machine, pid, start: String(pid) })
const alive = (...pids: readonly number[]) => ({ isAlive: ({ pid }: { readonly pid: number }) => pids.includes(pid) })

test('one process at a time is the daemon; one that has ended is followed at once', async () => {
  const directory = temporaryDirectory()
  const first = await open(directory, { me: me(1), ...alive(1, 2) })
  expect(first.daemon.take()).toBeUndefined()
  const second = await open(directory, { me: me(2), ...alive(1, 2) })
  expect(second.daemon.take()).toMatchObject({ owner: { host: 'here', pid: 1, isHere: true } })
  const third = await open(directory, { me: me(3), ...alive(3) })
  expect(third.daemon.take()).toBeUndefined()
  expect(first.daemon.heartbeat()).toBe(false)
  // What is not its own it does not give back.
  first.daemon.release()
  expect(third.daemon.heartbeat()).toBe(true)
})

test('one on another machine counts as gone once it was silent for its lease', async () => {
  const directory = temporaryDirectory()
  let now = 1_000_000
  const clock = { now: () => now }
  const first = await open(directory, { me: me(1, 'there'), clock })
  first.daemon.take()
  const second = await open(directory, { me: me(1), clock })
  expect(second.daemon.take()).toMatchObject({ owner: { host: 'there', isHere: false, until: now + LEASE } })
  now += LEASE + 1
  expect(second.daemon.take()).toBeUndefined()
})

test('what a daemon has begun and not ended is left to the next one, and nothing that others began', async () => {
  const directory = temporaryDirectory()
  const before = await open(directory, { me: me(1), ...alive(1, 2) })
  before.daemon.take()
  const other = await open(directory, { me: me(2), ...alive(1, 2) })
  const [ended, killed] = [begin(before, 'ended'), begin(before, 'killed')]
  const foreign = begin(other, 'foreign')
  before.daemon.ended(ended)
  const after = await open(directory, { me: me(3), ...alive(3) })
  expect(after.executions.get(killed).status).toBe('interrupted')
  expect(after.executions.get(foreign).status).toBe('interrupted')
  after.daemon.take()
  expect(after.daemon.left()).toEqual([killed])
})

test('what a user has stopped or taken over is not left to the next daemon', async () => {
  const directory = temporaryDirectory()
  const daemon = await open(directory, { me: me(1), ...alive(1) })
  daemon.daemon.take()
  const [stopped, resumed, done] = [begin(daemon, 'stopped'), begin(daemon, 'resumed'), begin(daemon, 'done')]
  daemon.executions.finish(stopped, 'stopped')
  daemon.executions.recordExit(stopped, 4)
  daemon.executions.finish(done)
  const user = await open(directory, { me: me(2), ...alive(2) })
  expect(user.executions.get(resumed).status).toBe('interrupted')
  user.executions.resume(resumed)
  user.executions.finish(resumed, 'stopped')
  user.locks.release(resumed)
  const after = await open(directory, { me: me(3), ...alive(3) })
  expect(after.daemon.left()).toEqual([])
})
