/** How far an execution is, as another process reads it. */

import { expect, test } from 'vitest'
import { begin, copies, open, temporaryDirectory } from './setup.ts'

const digest = `sha256:${'0'.repeat(64)}` as const
const progress = {
  tasks: 2,
  bare: 0,
  bytes: 300,
  measured: 1,
  settled: 100,
  received: 150,
  blobs: [{ id: '1', name: 'mirror/app:v1', digest, size: 100, bytes: 50 }],
}

test('what one process tells another reads, until the end', async () => {
  const directory = temporaryDirectory()
  const [runner, watcher] = [await open(directory), await open(directory, { readonly: true })]
  const id = begin(runner)
  expect(watcher.progress.of(id)).toBeUndefined()
  runner.progress.tell(id, { ...progress, settled: 0 })
  runner.progress.tell(id, progress)
  expect(watcher.progress.of(id)).toEqual(progress)
  expect(watcher.executions.exitCodeOf(id)).toBeUndefined()
  runner.executions.recordExit(id, 4)
  expect(watcher.progress.of(id)).toBeUndefined()
  expect(watcher.executions.exitCodeOf(id)).toBe(4)
})

test('an execution that goes on has neither the exit status nor the progress of before', async () => {
  const history = await open()
  const id = begin(history)
  history.tasks.add(id, copies(1))
  history.executions.move(id, 'in_progress')
  history.tasks.stopRest(id)
  history.executions.finish(id)
  history.progress.tell(id, progress)
  history.locks.release(id)
  history.executions.resume(id)
  expect(history.progress.of(id)).toBeUndefined()
  history.tasks.stopRest(id)
  history.executions.finish(id)
  history.executions.recordExit(id, 4)
  history.locks.release(id)
  history.executions.resume(id)
  expect(history.executions.exitCodeOf(id)).toBeUndefined()
})

test('no secret is told', async () => {
  const history = await open(undefined, { redact: (text) => text.replaceAll('s3cr"et', '***') })
  const id = begin(history)
  history.progress.tell(id, { ...progress, blobs: [{ id: '1', name: 'a s3cr"et', digest, size: 1, bytes: 0 }] })
  expect(history.progress.of(id)?.blobs[0]?.name).toBe('a ***')
  history.logs.add(id, undefined, 'info', 'x', 0, { type: 'waiting', reason: 'for s3cr"et' })
  expect([...history.logs.list(id)]).toMatchObject([{ event: { type: 'waiting', reason: 'for ***' } }])
})

test('tasks are found in the order of their ends', async () => {
  let now = 1000
  const history = await open(undefined, { clock: { now: () => now } })
  const id = begin(history)
  history.tasks.add(id, copies(3))
  const taken = history.tasks.takePending(id, 3, now).map((task) => task.id)
  for (const task of [...taken].reverse()) {
    now += 1
    history.tasks.finish(task, 'succeeded')
  }
  expect(history.tasks.endedSince(id, 0).map((task) => task.id)).toEqual([...taken].reverse())
  expect(history.tasks.endedSince(id, 1002).map((task) => task.id)).toEqual([taken[1], taken[0]])
  expect(history.tasks.endedSince(id, 1004)).toEqual([])
})
