import { expect, test } from 'vitest'
import type { UploadKey } from '../../src/history/uploads.ts'
import { begin, open, startChild, temporaryDirectory } from './setup.ts'

const KEY: UploadKey = { registry: 'https://harbor', repository: 'mirror/app', digest: `sha256:${'a'.repeat(64)}` }
const OTHER: UploadKey = { ...KEY, repository: 'mirror/other' }
const DAY = 24 * 60 * 60 * 1000

test('a later execution of the policy finds where the upload of an earlier one is', async () => {
  const history = await open()
  const first = begin(history)
  const upload = history.uploads.checkpoint(first, KEY)
  expect(upload.load()).toBeUndefined()
  upload.save('/uploads/1?_state=a', 0)
  upload.save('/uploads/1?_state=b', 1000)
  expect(upload.load()).toBe('/uploads/1?_state=b')
  history.executions.finish(first, 'stopped')
  history.locks.release(first)

  const second = history.uploads.checkpoint(begin(history), KEY)
  expect(second.load()).toBe('/uploads/1?_state=b')
  second.clear()
  expect(second.load()).toBeUndefined()
})

test('an upload of an execution that is running is nobody else’s', async () => {
  const history = await open()
  const mine = history.uploads.checkpoint(begin(history, 'mine'), KEY)
  const id = begin(history, 'yours')
  mine.save('/uploads/1', 0)
  const yours = history.uploads.checkpoint(id, KEY)
  expect(yours.load()).toBeUndefined()
  yours.save('/uploads/2', 0)
  yours.clear()
  expect(mine.load()).toBe('/uploads/1')
  expect(history.uploads.takeAbandoned(id, KEY.registry, true)).toEqual([])
})

test('an upload of a process that was killed goes to whoever asks first, also of another policy', async () => {
  const directory = temporaryDirectory()
  const child = startChild(directory, 'hold')
  await child.answer
  const history = await open(directory)
  history.uploads.checkpoint(1, KEY).save('/uploads/1', 0)
  const [second, third] = [begin(history, 'second'), begin(history, 'third')]
  expect(history.uploads.checkpoint(second, KEY).load()).toBeUndefined()
  await child.kill()
  expect(history.uploads.checkpoint(second, KEY).load()).toBe('/uploads/1')
  expect(history.uploads.checkpoint(third, KEY).load()).toBeUndefined()
})

test('what the same policy has left is abandoned once all is brought, anything after a day', async () => {
  let now = 1_000_000
  const history = await open(undefined, { clock: { now: () => now } })
  const mine = begin(history, 'mine')
  history.uploads.checkpoint(mine, KEY).save('/uploads/1', 0)
  history.executions.finish(mine, 'stopped')
  history.locks.release(mine)
  const yours = begin(history, 'yours')
  history.uploads.checkpoint(yours, OTHER).save('/uploads/2', 0)
  history.executions.finish(yours, 'stopped')
  history.locks.release(yours)

  const again = begin(history, 'mine')
  expect(history.uploads.takeAbandoned(again, KEY.registry, false)).toEqual([])
  expect(history.uploads.takeAbandoned(again, 'https://elsewhere', true)).toEqual([])
  expect(history.uploads.takeAbandoned(again, KEY.registry, true)).toEqual([{ ...KEY, location: '/uploads/1' }])
  expect(history.uploads.takeAbandoned(again, KEY.registry, true)).toEqual([])
  now += DAY + 1
  expect(history.uploads.takeAbandoned(again, KEY.registry, false)).toEqual([{ ...OTHER, location: '/uploads/2' }])
})

test('knows whether the last execution of the policy may have left something', async () => {
  const history = await open()
  const first = begin(history)
  expect(history.uploads.mayHaveLeft(first)).toBe(false)
  history.executions.finish(first, 'stopped')
  history.locks.release(first)
  const second = begin(history)
  expect(history.uploads.mayHaveLeft(second)).toBe(true)
  expect(history.uploads.mayHaveLeft(begin(history, 'other'))).toBe(false)
  history.executions.move(second, 'in_progress')
  history.executions.finish(second)
  history.locks.release(second)
  expect(history.uploads.mayHaveLeft(begin(history))).toBe(false)
})
