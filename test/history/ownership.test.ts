import { expect, test } from 'vitest'
import { LockedError } from '../../src/core/errors.ts'
import { LEASE } from '../../src/history/locks.ts'
import { begin, copies, open, temporaryDirectory } from './setup.ts'

const ERROR = { code: 'network', message: 'connection reset' }
const MOVED = { bytes_copied: 1, bytes_mounted: 0, bytes_present: 0 }
// As with a container on the network of its host: one host name, one pid, another pid namespace.
const CONTAINER = { host: 'build', pid: 1, start: '100' }
const BLOB = { registry: 'https://r.example', repository: 'a', digest: `sha256:${'0'.repeat(64)}` } as const

/** One execution in progress, whose process was suspended for longer than its lease, and the process that resumed it meanwhile. */
async function takeover() {
  const directory = temporaryDirectory()
  let now = 1_000_000
  const clock = { now: () => now }
  const lost = await open(directory, {
    clock,
    isAlive: () => true,
    me: { ...CONTAINER, machine: 'build boot pid:[1]' },
  })
  const id = begin(lost)
  lost.tasks.add(id, copies(3))
  lost.executions.move(id, 'in_progress')
  lost.tasks.takePending(id, 3, now)
  lost.uploads.checkpoint(id, BLOB).save('/first', 10)
  now += LEASE + 6000
  const owner = await open(directory, {
    clock,
    isAlive: () => true,
    me: { ...CONTAINER, machine: 'build boot pid:[2]' },
  })
  expect(owner.executions.resume(id)).toEqual({ id, attempt: 2 })
  owner.tasks.takePending(id, 2, now)
  return { id, lost, owner, now }
}

test('a process that lost its execution changes none of its tasks', async () => {
  const { id, lost, owner, now } = await takeover()
  const before = [...owner.tasks.list(id)]
  expect(before.map(({ status }) => status)).toEqual(['in_progress', 'in_progress', 'pending'])
  for (const status of ['succeeded', 'failed', 'stopped'] as const) {
    expect(lost.tasks.finish(1, status, { moved: MOVED, error: ERROR })).toBeUndefined()
  }
  expect(lost.tasks.putBack(2, now, ERROR, MOVED)).toBe(false)
  expect(lost.tasks.takePending(id, 9, now)).toEqual([])
  expect(lost.tasks.stopPending(id)).toBe(0)
  expect(lost.tasks.stopRest(id)).toBe(0)
  expect(lost.tasks.skipDeletes(id, ERROR)).toBe(0)
  expect(() => lost.tasks.add(id, copies(1))).toThrow(LockedError)
  expect([...owner.tasks.list(id)]).toEqual(before)
})

test('a process that lost its execution changes nothing of the execution itself, also once it has ended', async () => {
  const { id, lost, owner } = await takeover()
  const before = owner.executions.get(id)
  const unchanged = (): void => {
    expect(lost.executions.move(id, 'paused')).toBe(false)
    expect(lost.executions.fail(id, ERROR)).toBe(false)
    lost.executions.addUnchanged(id, 5)
    lost.executions.recordExit(id, 1)
    lost.progress.tell(id, { tasks: 1, bare: 0, bytes: 1, measured: 1, settled: 0, received: 0, blobs: [] })
    expect(lost.locks.heartbeat(id)).toBe(false)
    lost.locks.release(id)
  }
  unchanged()
  expect(owner.executions.get(id)).toEqual(before)
  expect(owner.executions.exitCodeOf(id)).toBeUndefined()
  expect(owner.progress.of(id)).toBeUndefined()
  expect(owner.locks.heartbeat(id)).toBe(true)

  owner.tasks.takePending(id, 9, Number.MAX_SAFE_INTEGER)
  for (const task of [1, 2, 3]) owner.tasks.finish(task, 'succeeded')
  const ended = owner.executions.finish(id)
  owner.locks.release(id)
  unchanged()
  expect(lost.executions.finish(id)).toEqual(ended)
  expect(ended).toMatchObject({ status: 'succeeded', succeed: 3, stopped: 0 })
})

test('a process that lost its execution cannot end it', async () => {
  const { id, lost, owner } = await takeover()
  owner.tasks.stopPending(id)
  for (const task of [1, 2]) owner.tasks.finish(task, 'succeeded')
  expect(() => lost.executions.finish(id)).toThrow(LockedError)
  expect(owner.executions.get(id)).toMatchObject({ status: 'in_progress' })
})

test('a process that lost its execution neither sees nor writes the uploads of the one that runs it', async () => {
  const { id, lost, owner } = await takeover()
  const theirs = owner.uploads.checkpoint(id, BLOB)
  expect(theirs.load()).toBe('/first')
  theirs.save('/second', 20)
  const ours = lost.uploads.checkpoint(id, BLOB)
  ours.save('/first', 30)
  ours.clear()
  expect(ours.load()).toBeUndefined()
  expect(lost.uploads.takeAbandoned(id, BLOB.registry, true)).toEqual([])
  expect(theirs.load()).toBe('/second')
})
