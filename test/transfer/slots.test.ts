import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { CancelledError } from '../../src/core/errors.ts'
import { Slots } from '../../src/transfer/slots.ts'

/** Work that ends when it is told to. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { promise, resolve }
}

test('never lets more work run than there are slots', async () => {
  const slots = new Slots(2)
  const { signal } = new AbortController()
  let running = 0
  let most = 0
  const work = async (): Promise<void> => {
    running += 1
    most = Math.max(most, running)
    await turn()
    running -= 1
  }
  await Promise.all(Array.from({ length: 20 }, () => slots.use('task', signal, work)))
  expect(most).toBe(2)
})

test('serves owners in turn, so that a task of many blobs cannot starve a task of one', async () => {
  const slots = new Slots(1)
  const { signal } = new AbortController()
  const first = held()
  const order: string[] = []
  const note = (name: string) => async (): Promise<void> => {
    order.push(name)
  }
  const running = slots.use('large', signal, () => first.promise)
  const waiting = [
    slots.use('large', signal, note('large 1')),
    slots.use('large', signal, note('large 2')),
    slots.use('large', signal, note('large 3')),
    slots.use('small', signal, note('small')),
  ]
  first.resolve()
  await Promise.all([running, ...waiting])
  expect(order.indexOf('small')).toBe(1)
})

test('a waiter that is stopped leaves the queue and takes no slot', async () => {
  const slots = new Slots(1)
  const first = held()
  const stop = new AbortController()
  const running = slots.use('a', new AbortController().signal, () => first.promise)
  const stopped = slots.use('b', stop.signal, async () => {})
  stop.abort(new CancelledError('stopped', 130))
  await expect(stopped).rejects.toThrow('stopped')
  first.resolve()
  await running
  await slots.use('c', new AbortController().signal, async () => {})
})

test('a slot is given back when the work fails', async () => {
  const slots = new Slots(1)
  const { signal } = new AbortController()
  await expect(slots.use('a', signal, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  await expect(slots.use('a', signal, async () => 'fine')).resolves.toBe('fine')
})
