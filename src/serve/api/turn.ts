/** Waits a moment for an execution to begin, so that most starts are answered with its number. */

import type { Clock } from '../../core/cancel.ts'
import type { Execution } from '../../core/execution.ts'
import type { WishEnd } from '../parts.ts'
import { ApiError } from './problem.ts'

/** How long a start may wait for its turn before it is answered, in milliseconds. */
const PATIENCE = 2000

/** What `wish` starts. Undefined where it waits for longer than is waited for here. */
export async function turn(
  clock: Clock,
  wish: (started: (execution: Execution) => void, settled: (end: WishEnd) => void) => void,
): Promise<Execution | undefined> {
  const answered = new AbortController()
  const begun = new Promise<Execution | undefined>((resolve, reject) => {
    wish(resolve, (end) => {
      if (end.kind === 'left') reject(conflict(end.reason))
      else if (end.kind === 'dropped') reject(new ApiError(503, 'draining', 'the daemon is ending'))
      else if (end.outcome.execution) resolve(end.outcome.execution)
      else reject(end.outcome.error ?? new Error('it did not begin'))
    })
  })
  const patience = clock.sleep(PATIENCE, answered.signal).then(
    () => undefined,
    () => undefined,
  )
  try {
    return await Promise.race([begun, patience])
  } finally {
    answered.abort()
    // What becomes of it later is in the history.
    begun.catch(() => {})
  }
}

export function conflict(message: string): ApiError {
  return new ApiError(409, 'conflict', message)
}

export function runs(policy: string, execution?: number): ApiError {
  const which = execution === undefined ? 'it runs, or waits to run' : `execution ${execution} runs`
  return new ApiError(409, 'running', `policy ${policy} is not started: ${which}`, {
    ...(execution === undefined ? {} : { execution }),
  })
}
