/** Repeats a request where that may help, after the pause that the back-off or the server asks for. */

import { type Clock, throwIfAborted } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import { ReplicateError } from '../core/errors.ts'
import { delayAfter, isSilentAgain, LONGEST_PAUSE } from '../core/retry.ts'

export const ATTEMPTS = 5
/** More seconds than this are counted from 1970. */
const SOME_TIME_AGO = 1_000_000_000
/** Milliseconds, a hundred years: no calculation with dates breaks on it. */
const FOR_EVER = 100 * 365 * 86_400_000

export interface RetryOptions {
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
  readonly attempts: number
  /** What is tried, for the event: `GET /v2/a/tags/list`, without secrets. */
  readonly what: string
}

/** Runs `attempt` until it succeeds, fails for good, or has failed `attempts` times; emits `retry` before each pause. */
export async function retrying<T>(attempt: () => Promise<T>, options: RetryOptions, ctx: Context): Promise<T> {
  for (let count = 1; ; count += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof ReplicateError && error.retryable) || count >= options.attempts) throw error
      if (isSilentAgain(error, count)) throw error
      throwIfAborted(ctx.signal)
      const delay = delayAfter(error, count, options.random)
      if (delay > LONGEST_PAUSE) throw error
      ctx.emit({ type: 'retry', what: options.what, attempt: count + 1, delay, reason: error.message })
      await options.clock.sleep(delay, ctx.signal)
    }
  }
}

/** Milliseconds that `Retry-After` asks for (seconds or a date); undefined where nothing is said. Docker Hub's API
 *  says `X-Retry-After`: seconds since 1970. */
export function retryAfter(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const text = (headers['retry-after'] ?? headers['x-retry-after'])?.trim()
  if (text === undefined) return undefined
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined
  const isTime = seconds !== undefined && seconds > SOME_TIME_AGO
  const wait = seconds === undefined ? Date.parse(text) - now : seconds * 1000 - (isTime ? now : 0)
  return Number.isNaN(wait) ? undefined : Math.min(FOR_EVER, Math.max(0, wait))
}
