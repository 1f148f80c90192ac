import { expect, test } from 'vitest'
import type { TaskSpec } from '../../src/core/plan.ts'
import type { TaskStatus } from '../../src/core/states.ts'
import type { History } from '../../src/history/history.ts'
import { begin, copies, open, startChild, temporaryDirectory } from './setup.ts'

const ERROR = { code: 'network', message: 'connection reset' }

/** One task of each end, one that is kept and one that is blocked; not released. */
async function ended(prepared = true): Promise<{ readonly history: History; readonly id: number }> {
  const history = await open()
  const begun = history.executions.begin({
    policy: 'base',
    snapshot: '{"a":1}',
    trigger: 'schedule',
    lock: 'key',
    origin: '[]',
  })
  if (!('id' in begun)) throw new Error('the lock is taken')
  const { id } = begun
  const specs = copies(5).map((spec): TaskSpec => ({ ...spec, new_repository: true }))
  const [, , , kept, blocked] = specs
  history.tasks.add(id, specs.slice(0, 3))
  if (kept && blocked)
    history.tasks.add(id, [
      { ...kept, action: 'keep' },
      { ...blocked, action: 'blocked' },
    ])
  history.executions.addUnchanged(id, 7)
  if (prepared) history.executions.move(id, 'in_progress')
  if (prepared) {
    history.tasks.takePending(id, 3, 0)
    history.tasks.finish(1, 'succeeded')
    history.tasks.finish(2, 'failed', { error: ERROR })
    history.tasks.finish(3, 'stopped')
  }
  history.tasks.stopRest(id)
  history.executions.finish(id)
  return { history, id }
}

const statuses = (history: History, id: number): TaskStatus[] => [...history.tasks.list(id)].map(({ status }) => status)

test('says what an execution was begun with, and what is left of it', async () => {
  const { history, id } = await ended()
  expect(history.executions.beginning(id)).toEqual({
    snapshot: '{"a":1}',
    lock: 'key',
    origin: '[]',
    prepared: true,
    left: { pending: 0, stopped: 1, failed: 1 },
  })
  expect(history.executions.beginning(begin(history, 'other'))).toMatchObject({ origin: undefined, prepared: false })
})

test('goes on under its number with what is left: not with what has succeeded, is kept or is blocked', async () => {
  const { history, id } = await ended()
  expect(history.executions.get(id)).toMatchObject({ status: 'failed', end_time: expect.any(String) })
  history.locks.release(id)
  expect(history.executions.resume(id)).toEqual({ id, attempt: 2 })
  expect(statuses(history, id)).toEqual(['succeeded', 'pending', 'pending', 'skipped', 'failed'])
  expect(history.executions.get(id)).toMatchObject({
    status: 'in_progress',
    end_time: null,
    error: null,
    in_progress: 2,
    failed: 1,
    unchanged: 7,
  })
  expect(history.locks.heartbeat(id)).toBe(true)
  // The repository may have come into being since.
  expect(history.tasks.takePending(id, 9, 0).map(({ spec, attempts }) => [spec.new_repository, attempts])).toEqual([
    [undefined, 2],
    [undefined, 2],
  ])
})

test('plans once more where the plan was not whole', async () => {
  const { history, id } = await ended(false)
  history.locks.release(id)
  expect(history.executions.beginning(id).prepared).toBe(false)
  expect(history.executions.resume(id)).toEqual({ id, attempt: 2 })
  expect(history.executions.get(id)).toMatchObject({
    status: 'preparing',
    total: 0,
    unchanged: 0,
    failed: 0,
    stopped: 0,
  })
  history.tasks.add(id, copies(1))
  history.executions.move(id, 'in_progress')
  expect(history.executions.beginning(id)).toMatchObject({ prepared: true, left: { pending: 1 } })
})

test('begins a new execution of what failed or was stopped', async () => {
  const { history, id } = await ended()
  history.locks.release(id)
  expect(history.executions.retry(id, 'manual')).toEqual({ id: id + 1 })
  expect(statuses(history, id + 1)).toEqual(['pending', 'pending'])
  expect(history.executions.get(id + 1)).toMatchObject({
    policy: 'base',
    status: 'preparing',
    trigger: 'manual',
    total: 2,
  })
  expect(history.executions.get(id).status).toBe('failed')
  expect(history.executions.beginning(id + 1)).toMatchObject({
    snapshot: '{"a":1}',
    lock: 'key',
    origin: '[]',
    prepared: false,
  })
})

test('names the process that runs the policy, and changes nothing', async () => {
  const { history, id } = await ended()
  history.locks.release(id)
  const other = begin(history, 'base', 'key')
  expect(history.executions.resume(id)).toMatchObject({ owner: { execution: other, pid: process.pid } })
  expect(history.executions.retry(id, 'manual')).toMatchObject({ owner: { execution: other } })
  expect(history.executions.get(id).status).toBe('failed')
})

test('goes on with nothing that has succeeded', async () => {
  const history = await open()
  const id = begin(history)
  history.executions.finish(id)
  history.locks.release(id)
  expect(history.executions.resume(id)).toBeUndefined()
  expect(history.locks.heartbeat(id)).toBe(false)
})

test('takes over what a killed process has left', async () => {
  const directory = temporaryDirectory()
  const child = startChild(directory, 'hold')
  await child.answer
  await child.kill()
  const history = await open(directory)
  expect(history.executions.get(1).status).toBe('interrupted')
  expect(history.executions.resume(1)).toEqual({ id: 1, attempt: 2 })
  expect(history.executions.get(1)).toMatchObject({ status: 'in_progress', in_progress: 1 })
})

test('asks a running execution to pause and to go on, and forgets it when it begins anew', async () => {
  const history = await open()
  const id = begin(history)
  expect(history.control.pauseRequested(id)).toBe(false)
  expect(history.control.requestUnpause(id)).toBe(false)
  expect(history.control.requestPause(id)).toBe(true)
  expect(history.control.pauseRequested(id)).toBe(true)
  expect(history.control.requestUnpause(id)).toBe(true)
  expect(history.control.pauseRequested(id)).toBe(false)
  history.control.requestPause(id)
  history.executions.finish(id, 'stopped')
  expect([history.control.requestPause(id), history.control.requestUnpause(id)]).toEqual([false, false])
  history.locks.release(id)
  history.executions.resume(id)
  expect(history.control.pauseRequested(id)).toBe(false)
})

test('ends what runs and what waits as stopped', async () => {
  const history = await open()
  const id = begin(history)
  history.tasks.add(id, copies(3))
  history.tasks.takePending(id, 2, 0)
  history.tasks.finish(1, 'succeeded')
  expect(history.tasks.stopRest(id)).toBe(2)
  expect(statuses(history, id)).toEqual(['succeeded', 'stopped', 'stopped'])
})

/** Two tasks that have succeeded at `late` and one at `prompt`. */
async function threeSucceeded(): Promise<{ readonly history: History; readonly id: number }> {
  const history = await open()
  const id = begin(history)
  const specs = copies(3).map((spec, at): TaskSpec => {
    const registry = at < 2 ? 'late' : 'prompt'
    return { ...spec, destination: { ...spec.destination, registry } }
  })
  history.tasks.add(id, specs)
  history.executions.move(id, 'in_progress')
  for (const { id: task } of history.tasks.takePending(id, 3, 0)) history.tasks.finish(task, 'succeeded')
  return { history, id }
}

test('an interrupted execution does again what a late destination had not kept, and nothing else', async () => {
  const { history, id } = await threeSucceeded()
  history.executions.move(id, 'interrupted')
  history.locks.release(id)
  expect(history.executions.resume(id, ['late'])).toEqual({ id, attempt: 2 })
  expect(statuses(history, id)).toEqual(['pending', 'pending', 'succeeded'])
})

test('a retry of an interrupted execution does so, too', async () => {
  const { history, id } = await threeSucceeded()
  history.executions.move(id, 'interrupted')
  history.locks.release(id)
  const begun = history.executions.retry(id, 'manual', ['late'])
  expect(statuses(history, 'id' in begun ? begun.id : 0)).toEqual(['pending', 'pending'])
})

test('an execution that ended by itself has committed, and resuming repeats nothing', async () => {
  const { history, id } = await threeSucceeded()
  history.executions.move(id, 'stopped')
  history.locks.release(id)
  history.executions.resume(id, ['late'])
  expect(statuses(history, id)).toEqual(['succeeded', 'succeeded', 'succeeded'])
})

test('what a destination could not keep has failed, with the reason', async () => {
  const { history, id } = await threeSucceeded()
  expect(history.tasks.takeBack(id, 'late', 'failed', 0, ERROR)).toBe(2)
  expect(statuses(history, id)).toEqual(['failed', 'failed', 'succeeded'])
  expect([...history.tasks.list(id)][0]?.error).toEqual(ERROR)
  expect(history.executions.get(id)).toMatchObject({ failed: 2, succeed: 1 })
  expect(history.tasks.takeBack(id, 'prompt', 'failed', Number.MAX_SAFE_INTEGER, ERROR)).toBe(0)
})
