/** What several tasks ask once. */

import { expect, test } from 'vitest'
import type { Context } from '../../src/core/context.ts'
import { once, remembered } from '../../src/core/remembered.ts'

const task = (signal = new AbortController().signal): Context => ({ signal, emit: () => {} })

test('asks once for each key, until it is told to forget', async () => {
  const asked: string[] = []
  const lengthOf = remembered(async (key: string) => {
    asked.push(key)
    return key.length
  })
  expect(await Promise.all([lengthOf('one', task()), lengthOf('three', task()), lengthOf('one', task())])).toEqual([
    3, 5, 3,
  ])
  expect(asked).toEqual(['one', 'three'])
  lengthOf.forget('one')
  await lengthOf('one', task())
  expect(asked).toEqual(['one', 'three', 'one'])
})

test('forgets a failure, which all that waited get', async () => {
  let calls = 0
  const flaky = once(async () => {
    calls += 1
    if (calls < 3) throw new Error(`failure ${calls}`)
    return 'fine'
  })
  const first = await Promise.allSettled([flaky(task()), flaky(task())])
  expect(first.map((result) => result.status === 'rejected' && String(result.reason))).toEqual([
    'Error: failure 1',
    'Error: failure 1',
  ])
  await expect(flaky(task())).rejects.toThrow('failure 2')
  expect(await flaky(task())).toBe('fine')
  expect(calls).toBe(3)
})

test('asks again for those that waited while the task that asked was stopped', async () => {
  const stopped = new AbortController()
  let calls = 0
  const slow = once(async (ctx) => {
    calls += 1
    if (calls > 1) return 'fine'
    return new Promise<string>((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)))
  })
  const own = slow(task(stopped.signal))
  const waiting = [slow(task()), slow(task())]
  stopped.abort(new Error('stopped'))
  await expect(own).rejects.toThrow('stopped')
  expect(await Promise.all(waiting)).toEqual(['fine', 'fine'])
  expect(calls).toBe(2)
})
