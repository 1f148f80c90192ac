import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../src/core/cancel.ts'
import { shareConnections } from '../../../src/queue/shared/connections.ts'
import { createPermits, type PermitOptions, type Permits } from '../../../src/queue/shared/permits.ts'
import { hasRedis, type RealRedis, startRedis } from '../../support/redis.ts'

const never = new AbortController().signal

describe.skipIf(!hasRedis())('permits over a real Redis', () => {
  let server: RealRedis
  const open: { client: Redis; permits: Permits }[] = []

  beforeAll(async () => {
    server = await startRedis()
  })
  beforeEach(async () => {
    for (const { client, permits } of open.splice(0)) {
      permits.close()
      client.disconnect()
    }
    await server.start()
  })
  afterAll(async () => {
    for (const { client, permits } of open) {
      permits.close()
      client.disconnect()
    }
    await server.stop()
  })

  /** As another process has them. */
  function holder(
    options?: PermitOptions,
    more: { readonly commandTimeout?: number } = {},
  ): { client: Redis; permits: Permits } {
    const client = new Redis(server.url, { ...more, maxRetriesPerRequest: null, retryStrategy: () => 50 })
    client.on('error', () => {})
    const made = { client, permits: createPermits(client, options) }
    open.push(made)
    return made
  }

  test('lets no more than the limit hold a key, over several holders', async () => {
    const holders = [holder(), holder(), holder()]
    let running = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const permit = await holders[index % 3]?.permits.take('limited', 4, never)
        running += 1
        most = Math.max(most, running)
        await new Promise((resolve) => setTimeout(resolve, 5))
        running -= 1
        permit?.release()
      }),
    )
    expect(most).toBe(4)
  })

  test('is not waited for by one that wants it now or never, who may wait until it is free', async () => {
    const [one, two] = [holder(), holder()]
    const first = await one.permits.take('now', 1, never)
    expect(await two.permits.takeNow('now', 1, never)).toBeUndefined()
    let isFree = false
    const free = two.permits.free('now', 1, never).then(() => {
      isFree = true
    })
    await sleep(50)
    expect(isFree).toBe(false)
    first.release()
    await free
    const second = await two.permits.takeNow('now', 1, never)
    expect(second?.lost.aborted).toBe(false)
  })

  test('goes to the process that holds the fewest of those that wait', async () => {
    const [greedy, modest] = [holder(), holder()]
    const order: string[] = []
    const note = (name: string) => async (permit: Promise<{ release(): void }>) => {
      const { release } = await permit
      order.push(name)
      return release
    }
    const first = await Promise.all([1, 2, 3].map(() => greedy.permits.take('fair', 3, never)))
    const more = [1, 2].map(() => note('greedy')(greedy.permits.take('fair', 3, never)))
    const one = note('modest')(modest.permits.take('fair', 3, never))
    await expect.poll(() => greedy.client.zcard('fair waiting'), { timeout: 60_000 }).toBe(2)
    first[0]?.release()
    const release = await one
    expect(order).toEqual(['modest'])
    first[1]?.release()
    first[2]?.release()
    await Promise.all(more)
    release()
  })

  test('are waited for by a process that has died for a moment only', async () => {
    const [greedy, dead] = [holder(), holder()]
    const first = await Promise.all([1, 2].map(() => greedy.permits.take('abandoned', 2, never)))
    const stop = new AbortController()
    const waits = dead.permits.take('abandoned', 2, stop.signal)
    waits.catch(() => {})
    await expect.poll(() => greedy.client.zcard('abandoned waiting'), { timeout: 60_000 }).toBe(1)
    stop.abort()
    await expect(waits).rejects.toThrow()
    first[0]?.release()
    const again = await greedy.permits.take('abandoned', 2, never)
    expect(again.lost.aborted).toBe(false)
    await expect.poll(() => greedy.client.exists('abandoned waiting'), { timeout: 60_000 }).toBe(0)
  })

  test('that a restarted server has forgotten stay with their holder, though others that hold fewer wait', async () => {
    const { client, permits } = holder({ life: 1000 })
    const all = await Promise.all([1, 2, 3].map(() => permits.take('forgotten', 3, never)))
    const later = Date.now() + 3_600_000
    await client.multi().zadd('forgotten waiting', later, 'another').del('forgotten').exec()
    await expect.poll(() => client.zcard('forgotten'), { timeout: 60_000 }).toBe(3)
    expect(all.map(({ lost }) => lost.aborted)).toEqual([false, false, false])
  })

  test('one that is wanted now or never keeps no one waiting, also where the answer comes too late', async () => {
    const [one, two] = [holder(), holder({}, { commandTimeout: 200 })]
    const first = await one.permits.take('late', 1, never)
    expect(await two.permits.takeNow('late', 1, never)).toBeUndefined()
    expect(await one.client.exists('late waiting')).toBe(0)
    first.release()
    await expect.poll(() => one.client.zcard('late'), { timeout: 60_000 }).toBe(0)
    await one.client.client('PAUSE', 2000, 'ALL')
    expect(await two.permits.takeNow('late', 1, never)).toBeUndefined()
    // Far sooner than its life is over.
    await expect.poll(() => one.client.zcard('late'), { timeout: 10_000 }).toBe(0)
  })

  test('that are waited for stay so while the server is away, and are free once it is back', async () => {
    const [one, two] = [holder(), holder({}, { commandTimeout: 100 })]
    await one.permits.take('away', 1, never)
    one.permits.close()
    one.client.disconnect()
    await server.kill()
    let isFree = false
    const free = two.permits.free('away', 1, never).then(() => {
      isFree = true
    })
    expect(await two.permits.takeNow('away', 1, never)).toBeUndefined()
    await sleep(500)
    expect(isFree).toBe(false)
    await server.start()
    await free
    expect(await two.permits.takeNow('away', 1, never)).toBeDefined()
  })

  test('of those who wait in one process only one asks, and they get it in order', async () => {
    const asking = { now: 0, most: 0 }
    const clock: Clock = {
      ...systemClock,
      async sleep(...call) {
        asking.now += 1
        asking.most = Math.max(asking.most, asking.now)
        await systemClock.sleep(...call).finally(() => {
          asking.now -= 1
        })
      },
    }
    const [other, crowded] = [holder(), holder({ clock })]
    const first = await other.permits.take('crowded', 1, never)
    const served: number[] = []
    const stop = new AbortController()
    const all = Array.from({ length: 20 }, async (_, index) => {
      const signal = index === 0 || index === 7 ? stop.signal : never
      const permit = await crowded.permits.take('crowded', 1, signal)
      served.push(index)
      permit.release()
    })
    const ended = Promise.allSettled(all)
    await expect.poll(() => asking.now, { timeout: 60_000 }).toBe(1)
    // Neither the first of them nor one in between holds up the others by giving up.
    stop.abort()
    await Promise.allSettled([all[0], all[7]])
    first.release()
    const outcomes = (await ended).map(({ status }) => status)
    expect(outcomes.filter((status) => status === 'rejected')).toHaveLength(2)
    expect(served).toEqual([...served].sort((a, b) => a - b))
    expect(served).toHaveLength(18)
    expect(asking.most).toBe(1)
  })

  test('is free again once its holder has died', async () => {
    const [dead, alive] = [holder({ life: 300 }), holder({ life: 300 })]
    await dead.permits.take('inherited', 1, never)
    dead.permits.close()
    dead.client.disconnect()
    expect(await alive.permits.takeNow('inherited', 1, never)).toBeUndefined()
    const permit = await alive.permits.take('inherited', 1, never)
    expect(permit.lost.aborted).toBe(false)
  })

  test('stays with a holder that lives, far beyond its life', async () => {
    const [one, two] = [holder({ life: 300 }), holder({ life: 300 })]
    const permit = await one.permits.take('kept', 1, never)
    const soon = AbortSignal.timeout(1500)
    await expect(two.permits.take('kept', 1, soon)).rejects.toThrow()
    expect(permit.lost.aborted).toBe(false)
  })

  test('survives a restart that forgets everything', async () => {
    const { permits } = holder({ life: 5000 })
    const permit = await permits.take('restarted', 1, never)
    await server.kill()
    await server.start()
    const other = holder()
    await expect.poll(() => other.client.zcard('restarted'), { timeout: 60_000 }).toBe(1)
    expect(permit.lost.aborted).toBe(false)
  })

  test('is lost before its life is over where the server stays away', async () => {
    const { permits } = holder({ life: 500 })
    const permit = await permits.take('cut off', 1, never)
    await server.kill()
    await expect.poll(() => permit.lost.aborted, { timeout: 60_000 }).toBe(true)
    expect(String(permit.lost.reason)).toContain('could not be renewed')
  })

  test('stays with its holder while the server refuses connections, and after that', async () => {
    let isDown = false
    const [one, two] = [holder({ life: 500, isDown: () => isDown }), holder({ life: 500 })]
    one.client.on('error', () => {
      isDown = true
    })
    one.client.on('connect', () => {
      isDown = false
    })
    const permit = await one.permits.take('down', 1, never)
    await server.kill()
    await expect.poll(() => isDown, { timeout: 60_000 }).toBe(true)
    await sleep(2000)
    await server.start()
    await expect.poll(() => two.client.zcard('down'), { timeout: 60_000 }).toBe(1)
    await expect(two.permits.take('down', 1, AbortSignal.timeout(1500))).rejects.toThrow()
    expect(permit.lost.aborted).toBe(false)
  })

  test('connections: requests go on while the server is away, as many as before, and share again once it is back', async () => {
    const { client, permits } = holder({}, { commandTimeout: 1000 })
    const pool = shareConnections(permits, 'away', 8)
    await client.ping()
    const before = await Promise.all([pool.take(never), pool.take(never), pool.take(never)])
    await server.kill()
    for (const release of before) release()
    const three = await Promise.all([pool.take(never), pool.take(never), pool.take(never)])
    let fourth = false
    const more = pool.take(never).then((release) => {
      fourth = true
      return release
    })
    three[0]?.()
    const last = await more
    expect(fourth).toBe(true)
    for (const release of [...three, last]) release()
    await server.start()
    const other = holder()
    await expect
      .poll(
        async () => {
          const release = await pool.take(never)
          const held = await other.client.zcard('away')
          release()
          return held
        },
        { timeout: 60_000 },
      )
      .toBeGreaterThan(0)
  })

  test('connections: a server that hangs holds up no request for good', async () => {
    const { client, permits } = holder({}, { commandTimeout: 1000 })
    const pool = shareConnections(permits, 'hung', 8)
    await client.ping()
    server.process.kill('SIGSTOP')
    try {
      const release = await pool.take(never)
      release()
    } finally {
      server.process.kill('SIGCONT')
    }
  })

  test('a server that refuses to give any says why, as a failure that may be retried', async () => {
    const { client, permits } = holder()
    await client.set('of another kind', 'text')
    await expect(permits.take('of another kind', 1, never)).rejects.toMatchObject({
      message: expect.stringContaining('the queue gives no lease: '),
      retryable: true,
    })
  })

  test('a stop ends the wait, also while the server is away', async () => {
    const { permits } = holder()
    await server.kill()
    const stop = new AbortController()
    const waiting = permits.take('stopped', 1, stop.signal)
    stop.abort()
    await expect(waiting).rejects.toThrow()
  })

  test('connections: several requests in a row ask once, and no more than the limit are out', async () => {
    const [one, two] = [holder(), holder()]
    const pools = [one, two].map(({ permits }) => shareConnections(permits, 'host', 3))
    let out = 0
    let most = 0
    const before = Number((await one.client.info('commandstats')).match(/cmdstat_eval:calls=(\d+)/)?.[1] ?? 0)
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const release = await pools[index % 2]?.take(never)
        out += 1
        most = Math.max(most, out)
        await Promise.resolve()
        out -= 1
        release?.()
        release?.()
      }),
    )
    const asked = Number((await one.client.info('commandstats')).match(/cmdstat_eval:calls=(\d+)/)?.[1]) - before
    expect(most).toBeLessThanOrEqual(3)
    expect(asked).toBeGreaterThan(0)
  })
})
