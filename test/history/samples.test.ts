/** Bytes over time, of short runs and of long ones. */

import { expect, test } from 'vitest'
import { begin, copies, open, temporaryDirectory } from './setup.ts'

const SECOND = 1000

test('a run of a day has at most 600 samples, from its beginning to its end', async () => {
  let now = Date.UTC(2026, 0, 1)
  const directory = temporaryDirectory()
  const history = await open(directory, { clock: { now: () => now } })
  const id = begin(history)
  history.tasks.add(id, copies(1))
  const [task] = history.tasks.takePending(id, 1, now)
  if (!task) throw new Error('nothing is pending')
  const start = now
  const day = 24 * 60 * 60
  for (let second = 0; second <= day; second += 1) {
    history.samples.note(id)
    if (second % 60 === 0) {
      history.tasks.addMoved(task.id, { bytes_copied: 60, bytes_mounted: 0, bytes_present: 0 })
    }
    now += SECOND
  }
  history.samples.end(id)
  const reader = await open(directory, { readonly: true })
  const samples = reader.samples.of(id)
  expect(samples.length).toBeGreaterThan(300)
  expect(samples.length).toBeLessThanOrEqual(600)
  expect(samples[0]).toEqual({ time: new Date(start).toISOString(), bytes: 0 })
  expect(samples.at(-1)).toEqual({ time: new Date(now).toISOString(), bytes: day + 60 })
  const times = samples.map(({ time }) => Date.parse(time))
  const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0))
  expect(Math.max(...gaps)).toBeLessThanOrEqual(256 * SECOND)
  for (const { time, bytes } of samples.slice(0, -1)) {
    expect(Math.abs(bytes - (Date.parse(time) - start) / SECOND)).toBeLessThanOrEqual(60)
  }
  history.executions.move(id, 'in_progress')
  history.tasks.finish(task.id, 'succeeded')
  history.executions.finish(id)
  history.locks.release(id)
  history.prune.delete([id])
  expect(history.samples.of(id)).toEqual([])
})

test('only the process that runs an execution notes samples of it', async () => {
  const directory = temporaryDirectory()
  const history = await open(directory)
  const id = begin(history)
  history.locks.release(id)
  history.samples.note(id)
  history.samples.end(id)
  expect(history.samples.of(id)).toEqual([])
})

test('what running tasks have moved so far counts, once', async () => {
  const history = await open(temporaryDirectory(), { clock: { now: () => 0 } })
  const id = begin(history)
  history.tasks.add(id, copies(1))
  const [task] = history.tasks.takePending(id, 1, 0)
  history.tasks.addMoved(task?.id ?? 0, { bytes_copied: 1000, bytes_mounted: 0, bytes_present: 0 })
  history.samples.note(id)
  expect(history.samples.of(id)).toEqual([{ time: new Date(0).toISOString(), bytes: 1000 }])
})
