import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HistoryError } from '../../src/core/errors.ts'
import { EXECUTION_MOVES, type ExecutionStatus } from '../../src/core/states.ts'
import { openHistory } from '../../src/history/history.ts'
import { begin, copies, open, temporaryDirectory } from './setup.ts'

/** The shortest way to each state. */
const WAYS: Readonly<Record<ExecutionStatus, readonly ExecutionStatus[]>> = {
  preparing: [],
  in_progress: ['in_progress'],
  paused: ['in_progress', 'paused'],
  succeeded: ['succeeded'],
  failed: ['failed'],
  stopped: ['stopped'],
  interrupted: ['interrupted'],
}
const STATES = Object.keys(WAYS).filter((state): state is ExecutionStatus => state in WAYS)

test.each(STATES)('allows from %s only the moves of the table', async (from) => {
  const history = await open()
  for (const to of STATES) {
    const id = begin(history, `${from}-${to}`)
    for (const step of WAYS[from]) expect(history.executions.move(id, step)).toBe(true)
    const legal = EXECUTION_MOVES[from].some((state) => state === to)
    expect(history.executions.move(id, to), `${from} → ${to}`).toBe(legal)
    expect(history.executions.get(id).status).toBe(legal ? to : from)
  }
})

test.each([
  [[], 'succeeded'],
  [['succeeded'], 'succeeded'],
  [['succeeded', 'stopped'], 'stopped'],
  [['stopped', 'failed', 'succeeded'], 'failed'],
] as const)('ends as its tasks %j say: %s', async (ends, expected) => {
  const history = await open()
  const id = begin(history)
  history.tasks.add(id, copies(ends.length))
  history.executions.move(id, 'in_progress')
  const tasks = history.tasks.takePending(id, 10, Date.now())
  for (const [index, end] of ends.entries()) history.tasks.finish(tasks[index]?.id ?? 0, end)
  expect(history.executions.finish(id)).toMatchObject({ status: expected, end_time: expect.any(String) })
})

test('ends as stopped where it was stopped before it had a task, and as failed where a task has failed', async () => {
  const history = await open()
  expect(history.executions.finish(begin(history, 'a'), 'stopped').status).toBe('stopped')
  const id = begin(history, 'b')
  history.tasks.add(id, copies(1), 'failed')
  expect(history.executions.finish(id, 'stopped').status).toBe('failed')
})

test('does not end while a task has not', async () => {
  const history = await open()
  const id = begin(history)
  history.tasks.add(id, copies(2))
  expect(() => history.executions.finish(id)).toThrow('2 of its tasks have not')
  history.tasks.stopPending(id)
  expect(history.executions.finish(id).status).toBe('stopped')
})

test('keeps a final state when it is finished or failed again', async () => {
  const history = await open()
  const id = begin(history)
  const first = history.executions.finish(id)
  expect(history.executions.finish(id, 'stopped')).toEqual(first)
  expect(history.executions.fail(id, { code: 'network', message: 'late' })).toBe(false)
  expect(history.executions.get(id)).toEqual(first)
})

test('keeps why it failed, without secrets', async () => {
  const history = await open(undefined, { redact: (text) => text.replaceAll('hunter2', '***') })
  const id = begin(history)
  expect(history.executions.fail(id, { code: 'credential', message: 'refused hunter2', hint: 'not hunter2' })).toBe(
    true,
  )
  expect(history.executions.get(id)).toMatchObject({
    status: 'failed',
    error: { code: 'credential', message: 'refused ***', hint: 'not ***' },
  })
})

test('measures from begin to end', async () => {
  let now = Date.UTC(2026, 0, 2, 3, 4, 5)
  const history = await open(undefined, { clock: { now: () => now } })
  const id = begin(history)
  now += 2400
  expect(history.executions.finish(id)).toMatchObject({
    start_time: '2026-01-02T03:04:05.000Z',
    end_time: '2026-01-02T03:04:07.400Z',
    duration_ms: 2400,
  })
})

test('has every field that the interface promises, and no other', async () => {
  const history = await open()
  const id = begin(history)
  history.executions.addUnchanged(id, 40)
  history.executions.addUnchanged(id, 18)
  history.executions.setLeftBehind(id, { tag: 3 })
  expect(history.executions.get(id)).toEqual({
    id: 1,
    policy_id: 1,
    policy: 'base',
    status: 'preparing',
    trigger: 'manual',
    total: 0,
    succeed: 0,
    failed: 0,
    in_progress: 0,
    stopped: 0,
    skipped: 0,
    unchanged: 58,
    left_behind: { tag: 3 },
    bytes_copied: 0,
    bytes_mounted: 0,
    bytes_present: 0,
    start_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    end_time: null,
    duration_ms: null,
    logs: '/api/replication/executions/1/logs',
    error: null,
  })
})

test('tells the running process to stop, also while it prepares, and forgets it when it begins anew', async () => {
  const history = await open()
  const id = begin(history)
  expect(history.control.stopRequested(id)).toBe(false)
  expect(history.control.requestStop(id)).toBe(true)
  history.executions.move(id, 'in_progress')
  expect(history.control.stopRequested(id)).toBe(true)
  history.executions.finish(id, 'stopped')
  expect(history.control.requestStop(id)).toBe(false)
  history.executions.move(id, 'in_progress')
  expect(history.control.stopRequested(id)).toBe(false)
})

test('lists the newest first, by policy, state, time and number', async () => {
  let now = 1000
  const history = await open(undefined, { clock: { now: () => now } })
  const run = (policy: string): number => {
    const id = begin(history, policy)
    history.executions.finish(id)
    history.locks.release(id)
    now += 1000
    return id
  }
  const [a1, b1, a2] = [run('a'), run('b'), run('a')]
  const failing = begin(history, 'b')
  history.executions.fail(failing, { code: 'network', message: 'no' })
  const ids = (filter?: Parameters<typeof history.executions.list>[0]) =>
    history.executions.list(filter).map(({ id }) => id)
  expect(ids()).toEqual([failing, a2, b1, a1])
  expect(ids({ policy: 'a' })).toEqual([a2, a1])
  expect(ids({ status: 'failed' })).toEqual([failing])
  expect(ids({ since: 3000 })).toEqual([failing, a2])
  expect(ids({ policy: 'b', limit: 1 })).toEqual([failing])
  expect(history.executions.list({ policy: 'a' }).map(({ policy_id }) => policy_id)).toEqual([1, 1])
  expect(history.executions.lastOf('a')?.id).toBe(a2)
  expect(history.executions.lastOf('c')).toBeUndefined()
  expect([
    history.executions.resolveId('2'),
    history.executions.resolveId('last'),
    history.executions.resolveId('last:a'),
  ]).toEqual([2, failing, a2])
})

test.each([
  ['99', 'there is no execution 99 in the history'],
  ['last:c', 'the history has no execution of policy c'],
  ['last', 'the history is empty'],
  ['0', '0 is not an execution'],
  ['first', 'first is not an execution'],
  ['1; DROP TABLE tasks', 'is not an execution'],
])('refuses the name %j plainly', async (name, message) => {
  const history = await open()
  expect(() => history.executions.resolveId(name)).toThrow(HistoryError)
  expect(() => history.executions.resolveId(name)).toThrow(message)
})

test('does not wait for the disk at the end of each run, and has moved all to it when it is closed', async () => {
  const directory = temporaryDirectory()
  const history = await openHistory(directory)
  const onDisk = (): Buffer => readFileSync(join(directory, 'history.db'))
  history.locks.release(begin(history))
  const before = onDisk()
  for (let run = 0; run < 5; run += 1) history.locks.release(begin(history, `policy ${run}`))
  expect(onDisk().equals(before)).toBe(true)
  history.close()
  expect(onDisk().includes('policy 4')).toBe(true)
})
