import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { LEASE } from '../../src/history/locks.ts'
import { begin, copies, open, startChild, temporaryDirectory } from './setup.ts'

test('takes over the lock of a process that was killed, and marks its execution interrupted', async () => {
  const directory = temporaryDirectory()
  const child = startChild(directory, 'hold')
  expect(await child.answer).toEqual({ id: 1 })
  const history = await open(directory)
  const refused = history.executions.begin({ policy: 'base', snapshot: '{}', trigger: 'manual', lock: 'base' })
  expect(refused).toMatchObject({ owner: { execution: 1, pid: child.process.pid } })
  expect(history.executions.get(1)).toMatchObject({ status: 'in_progress' })

  await child.kill()
  expect(begin(history)).toBe(2)
  expect(history.executions.get(1)).toMatchObject({
    status: 'interrupted',
    in_progress: 0,
    stopped: 1,
    end_time: expect.any(String),
  })
  expect([...history.tasks.list(1)]).toMatchObject([{ status: 'stopped', attempts: 1 }])
  expect(history.executions.get(2)).toMatchObject({ status: 'preparing' })
})

test('shows an execution whose process was killed as interrupted to every reader', async () => {
  const directory = temporaryDirectory()
  const child = startChild(directory, 'hold')
  await child.answer
  await child.kill()
  const reader = await open(directory, { readonly: true })
  expect(reader.executions.list({ status: 'interrupted' })).toMatchObject([{ id: 1, status: 'interrupted' }])
  expect(reader.executions.list({ status: 'in_progress' })).toEqual([])
  const history = await open(directory)
  expect(history.executions.lastOf('base')).toMatchObject({ id: 1, status: 'interrupted' })
  expect(history.control.requestStop(1)).toBe(false)
})

test('gives a lock that several processes race for to one of them', async () => {
  const directory = temporaryDirectory()
  const children = Array.from({ length: 4 }, () => startChild(directory, 'begin'))
  for (const { process } of children) process.stdin?.write('go\n')
  const answers = await Promise.all(children.map((child) => child.answer))
  expect(answers.filter((answer) => 'id' in Object(answer))).toEqual([{ id: 1 }])
  expect(answers.filter((answer) => 'owner' in Object(answer))).toHaveLength(3)
})

test('keeps the lock of a living process for as long as it lives, also without a heartbeat', async () => {
  const directory = temporaryDirectory()
  begin(await open(directory))
  const later = await open(directory, { clock: { now: () => Date.now() + 10 * LEASE } })
  expect(later.executions.begin({ policy: 'base', snapshot: '{}', trigger: 'manual', lock: 'base' })).toHaveProperty(
    'owner',
  )
})

test('waits for the lease of a process on another machine', async () => {
  const directory = temporaryDirectory()
  let now = 1_000_000
  const history = await open(directory, { clock: { now: () => now } })
  begin(history)
  moveToAnotherMachine(directory)
  const again = () => history.executions.begin({ policy: 'base', snapshot: '{}', trigger: 'manual', lock: 'base' })
  now += LEASE - 1
  expect(again()).toHaveProperty('owner.execution', 1)
  now += 1
  expect(again()).toEqual({ id: 2 })
  // Its last sign of life, not the time at which somebody looked.
  expect(history.executions.get(1)).toMatchObject({
    status: 'interrupted',
    end_time: new Date(1_000_000).toISOString(),
  })
})

test('asks for processes of this machine only', async () => {
  const directory = temporaryDirectory()
  begin(await open(directory))
  const asked: number[] = []
  const isAlive = ({ pid }: { readonly pid: number }) => asked.push(pid) > 0
  const history = await open(directory, { isAlive })
  history.executions.list()
  expect(asked).toEqual([process.pid])
  moveToAnotherMachine(directory)
  history.executions.list()
  expect(asked).toEqual([process.pid])
})

test('says by the heartbeat whether the lock is still held', async () => {
  const history = await open()
  const id = begin(history)
  expect(history.locks.heartbeat(id)).toBe(true)
  history.locks.release(id)
  history.locks.release(id)
  expect(history.locks.heartbeat(id)).toBe(false)
})

test('frees the lock on release', async () => {
  const history = await open()
  const id = begin(history)
  history.tasks.add(id, copies(0))
  history.executions.finish(id)
  history.locks.release(id)
  expect(begin(history)).toBe(id + 1)
})

test('lets different locks be held at once', async () => {
  const history = await open()
  expect([begin(history, 'a'), begin(history, 'b')]).toEqual([1, 2])
})

/** The lock's row as a process elsewhere would have written it. */
function moveToAnotherMachine(directory: string): void {
  const database = new Sqlite(join(directory, 'history.db'))
  database.prepare(`UPDATE locks SET machine = 'elsewhere', host = 'elsewhere'`).run()
  database.close()
}
