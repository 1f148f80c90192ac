/** How far an execution is, as another process reads it. */

import { expect, test } from 'vitest'
import { begin, copies, open, temporaryDirectory } from './setup.ts'

const progress = {
  bytes: 300,
  settled: 100,
  received: 150,
  blobs: [{ id: '1', name: 'mirror/app:v1', size: 100, bytes: 50 }],
}

test('what one process tells another reads, until the end', async () => {
  const directory = temporaryDirectory()
  const [runner, watcher] = [await open(directory), await open(directory, { readonly: true })]
  const id = begin(runner)
  expect(watcher.progressOf(id)).toBeUndefined()
  runner.tellProgress(id, { ...progress, settled: 0 })
  runner.tellProgress(id, progress)
  expect(watcher.progressOf(id)).toEqual(progress)
  expect(watcher.exitCodeOf(id)).toBeUndefined()
  runner.recordExit(id, 4)
  expect(watcher.progressOf(id)).toBeUndefined()
  expect(watcher.exitCodeOf(id)).toBe(4)
})

test('an execution that goes on has neither the exit status nor the progress of before', async () => {
  const history = await open()
  const id = begin(history)
  history.addTasks(id, copies(1))
  history.move(id, 'in_progress')
  history.stopRest(id)
  history.finish(id)
  history.tellProgress(id, progress)
  history.release(id)
  history.resume(id)
  expect(history.progressOf(id)).toBeUndefined()
  history.stopRest(id)
  history.finish(id)
  history.recordExit(id, 4)
  history.release(id)
  history.resume(id)
  expect(history.exitCodeOf(id)).toBeUndefined()
})

test('no secret is told', async () => {
  const history = await open(undefined, { redact: (text) => text.replaceAll('s3cr"et', '***') })
  const id = begin(history)
  history.tellProgress(id, { ...progress, blobs: [{ id: '1', name: 'a s3cr"et', size: 1, bytes: 0 }] })
  expect(history.progressOf(id)?.blobs[0]?.name).toBe('a ***')
  history.log(id, undefined, 'info', 'x', 0, { type: 'waiting', reason: 'for s3cr"et' })
  expect([...history.logs(id)]).toMatchObject([{ event: { type: 'waiting', reason: 'for ***' } }])
})

test('tasks are found in the order of their ends', async () => {
  let now = 1000
  const history = await open(undefined, { clock: { now: () => now } })
  const id = begin(history)
  history.addTasks(id, copies(3))
  const taken = history.takePending(id, 3, now).map((task) => task.id)
  for (const task of [...taken].reverse()) {
    now += 1
    history.finishTask(task, 'succeeded')
  }
  expect(history.tasksEndedSince(id, 0).map((task) => task.id)).toEqual([...taken].reverse())
  expect(history.tasksEndedSince(id, 1002).map((task) => task.id)).toEqual([taken[1], taken[0]])
  expect(history.tasksEndedSince(id, 1004)).toEqual([])
})
