/** Stopping, and waiting that can be stopped: the reason of an aborted signal, the clock, timers of any length. */

import { CancelledError, ReplicateError } from './errors.ts'

/** The signal's reason where it is one of ours, else a plain `CancelledError`. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof ReplicateError ? signal.reason : new CancelledError('stopped', 1)
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortReason(signal)
}

/** Time as the program sees it, so that tests need not wait for it. All in milliseconds. */
export interface Clock {
  /** Since the epoch, as people set it: for times that are shown, stored or sent. It may jump. */
  now(): number
  /** Only ever goes forward, from any beginning: for budgets, pauses and deadlines inside this process. */
  monotonic(): number
  /** Rejects with the signal's reason. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

/** The longest delay that Node's timers know. */
const LONGEST_TIMER = 2 ** 31 - 1

/** Calls `act` once after `milliseconds`, of which there may be any number. The result stops the timer. `background`: the timer does not
 *  keep the process alive. */
export function after(milliseconds: number, act: () => void, background = false): () => void {
  let timer: NodeJS.Timeout
  const arm = (left: number): void => {
    const part = Math.min(left, LONGEST_TIMER)
    timer = setTimeout(() => (left > part ? arm(left - part) : act()), part)
    if (background) timer.unref()
  }
  arm(milliseconds)
  return () => clearTimeout(timer)
}

/** Resolves after `milliseconds`; rejects with the signal's reason. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortReason(signal))
    const onAbort = (): void => {
      stop()
      reject(abortReason(signal))
    }
    const stop = after(milliseconds, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

export const systemClock: Clock = { now: Date.now, monotonic: () => performance.now(), sleep }
