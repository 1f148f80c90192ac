/** Stopping: what an aborted signal throws, and waiting that can be stopped. */

import { CancelledError, ReplicateError } from './errors.ts'

/** The signal's reason where it is one of ours, else a plain `CancelledError`. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof ReplicateError ? signal.reason : new CancelledError('stopped', 1)
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortReason(signal)
}

/** Time as the program sees it, so that tests need not wait for it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Rejects with the signal's reason. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: Date.now,
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(abortReason(signal))
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(abortReason(signal))
      }
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }, milliseconds)
      signal.addEventListener('abort', onAbort, { once: true })
    }),
}
