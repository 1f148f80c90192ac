import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Clock } from '../../../src/core/cancel.ts'
import { createSharedThrottle } from '../../../src/queue/shared/budget.ts'
import { hasRedis, type RealRedis, startRedis } from '../../support/redis.ts'

const never = new AbortController().signal

describe.skipIf(!hasRedis())('a rate shared over a real Redis', () => {
  let server: RealRedis
  const clients: Redis[] = []

  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(async () => {
    for (const client of clients) client.disconnect()
    await server.stop()
  })

  async function client(): Promise<Redis> {
    const made = new Redis(server.url, { maxRetriesPerRequest: null })
    made.on('error', () => {})
    clients.push(made)
    await made.ping()
    return made
  }

  test('four processes together keep the rate', async () => {
    const rate = 1_000_000
    const throttles = await Promise.all(
      Array.from({ length: 4 }, async () => createSharedThrottle(await client(), 'sum', rate)),
    )
    const began = performance.now()
    let bytes = 0
    await Promise.all(
      throttles.map(async (throttle) => {
        for (let taken = 0; taken < 500_000; taken += 10_000) {
          await throttle.take(10_000, never)
          bytes += 10_000
        }
      }),
    )
    // A slower machine takes longer, and none may take less: 2 MB at 1 MB a second, less what may be saved up and what is leased but not used.
    expect(bytes).toBe(2_000_000)
    expect(performance.now() - began).toBeGreaterThan(1_500)
  })

  test('books slices of a tenth of a second, not each chunk', async () => {
    const own = await client()
    const throttle = createSharedThrottle(own, 'slices', 10_000_000)
    const calls = async (): Promise<number> =>
      Number((await own.info('commandstats')).match(/cmdstat_eval:calls=(\d+)/)?.[1] ?? 0)
    const before = await calls()
    for (let taken = 0; taken < 3_000_000; taken += 1000) await throttle.take(1000, never)
    // 3,000 chunks are three slices.
    expect((await calls()) - before).toBeLessThanOrEqual(4)
  })

  test('one that is stopped does not stop those behind it', async () => {
    const throttle = createSharedThrottle(await client(), 'stopped', 100_000)
    const stop = new AbortController()
    const first = throttle.take(50_000, stop.signal)
    const second = throttle.take(1000, never)
    stop.abort()
    await expect(first).rejects.toThrow()
    await second
  })

  test('while the server is away each takes its part of the rate', async () => {
    const [one, two] = [await client(), await client()]
    const waits: number[] = []
    const clock: Clock = {
      now: Date.now,
      monotonic: () => performance.now(),
      sleep: async (milliseconds) => {
        waits.push(milliseconds)
      },
    }
    const throttles = [one, two].map((redis) => createSharedThrottle(redis, 'away', 1_000_000, clock))
    for (const throttle of throttles) await throttle.take(100_000, never)
    // Both know of both now.
    for (const throttle of throttles) await throttle.take(100_000, never)
    one.disconnect()
    waits.length = 0
    await throttles[0]?.take(100_000, never)
    expect(waits).toEqual([200])
  })
})
