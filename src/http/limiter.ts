/** How many requests one host gets at once and a second, slower when it says so. */

import { abortReason, type Clock, throwIfAborted } from '../core/cancel.ts'
import { NetworkError } from '../core/errors.ts'
import { LONGEST_PAUSE } from '../core/retry.ts'

/** `small` requests never wait behind streams; streams that read and write do not wait for each other, as a copy inside one
 *  registry needs one of each at the same time. */
export type Lane = 'small' | 'read' | 'write'

export interface Limiter {
  /** Waits for a slot (not with `bypassQueue`: that may be one more than the window has), for the host's pause to end and for the rate;
   *  the result gives the slot back (any number of calls). Throws where the pause lasts more than a day. */
  acquire(lane: Lane, signal: AbortSignal, bypassQueue?: boolean): Promise<() => void>
  /** Lets no request go for `milliseconds`. True where that ends later than the pause before. */
  pause(milliseconds: number): boolean
  /** Halves the window, once for all answers to requests that were under way; `began` is when the request went out, by the monotonic clock. */
  slow(began: number): void
  /** An answer came: after many of them the window grows by one. */
  answered(): void
  /** How many requests may be under way now. */
  readonly window: number
}

/** What several processes share of the limits of one host. */
export interface SharedLimits {
  /** One of the host's connections; the result gives it back. */
  readonly connections?: { take(signal: AbortSignal): Promise<() => void> } | undefined
  readonly requests?: { take(count: number, signal: AbortSignal): Promise<void> | undefined } | undefined
}

export interface LimiterOptions {
  /** Default 32. */
  readonly connections?: number | undefined
  readonly requestsPerSecond?: number | undefined
  /** Asked beside this process's own window; its rate is in place of `requestsPerSecond`. */
  readonly shared?: SharedLimits | undefined
  readonly clock: Clock
}

interface Waiter {
  readonly start: () => void
}

const CONNECTIONS = 32
/** Answers in a row before a halved window grows by one. */
const REGAIN = 32
const SMALL_FIRST: readonly Lane[] = ['small', 'read', 'write']
const STREAMS_FIRST: readonly Lane[] = ['read', 'write', 'small']

export function createLimiter(options: LimiterOptions): Limiter {
  const { clock, shared } = options
  const connections = Math.max(1, options.connections ?? CONNECTIONS)
  const interval = options.requestsPerSecond && !shared?.requests ? 1000 / options.requestsPerSecond : 0
  const busy: Record<Lane, number> = { small: 0, read: 0, write: 0 }
  const queues: Record<Lane, Set<Waiter>> = { small: new Set(), read: new Set(), write: new Set() }
  let window = connections
  let slowedAt = Number.NEGATIVE_INFINITY
  let successes = 0
  let pausedUntil = Number.NEGATIVE_INFINITY
  let nextTurn = Number.NEGATIVE_INFINITY

  /**
   * | lane        | starts when |
   * |-------------|-------------|
   * | small       | the window has room; or, with two connections or more, no other small request is under way |
   * | read, write | the window has room beside the quarter that is kept for small requests |
   * | read, write | this lane is empty and the other one is not: its stream may wait for this one (a copy inside one registry) |
   */
  function admits(lane: Lane): boolean {
    const streams = busy.read + busy.write
    if (lane === 'small') return busy.small + streams < window || (busy.small === 0 && connections > 1)
    if (streams > 0 && busy[lane] === 0) return true
    const reserved = window > 1 ? Math.max(1, Math.floor(window / 4)) : 0
    return streams < window - reserved && busy.small + streams < window
  }

  function pump(): void {
    // Small requests go first, but an endless row of them must leave one stream running.
    for (const lane of busy.read + busy.write === 0 ? STREAMS_FIRST : SMALL_FIRST) {
      for (const waiter of queues[lane]) {
        if (!admits(lane)) break
        queues[lane].delete(waiter)
        busy[lane] += 1
        waiter.start()
      }
    }
  }

  function slot(lane: Lane, signal: AbortSignal): Promise<void> | undefined {
    if (queues[lane].size === 0 && admits(lane)) {
      busy[lane] += 1
      return undefined
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        queues[lane].delete(waiter)
        reject(abortReason(signal))
      }
      const waiter: Waiter = {
        start: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      queues[lane].add(waiter)
    })
  }

  async function turn(signal: AbortSignal): Promise<void> {
    const pause = pausedUntil - clock.monotonic()
    if (pause > LONGEST_PAUSE) {
      const until = new Date(clock.now() + pause).toISOString()
      throw new NetworkError(`the registry wants no request before ${until}`, { retryable: false })
    }
    if (interval > 0) {
      const now = clock.monotonic()
      const at = Math.max(now, nextTurn, pausedUntil)
      nextTurn = at + interval
      if (at > now) await clock.sleep(at - now, signal)
    }
    for (let wait = pausedUntil - clock.monotonic(); wait > 0; wait = pausedUntil - clock.monotonic()) {
      await clock.sleep(wait, signal)
    }
  }

  /** A stream beside one of the other lane, and the only small request beside streams, wait for no other process, as they wait for none of the
   *  window: what they wait for may be their own process's. */
  function mayWait(lane: Lane): boolean {
    const others = busy.small + busy.read + busy.write - busy[lane]
    return busy[lane] > 1 || others === 0
  }

  return {
    async acquire(lane, signal, bypassQueue = false) {
      throwIfAborted(signal)
      if (bypassQueue) busy[lane] += 1
      else {
        const waiting = slot(lane, signal)
        if (waiting) await waiting
      }
      let held = true
      let giveBack: (() => void) | undefined
      const release = () => {
        if (!held) return
        held = false
        busy[lane] -= 1
        giveBack?.()
        pump()
      }
      try {
        if (shared?.connections && !bypassQueue && mayWait(lane)) giveBack = await shared.connections.take(signal)
        if (shared?.requests) await shared.requests.take(1, signal)
        if (interval > 0 || pausedUntil > clock.monotonic()) await turn(signal)
      } catch (error) {
        release()
        throw error
      }
      return release
    },
    pause(milliseconds) {
      const until = clock.monotonic() + milliseconds
      if (until <= pausedUntil) return false
      pausedUntil = until
      return true
    },
    slow(began) {
      successes = 0
      if (began < slowedAt) return
      slowedAt = clock.monotonic()
      window = Math.max(1, Math.floor(window / 2))
    },
    answered() {
      if (window >= connections) return
      successes += 1
      if (successes < REGAIN) return
      successes = 0
      window += 1
      pump()
    },
    get window() {
      return window
    },
  }
}
