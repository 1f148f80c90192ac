/** Permits that several processes share: at most so many holders of a key at once. A permit is renewed while it is held, and ends with a holder that dies. */

import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { abortReason, type Clock, systemClock } from '../../core/cancel.ts'
import { messageOf, NetworkError } from '../../core/errors.ts'

export interface Permit {
  /** Aborted, by a `NetworkError` that may be retried, before another process can have taken a permit that could not be renewed. */
  readonly lost: AbortSignal
  /** May be called again. */
  release(): void
}

export interface Permits {
  /** Waits until the key has fewer than `limit` holders. Where `alone` says so while the server is away, the permit is of this process only. */
  take(key: string, limit: number, signal: AbortSignal, alone?: () => boolean): Promise<Permit>
  /** Undefined where the key has that many holders, or the server is away. */
  takeNow(key: string, limit: number, signal: AbortSignal): Promise<Permit | undefined>
  /** Waits until the key has fewer than `limit` holders, and takes nothing. */
  free(key: string, limit: number, signal: AbortSignal): Promise<void>
  /** Ends the renewals. Permits still held end by themselves. */
  close(): void
}

export interface PermitOptions {
  /** Milliseconds after which a permit that is not renewed is free again. Default 15 s. */
  readonly life?: number
  readonly clock?: Clock
  /** Whether the server refuses connections: then it gives permits to no one, and those that are held stay with their holders. */
  readonly isDown?: () => boolean
}

const LIFE = 15_000
/** How often a permit is renewed within its life. */
const RENEWALS = 5
/** Milliseconds between two looks: short works end soon, and long ones must be cheap to wait for. */
const FIRST_LOOK = 5
const LAST_LOOK = 100
/** Milliseconds that a server which has not answered counts as away, before it is asked again. */
const SILENT = 5000

/** Milliseconds that a process counts as one that waits after its last look: longer than from one to the next. */
const WAITS = 5 * LAST_LOOK

/**
 * By the server's clock, so that the clocks of the holders do not matter. Gives 1 where the caller holds a permit now. A holder that asks again
 * renews. Of those who wait the process comes first that holds the fewest: one whose works are slow would keep all permits otherwise. That does not
 * concern a holder whose permit a restarted server has forgotten. The keys are those of the holders and of the processes that wait; a token begins
 * with its process.
 */
const TAKE = `
local token, limit, life, process, waits = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local free = limit - redis.call('ZCARD', KEYS[1])
if not redis.call('ZSCORE', KEYS[1], token) then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  if waits and free > 0 and redis.call('EXISTS', KEYS[2]) == 1 then
    local held = {}
    for _, one in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
      local holder = string.match(one, '^%S+')
      held[holder] = (held[holder] or 0) + 1
    end
    for _, other in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
      if other ~= process and (held[other] or 0) < (held[process] or 0) then free = free - 1 end
    end
  end
  if free <= 0 then
    if waits then
      redis.call('ZADD', KEYS[2], now + ${WAITS}, process)
      redis.call('PEXPIRE', KEYS[2], ${WAITS})
    end
    return 0
  end
  redis.call('ZREM', KEYS[2], process)
end
redis.call('ZADD', KEYS[1], now + life, token)
redis.call('PEXPIRE', KEYS[1], life)
return 1`

/** How many hold a permit. */
const COUNT = `
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), '+inf')`

interface Holding {
  readonly key: string
  readonly limit: number
  readonly token: string
  readonly lost: AbortController
  /** Until when it is ours for sure, by this process's monotonic clock: counted from before the request that renewed it. */
  until: number
}

export function createPermits(redis: Redis, options: PermitOptions = {}): Permits {
  const { life = LIFE, clock = systemClock, isDown = () => false } = options
  const process = randomUUID()
  const held = new Set<Holding>()
  /** By key: the last of those of this process who wait, one after the other, so that only the first of them asks. */
  const lines = new Map<string, Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let silentUntil = Number.NEGATIVE_INFINITY

  /** Calls once all that came before have theirs, or have given up. */
  async function inTurn<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = lines.get(key)
    const { promise, resolve } = Promise.withResolvers<void>()
    const mine = before ? before.then(() => promise) : promise
    lines.set(key, mine)
    try {
      if (before) await unlessAborted(before, signal)
      return await work()
    } finally {
      resolve()
      if (lines.get(key) === mine) lines.delete(key)
    }
  }

  async function lookAgain<T>(look: () => Promise<T | false | undefined>, signal: AbortSignal): Promise<T> {
    const began = clock.monotonic()
    for (;;) {
      const found = await look()
      if (found) return found
      const waited = clock.monotonic() - began
      await clock.sleep(Math.min(Math.max(FIRST_LOOK, waited / 4), LAST_LOOK), signal)
    }
  }

  /** `isWaiting`: it is not held yet, and asked for again where the answer is no. */
  async function ask(holding: Holding, isWaiting = false): Promise<boolean> {
    const asked = clock.monotonic()
    const isOurs =
      (await redis.eval(
        TAKE,
        2,
        holding.key,
        `${holding.key} waiting`,
        holding.token,
        holding.limit,
        life,
        process,
        isWaiting ? 1 : 0,
      )) === 1
    if (isOurs) holding.until = asked + life
    return isOurs
  }

  /** False also where the server does not answer in its time: it is asked again. */
  async function patiently(answer: Promise<boolean>): Promise<boolean> {
    try {
      return await answer
    } catch (error) {
      if (redis.status === 'end') throw error
      if (error instanceof Error && error.name === 'ReplyError') {
        throw new NetworkError(`the queue gives no lease: ${messageOf(error)}`, { cause: error, retryable: true })
      }
      silentUntil = clock.monotonic() + SILENT
      return false
    }
  }

  function granted(holding: Holding): Permit {
    held.add(holding)
    timer ??= setInterval(renew, life / RENEWALS).unref()
    return {
      lost: holding.lost.signal,
      release() {
        if (held.delete(holding)) giveBack(holding)
      },
    }
  }

  function isAway(): boolean {
    return redis.status !== 'ready' || clock.monotonic() < silentUntil
  }

  /** A timer that comes late, as in a process that stood still, finds the permit over: it is given up before anything else is done with it. */
  function renew(): void {
    const soon = clock.monotonic() + life / RENEWALS
    for (const holding of held) {
      // Asked anew once the server is back.
      if (isDown()) holding.until = Math.max(holding.until, soon + life / RENEWALS)
      if (holding.until < soon) {
        lose(holding, 'it could not be renewed in time')
        continue
      }
      ask(holding).then(
        (isOurs) => {
          if (!isOurs) lose(holding, 'another process has it')
        },
        // The server may be back before the permit is over.
        () => {},
      )
    }
  }

  function lose(holding: Holding, why: string): void {
    if (!held.delete(holding)) return
    holding.lost.abort(new NetworkError(`the lease ended: ${why}`, { retryable: true }))
    giveBack(holding)
  }

  /** Where this fails the permit ends by itself. */
  function giveBack({ key, token }: Holding): void {
    redis.zrem(key, token).catch(() => {})
  }

  async function holdingOf<T>(key: string, limit: number, work: (holding: Holding) => Promise<T>): Promise<T> {
    const holding: Holding = { key, limit, token: `${process} ${randomUUID()}`, lost: new AbortController(), until: 0 }
    try {
      return await work(holding)
    } catch (error) {
      // An answer that was not waited for may have been a yes.
      giveBack(holding)
      throw error
    }
  }

  return {
    take(key, limit, signal, alone) {
      return holdingOf(key, limit, async (holding) => {
        const look = async (): Promise<Permit | undefined> => {
          if (alone && isAway()) return alone() ? OWN : undefined
          return (await unlessAborted(patiently(ask(holding, true)), signal)) ? granted(holding) : undefined
        }
        // Those who wait already come first.
        const atOnce = lines.has(key) ? undefined : await look()
        return atOnce ?? (await inTurn(key, signal, () => lookAgain(look, signal)))
      })
    },
    takeNow(key, limit, signal) {
      return holdingOf(key, limit, async (holding) => {
        if (await unlessAborted(patiently(ask(holding)), signal)) return granted(holding)
        // A server that answers too late may have given it.
        giveBack(holding)
        return undefined
      })
    },
    async free(key, limit, signal) {
      const look = async (): Promise<boolean> => Number(await redis.eval(COUNT, 1, key)) < limit
      await lookAgain(() => unlessAborted(patiently(look()), signal), signal)
    },
    close() {
      clearInterval(timer)
      timer = undefined
    },
  }
}

/** One that no other process knows of. */
const OWN: Permit = { lost: new AbortController().signal, release() {} }

/** The client holds commands back while its server is away; a stop does not wait for that. */
function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    answer.catch(() => {})
    return Promise.reject(abortReason(signal))
  }
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
