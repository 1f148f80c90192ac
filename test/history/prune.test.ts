/** Old executions go, with all that belongs to them; what runs stays. */

import { statSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { History } from '../../src/history/history.ts'
import { begin, copies, open, startChild, temporaryDirectory } from './setup.ts'

function ended(history: History, tasks = 1, policy?: string): number {
  const id = begin(history, policy)
  history.tasks.add(id, copies(tasks))
  history.executions.move(id, 'in_progress')
  history.logs.add(id, undefined, 'info', 'a line', 0)
  history.tasks.stopRest(id)
  history.executions.finish(id)
  history.logs.flush()
  history.executions.recordExit(id, 4)
  history.locks.release(id)
  return id
}

const idsOf = (executions: readonly { readonly id: number }[]): readonly number[] => executions.map(({ id }) => id)

test('keep leaves the newest, and age what is young; both together only take what both say', async () => {
  let now = 0
  const history = await open(undefined, { clock: { now: () => now } })
  for (let day = 0; day < 5; day += 1) {
    now = day * 100
    ended(history)
  }
  expect(idsOf(history.prune.candidates({ keep: 2 }))).toEqual([1, 2, 3])
  expect(idsOf(history.prune.candidates({ before: 200 }))).toEqual([1, 2])
  expect(idsOf(history.prune.candidates({ keep: 4, before: 200 }))).toEqual([1])
  expect(idsOf(history.prune.candidates({ keep: 100 }))).toEqual([])
  expect(history.prune.candidates({ keep: 4 })).toEqual([
    { id: 1, policy: 'base', start_time: '1970-01-01T00:00:00.000Z', tasks: 1 },
  ])
})

test('an execution that runs is never taken, and counts among those that are kept', async () => {
  const history = await open()
  const first = begin(history, 'runs')
  const second = ended(history)
  expect(idsOf(history.prune.candidates({ keep: 0 }))).toEqual([second])
  expect(history.prune.delete([first, second])).toBe(1)
  expect(idsOf(history.executions.list())).toEqual([first])
  // It would be held up for as long as the file is written anew.
  expect(history.prune.giveSpaceBack()).toBeUndefined()
})

test('an execution that has ended, but whose process still writes its last lines, is not taken', async () => {
  const history = await open()
  const id = begin(history)
  history.executions.finish(id)
  expect(history.prune.candidates({})).toEqual([])
  expect(history.prune.delete([id])).toBe(0)
  history.locks.release(id)
  expect(history.prune.delete([id])).toBe(1)
})

test('an execution whose process died can be taken', async () => {
  const directory = temporaryDirectory()
  const child = startChild(directory, 'hold')
  await child.answer
  const history = await open(directory)
  expect(history.prune.candidates({})).toEqual([])
  await child.kill()
  expect(idsOf(history.prune.candidates({}))).toEqual([1])
})

test('tasks and log lines go with their execution, and the file gets smaller', async () => {
  const directory = temporaryDirectory()
  const history = await open(directory)
  const large = ended(history, 5000)
  const small = ended(history, 2)
  const size = (): number => statSync(history.file).size
  history.locks.release(small)
  const before = size()
  history.prune.delete([large])
  expect([...history.tasks.list(large)]).toEqual([])
  expect([...history.logs.list(large)]).toEqual([])
  expect([...history.tasks.list(small)]).toHaveLength(2)
  expect(history.executions.get(small)).toMatchObject({ total: 2, stopped: 2 })
  const given = history.prune.giveSpaceBack() ?? 0
  expect(size()).toBeLessThan(before / 4)
  expect(given).toBeGreaterThan(before / 2)
  // A number is never given twice.
  expect(ended(history)).toBe(small + 1)
})
