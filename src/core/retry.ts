/** When to try again and how long to wait before: one rule for requests, uploads, streams and handlers. */

import { errorCode, NetworkError, RegistryError, ReplicateError } from './errors.ts'

const FIRST_DELAY = 200
const LONGEST_DELAY = 30_000
/** A registry that asks for a longer pause is given up: it is never asked sooner than it has said. */
export const LONGEST_PAUSE = 24 * 3_600_000

/** True for a failure that may be gone at the next attempt. An error that is not ours passes where it has a code, as those of sockets
 *  and files do; anything else is a bug. */
export function isPassing(error: unknown): boolean {
  return error instanceof ReplicateError ? error.retryable : errorCode(error) !== ''
}

/** True where a silent server has been asked once more: each attempt costs the whole silence. `failures` counts from 1. */
export function isSilentAgain(error: unknown, failures: number): boolean {
  return error instanceof NetworkError && error.silent && failures > 1
}

/** Exponential back-off with full jitter, in milliseconds. `failures` counts from 1; `random` gives 0 to below 1. */
export function backoff(failures: number, random: () => number): number {
  return Math.round(random() * Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (failures - 1)))
}

/** Milliseconds to wait after `error`: the back-off, and never less than the registry has asked for. */
export function delayAfter(error: unknown, failures: number, random: () => number): number {
  const asked = error instanceof RegistryError ? (error.retryAfter ?? 0) : 0
  return Math.max(asked, backoff(failures, random))
}
