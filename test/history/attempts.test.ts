import { expect, test } from 'vitest'
import type { TaskSpec } from '../../src/core/plan.ts'
import type { TaskStatus } from '../../src/core/states.ts'
import type { History } from '../../src/history/history.ts'
import { begin, copies, open, startChild, temporaryDirectory } from './setup.ts'

const ERROR = { code: 'network', message: 'connection reset' }

/** One task of each end, one that is kept and one that is blocked; not released. */
async function ended(prepared = true): Promise<{ readonly history: History; readonly id: number }> {
  const history = await open()
  const begun = history.begin({ policy: 'base', snapshot: '{"a":1}', trigger: 'schedule', lock: 'key', origin: '[]' })
  if (!('id' in begun)) throw new Error('the lock is taken')
  const { id } = begun
  const specs = copies(5).map((spec): TaskSpec => ({ ...spec, new_repository: true }))
  const [, , , kept, blocked] = specs
  history.addTasks(id, specs.slice(0, 3))
  if (kept && blocked)
    history.addTasks(id, [
      { ...kept, action: 'keep' },
      { ...blocked, action: 'blocked' },
    ])
  history.addUnchanged(id, 7)
  if (prepared) history.move(id, 'in_progress')
  if (prepared) {
    history.takePending(id, 3, 0)
    history.finishTask(1, 'succeeded')
    history.finishTask(2, 'failed', { error: ERROR })
    history.finishTask(3, 'stopped')
  }
  history.stopRest(id)
  history.finish(id)
  return { history, id }
}

const statuses = (history: History, id: number): TaskStatus[] => [...history.tasks(id)].map(({ status }) => status)

test('says what an execution was begun with, and what is left of it', async () => {
  const { history, id } = await ended()
  expect(history.beginning(id)).toEqual({
    snapshot: '{"a":1}',
    lock: 'key',
    origin: '[]',
    prepared: true,
    left: { pending: 0, stopped: 1, failed: 1 },
  })
  expect(history.beginning(begin(history, 'other'))).toMatchObject({ origin: undefined, prepared: false })
})

test('goes on under its number with what is left: not with what has succeeded, is kept or is blocked', async () => {
  const { history, id } = await ended()
  expect(history.execution(id)).toMatchObject({ status: 'failed', end_time: expect.any(String) })
  history.release(id)
  expect(history.resume(id)).toEqual({ id, attempt: 2 })
  expect(statuses(history, id)).toEqual(['succeeded', 'pending', 'pending', 'skipped', 'failed'])
  expect(history.execution(id)).toMatchObject({
    status: 'in_progress',
    end_time: null,
    error: null,
    in_progress: 2,
    failed: 1,
    unchanged: 7,
  })
  expect(history.heartbeat(id)).toBe(true)
  // The repository may have come into being since.
  expect(history.takePending(id, 9, 0).map(({ spec, attempts }) => [spec.new_repository, attempts])).toEqual([
    [undefined, 2],
    [undefined, 2],
  ])
})

test('plans once more where the plan was not whole', async () => {
  const { history, id } = await ended(false)
  history.release(id)
  expect(history.beginning(id).prepared).toBe(false)
  expect(history.resume(id)).toEqual({ id, attempt: 2 })
  expect(history.execution(id)).toMatchObject({ status: 'preparing', total: 0, unchanged: 0, failed: 0, stopped: 0 })
  history.addTasks(id, copies(1))
  history.move(id, 'in_progress')
  expect(history.beginning(id)).toMatchObject({ prepared: true, left: { pending: 1 } })
})

test('begins a new execution of what failed or was stopped', async () => {
  const { history, id } = await ended()
  history.release(id)
  expect(history.retry(id, 'manual')).toEqual({ id: id + 1 })
  expect(statuses(history, id + 1)).toEqual(['pending', 'pending'])
  expect(history.execution(id + 1)).toMatchObject({ policy: 'base', status: 'preparing', trigger: 'manual', total: 2 })
  expect(history.execution(id).status).toBe('failed')
  expect(history.beginning(id + 1)).toMatchObject({ snapshot: '{"a":1}', lock: 'key', origin: '[]', prepared: false })
})

test('names the process that runs the policy, and changes nothing', async () => {
  const { history, id } = await ended()
  history.release(id)
  const other = begin(history, 'base', 'key')
  expect(history.resume(id)).toMatchObject({ owner: { execution: other, pid: process.pid } })
  expect(history.retry(id, 'manual')).toMatchObject({ owner: { execution: other } })
  expect(history.execution(id).status).toBe('failed')
})

test('goes on with nothing that has succeeded', async () => {
  const history = await open()
  const id = begin(history)
  history.finish(id)
  history.release(id)
  expect(history.resume(id)).toBeUndefined()
  expect(history.heartbeat(id)).toBe(false)
})

test('takes over what a killed process has left', async () => {
  const directory = temporaryDirectory()
  const child = startChild(directory, 'hold')
  await child.answer
  await child.kill()
  const history = await open(directory)
  expect(history.execution(1).status).toBe('interrupted')
  expect(history.resume(1)).toEqual({ id: 1, attempt: 2 })
  expect(history.execution(1)).toMatchObject({ status: 'in_progress', in_progress: 1 })
})

test('asks a running execution to pause and to go on, and forgets it when it begins anew', async () => {
  const history = await open()
  const id = begin(history)
  expect(history.pauseRequested(id)).toBe(false)
  expect(history.requestGoOn(id)).toBe(false)
  expect(history.requestPause(id)).toBe(true)
  expect(history.pauseRequested(id)).toBe(true)
  expect(history.requestGoOn(id)).toBe(true)
  expect(history.pauseRequested(id)).toBe(false)
  history.requestPause(id)
  history.finish(id, 'stopped')
  expect([history.requestPause(id), history.requestGoOn(id)]).toEqual([false, false])
  history.release(id)
  history.resume(id)
  expect(history.pauseRequested(id)).toBe(false)
})

test('ends what runs and what waits as stopped', async () => {
  const history = await open()
  const id = begin(history)
  history.addTasks(id, copies(3))
  history.takePending(id, 2, 0)
  history.finishTask(1, 'succeeded')
  expect(history.stopRest(id)).toBe(2)
  expect(statuses(history, id)).toEqual(['succeeded', 'stopped', 'stopped'])
})
