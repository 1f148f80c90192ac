/** An execution whose process is to end soon: what runs may end, and the rest is left to whatever resumes it. */

import type { Context } from '../../core/context.ts'
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
