import { expect, test } from 'vitest'
import type { UploadKey } from '../../src/history/uploads.ts'
import { begin, open, startChild, temporaryDirectory } from './setup.ts'

const KEY: UploadKey = { registry: 'https://harbor', repository: 'mirror/app', digest: `sha256:${'a'.repeat(64)}` }
const OTHER: UploadKey = { ...KEY, repository: 'mirror/other' }
const DAY = 24 * 60 * 60 * 1000

test('a later execution of the policy finds where the upload of an earlier one is', async () => {
  const history = await open()
  const first = begin(history)
  const upload = history.checkpoint(first, KEY)
  expect(upload.load()).toBeUndefined()
  upload.save('/uploads/1?_state=a', 0)
  upload.save('/uploads/1?_state=b', 1000)
  expect(upload.load()).toBe('/uploads/1?_state=b')
  history.finish(first, 'stopped')
  history.release(first)

  const second = history.checkpoint(begin(history), KEY)
  expect(second.load()).toBe('/uploads/1?_state=b')
  second.clear()
  expect(second.load()).toBeUndefined()
})

test('an upload of an execution that is running is nobody else’s', async () => {
  const history = await open()
  const mine = history.checkpoint(begin(history, 'mine'), KEY)
  const id = begin(history, 'yours')
  mine.save('/uploads/1', 0)
  const yours = history.checkpoint(id, KEY)
  expect(yours.load()).toBeUndefined()
  yours.save('/uploads/2', 0)
  yours.clear()
  expect(mine.load()).toBe('/uploads/1')
  expect(history.takeAbandoned(id, KEY.registry, true)).toEqual([])
})

test('an upload of a process that was killed goes to whoever asks first, also of another policy', async () => {
  const directory = temporaryDirectory()
  const child = startChild(directory, 'hold')
  await child.answer
  const history = await open(directory)
  history.checkpoint(1, KEY).save('/uploads/1', 0)
  const [second, third] = [begin(history, 'second'), begin(history, 'third')]
  expect(history.checkpoint(second, KEY).load()).toBeUndefined()
  await child.kill()
  expect(history.checkpoint(second, KEY).load()).toBe('/uploads/1')
  expect(history.checkpoint(third, KEY).load()).toBeUndefined()
})

test('what the same policy has left is abandoned once all is brought, anything after a day', async () => {
  let now = 1_000_000
  const history = await open(undefined, { clock: { now: () => now } })
  const mine = begin(history, 'mine')
  history.checkpoint(mine, KEY).save('/uploads/1', 0)
  history.finish(mine, 'stopped')
  history.release(mine)
  const yours = begin(history, 'yours')
  history.checkpoint(yours, OTHER).save('/uploads/2', 0)
  history.finish(yours, 'stopped')
  history.release(yours)

  const again = begin(history, 'mine')
  expect(history.takeAbandoned(again, KEY.registry, false)).toEqual([])
  expect(history.takeAbandoned(again, 'https://elsewhere', true)).toEqual([])
  expect(history.takeAbandoned(again, KEY.registry, true)).toEqual([{ ...KEY, location: '/uploads/1' }])
  expect(history.takeAbandoned(again, KEY.registry, true)).toEqual([])
  now += DAY + 1
  expect(history.takeAbandoned(again, KEY.registry, false)).toEqual([{ ...OTHER, location: '/uploads/2' }])
})

test('knows whether the last execution of the policy may have left something', async () => {
  const history = await open()
  const first = begin(history)
  expect(history.mayHaveLeft(first)).toBe(false)
  history.finish(first, 'stopped')
  history.release(first)
  const second = begin(history)
  expect(history.mayHaveLeft(second)).toBe(true)
  expect(history.mayHaveLeft(begin(history, 'other'))).toBe(false)
  history.move(second, 'in_progress')
  history.finish(second)
  history.release(second)
  expect(history.mayHaveLeft(begin(history))).toBe(false)
})
