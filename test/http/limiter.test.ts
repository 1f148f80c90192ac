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

test('asks for a connection that other processes share, but not for the other half of a copy', async () => {
  let out = 0
  const connections = {
    take: async () => {
      out += 1
      return () => {
        out -= 1
      }
    },
  }
  const limiter = createLimiter({ connections: 8, shared: { connections }, clock: fastClock() })
  const releases = [await limiter.acquire('write', signal), await limiter.acquire('write', signal)]
  expect(out).toBe(2)
  releases.push(await limiter.acquire('read', signal), await limiter.acquire('small', signal, true))
  expect(out).toBe(2)
  for (const release of releases) release()
  expect(out).toBe(0)
})

test('a stop while it waits for other processes gives its slot back', async () => {
  const connections = {
    take: (stop: AbortSignal) => new Promise<() => void>((_, no) => stop.addEventListener('abort', no)),
  }
  const limiter = createLimiter({ connections: 1, shared: { connections }, clock: fastClock() })
  const stop = new AbortController()
  const waiting = limiter.acquire('small', stop.signal)
  stop.abort(new CancelledError('stopped', 1))
  await expect(waiting).rejects.toThrow()
  const next = new AbortController()
  const second = limiter.acquire('small', next.signal)
  await Promise.resolve()
  next.abort(new CancelledError('stopped again', 1))
  await expect(second).rejects.toThrow()
})

test('takes the rate that other processes share in place of its own', async () => {
  let requests = 0
  const shared = {
    requests: {
      take: (count: number) => {
        requests += count
        return undefined
      },
    },
  }
  const clock = fastClock()
  const limiter = createLimiter({ requestsPerSecond: 1, shared, clock })
  const began = clock.monotonic()
  for (let request = 0; request < 5; request += 1) (await limiter.acquire('small', signal))()
  expect(requests).toBe(5)
  expect(clock.monotonic() - began).toBeLessThan(1000)
})
