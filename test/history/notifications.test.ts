/** Which ends are to be told: each once, also where the process that should have told it died. */

import { expect, test } from 'vitest'
import { begin, open, temporaryDirectory } from './setup.ts'

test('an end is owed once it is there, and until it is told', async () => {
  const history = await open()
  const id = begin(history)
  history.notifications.owe(id)
  expect(history.notifications.owed(id)).toEqual([])
  history.executions.move(id, 'in_progress')
  history.executions.finish(id)
  expect(history.notifications.owed(id)).toEqual([{ execution: id, attempt: 1 }])
  history.notifications.settle(id)
  expect(history.notifications.owed(id)).toEqual([])
})

test('an execution that goes on owes its next end', async () => {
  const history = await open()
  const id = begin(history)
  history.notifications.owe(id)
  history.executions.fail(id, { code: 'x', message: 'x' })
  history.notifications.settle(id)
  history.locks.release(id)
  expect(history.executions.resume(id)).toEqual({ id, attempt: 2 })
  history.notifications.owe(id)
  history.executions.move(id, 'in_progress')
  history.executions.finish(id)
  expect(history.notifications.owed(id)).toEqual([{ execution: id, attempt: 2 }])
})

test('the next execution of the policy finds what is owed, another policy does not', async () => {
  const history = await open()
  const [first, untold] = [begin(history, 'a'), begin(history, 'b')]
  for (const id of [first, untold]) {
    if (id === first) history.notifications.owe(id)
    history.executions.move(id, 'in_progress')
    history.executions.finish(id)
    history.locks.release(id)
  }
  expect(history.notifications.owed(begin(history, 'b'))).toEqual([])
  expect(history.notifications.owed(begin(history, 'a'))).toEqual([{ execution: first, attempt: 1 }])
})

test('a history keeps what tells it from others', async () => {
  const directory = temporaryDirectory()
  const identity = (await open(directory)).identity()
  expect(identity).toMatch(/^[0-9a-f]{16}$/)
  expect((await open(directory)).identity()).toBe(identity)
  expect((await open()).identity()).not.toBe(identity)
})
