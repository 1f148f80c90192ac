/** Tries a few times what lies outside of all registries, with growing pauses and an end. */

import { abortReason, type Clock, throwIfAborted } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { NetworkError, RegistryError } from '../../core/errors.ts'

export interface Insistence {
  /** What is tried, for the log: without secrets. */
  readonly what: string
  readonly clock: Clock
  /** Milliseconds for all attempts together. */
  readonly limit: number
  /** Default 3. */
  readonly attempts?: number | undefined
}

/** Milliseconds before the second attempt, and before the third. */
const PAUSES = [1000, 4000]

/** Throws the last failure, or that the time is over. */
export async function insist<T>(
  work: (ctx: Context) => Promise<T>,
  { what, clock, limit, attempts = PAUSES.length + 1 }: Insistence,
  ctx: Context,
): Promise<T> {
  const late = new AbortController()
  const reason = new NetworkError(`no end within ${limit / 1000} s`, { retryable: false })
  const timer = setTimeout(() => late.abort(reason), limit)
  const signal = AbortSignal.any([ctx.signal, late.signal])
  try {
    for (let failures = 0; ; failures += 1) {
      try {
        return await work({ signal, emit: ctx.emit })
      } catch (error) {
        throwIfAborted(signal)
        const delay = PAUSES[failures]
        if (delay === undefined || failures + 1 >= attempts || !mayHelp(error)) throw error
        const text = error instanceof Error ? error.message : String(error)
        ctx.emit({ type: 'retry', what, attempt: failures + 2, delay, reason: text })
        await clock.sleep(delay, signal)
      }
    }
  } catch (error) {
    throw signal.aborted ? abortReason(signal) : error
  } finally {
    clearTimeout(timer)
  }
}

/** Also where nobody answered: what listens there may just be starting. */
function mayHelp(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof RegistryError && error.retryable)
}
