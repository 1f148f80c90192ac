/** Lanes, windows and pauses of one host. */

import { expect, test } from 'vitest'
import { CancelledError } from '../../src/core/errors.ts'
import { createLimiter, type Lane, type Limiter } from '../../src/http/limiter.ts'
import { fastClock } from './server.ts'

const signal = new AbortController().signal

test('streams leave room for small requests, which leave one stream running', async () => {
  const limiter = createLimiter({ connections: 8, clock: fastClock() })
  expect(await started(limiter, 'read', 10)).toBe(6)
  expect(await started(limiter, 'small', 10)).toBe(2)
})

test('a copy inside one registry always finds a slot for its other half', async () => {
  for (const connections of [1, 2, 16]) {
    const limiter = createLimiter({ connections, clock: fastClock() })
    expect(await started(limiter, 'write', 20)).toBeGreaterThan(0)
    expect(await started(limiter, 'read', 1)).toBe(1)
  }
})

test('one connection is one request', async () => {
  const limiter = createLimiter({ connections: 1, clock: fastClock() })
  expect(await started(limiter, 'write', 2)).toBe(1)
  expect(await started(limiter, 'small', 2)).toBe(0)
})

test('gives a slot on to the next in line, small ones first, and takes it back once', async () => {
  const limiter = createLimiter({ connections: 1, clock: fastClock() })
  const order: string[] = []
  const first = await limiter.acquire('small', signal)
  const read = limiter.acquire('read', signal).then((release) => order.push('read') && release())
  const rest = [1, 2].map(async (id) => {
    const release = await limiter.acquire('small', signal)
    order.push(`small ${id}`)
    release()
    release()
  })
  first()
  await Promise.all([read, ...rest])
  expect(order).toEqual(['read', 'small 1', 'small 2'])
})

test('is halved once for all that was under way, and regained slowly', () => {
  const clock = fastClock()
  const limiter = createLimiter({ connections: 16, clock })
  const began = clock.monotonic() - 1
  limiter.slow(clock.monotonic())
  limiter.slow(began)
  limiter.slow(began)
  expect(limiter.window).toBe(8)
  for (let count = 0; count < 32; count += 1) limiter.answered()
  expect(limiter.window).toBe(9)
})

test('rate and pauses go on where the clock of the machine is set back', async () => {
  const clock = fastClock()
  const limiter = createLimiter({ requestsPerSecond: 10, clock })
  await limiter.acquire('small', signal)
  clock.set(clock.now() - 86_400_000)
  await limiter.acquire('small', signal)
  expect(limiter.pause(500)).toBe(true)
  clock.set(clock.now() - 86_400_000)
  await limiter.acquire('small', signal)
  expect(clock.slept.every((pause) => pause <= 500)).toBe(true)
  expect(clock.slept.reduce((sum, pause) => sum + pause, 0)).toBe(600)
})

test('a request that is cancelled leaves the line', async () => {
  const limiter = createLimiter({ connections: 1, clock: fastClock() })
  const release = await limiter.acquire('small', signal)
  const controller = new AbortController()
  const waiting = limiter.acquire('small', controller.signal)
  controller.abort(new CancelledError('enough', 4))
  await expect(waiting).rejects.toThrow('enough')
  release()
  expect(await started(limiter, 'small', 1)).toBe(1)
})

/** How many of `count` requests get a slot without any being given back. */
async function started(limiter: Limiter, lane: Lane, count: number): Promise<number> {
  let running = 0
  for (let index = 0; index < count; index += 1) {
    void limiter.acquire(lane, signal).then(() => {
      running += 1
    })
  }
  await new Promise((resolve) => setImmediate(resolve))
  return running
}
