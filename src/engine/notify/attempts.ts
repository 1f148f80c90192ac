/** Retries calls to webhooks, handlers and commands a few times, within a time limit. */

import { abortReason, type Clock, throwIfAborted } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { NetworkError, RegistryError } from '../../core/errors.ts'

export interface AttemptOptions {
  /** The name of the call in the log; without secrets. */
  readonly what: string
  readonly clock: Clock
  /** Milliseconds for all attempts together. */
  readonly limit: number
  /** Default 3. */
  readonly attempts?: number | undefined
}

/** Milliseconds before the second attempt, and before the third. */
const PAUSES = [1000, 4000]

/** Throws the last failure, or a `NetworkError` once the time limit is reached. */
export async function withAttempts<T>(
  work: (ctx: Context) => Promise<T>,
  { what, clock, limit, attempts = PAUSES.length + 1 }: AttemptOptions,
  ctx: Context,
): Promise<T> {
  const late = new AbortController()
  const reason = new NetworkError(`did not end within ${limit / 1000} s`, { retryable: false })
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

/** True also if there was no answer at all: the server may just be starting. */
function mayHelp(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof RegistryError && error.retryable)
}
