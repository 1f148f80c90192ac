/** A rate that several processes share: bytes or requests a second, leased in slices, so that the server is not asked for each chunk. */

import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { abortReason, type Clock, systemClock } from '../../core/cancel.ts'
import type { Throttle } from '../../transfer/throttle.ts'

/** Milliseconds of the whole rate in one slice, and that may be saved up. What a process that died had leased is lost for no longer. */
const SLICE = 100
/** Milliseconds without a slice after which a process is no longer counted as one that shares the rate. */
const FORGOTTEN = 10_000

/** Books a slice behind what is booked already, by the server's clock. Gives the milliseconds until it may be spent, and how many share the rate. */
const BOOK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local booked = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now - ${SLICE})
local till = booked + tonumber(ARGV[2])
redis.call('SET', KEYS[1], string.format('%.3f', till), 'PX', math.ceil(till - now) + ${FORGOTTEN})
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ${FORGOTTEN})
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('PEXPIRE', KEYS[2], ${FORGOTTEN})
return { string.format('%.3f', till - now), redis.call('ZCARD', KEYS[2]) }`

/** `rate` a second over all processes that use the key. While the server is away each goes on with its part of the rate, by the last count. */
export function createSharedThrottle(redis: Redis, key: string, rate: number, clock: Clock = systemClock): Throttle {
  const me = randomUUID()
  let credit = 0
  let sharers = 1
  /** The last of those who wait for a slice. */
  let last: Promise<void> | undefined

  async function refill(wanted: number, signal: AbortSignal): Promise<void> {
    const slice = Math.max(wanted, (rate * SLICE) / 1000)
    const [wait, count] = await booked(slice)
    sharers = count
    if (wait > 0) await clock.sleep(wait, signal)
    credit += slice
  }

  async function booked(slice: number): Promise<readonly [wait: number, sharers: number]> {
    const length = (slice / rate) * 1000
    // A client that queues commands while its server is away would hold up the bytes.
    if (redis.status !== 'ready') return [length * sharers, sharers]
    try {
      const answer = await redis.eval(BOOK, 2, key, `${key}:by`, me, length)
      if (Array.isArray(answer)) return [Number(answer[0]), Number(answer[1])]
    } catch {
      // As while it is away.
    }
    return [length * sharers, sharers]
  }

  async function turn(bytes: number, signal: AbortSignal, before: Promise<void> | undefined): Promise<void> {
    await before
    if (signal.aborted) throw abortReason(signal)
    if (credit < bytes) await refill(bytes - credit, signal)
    credit -= bytes
  }

  return {
    take(bytes, signal) {
      if (last === undefined && credit >= bytes) {
        credit -= bytes
        return undefined
      }
      const mine = turn(bytes, signal, last)
      // One that was stopped does not stop those behind it.
      const settled = mine
        .catch(() => {})
        .then(() => {
          if (last === settled) last = undefined
        })
      last = settled
      return mine
    },
  }
}
