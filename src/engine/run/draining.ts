/** An execution whose process is to end soon: what runs may end, and the rest is left to whatever resumes it. */

import type { Context } from '../../core/context.ts'
import type { Execution } from '../../core/execution.ts'
import type { History } from '../../history/history.ts'

/** Gives a plan up at once: nothing of it is lost, since it is made again. The result ends that. */
export function stopPlanning(draining: AbortSignal | undefined, stop: AbortController): () => void {
  const onDrain = (): void => stop.abort(draining?.reason)
  if (draining?.aborted) onDrain()
  else draining?.addEventListener('abort', onDrain)
  return () => draining?.removeEventListener('abort', onDrain)
}

/** True where there are tasks that have not begun and must not begin any more. */
export function isLeft(history: History, execution: number, { draining }: Context): boolean {
  return draining?.aborted === true && history.executions.get(execution).in_progress > 0
}

/** The exit status of an execution that a user has stopped. */
const STOPPED_BY_USER = 4

/** True where the end of its process has stopped it, so that the next start resumes it; a user who has stopped it does not want that. */
export function isResumedLater(
  { status, stopped }: Pick<Execution, 'status' | 'stopped'>,
  exitCode: number,
  draining: AbortSignal | undefined,
): boolean {
  if (draining?.aborted !== true || exitCode === STOPPED_BY_USER) return false
  return status === 'stopped' || (status === 'failed' && stopped > 0)
}
