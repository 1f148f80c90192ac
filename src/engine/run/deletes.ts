/** The deletes of an execution, after its copies. */

import type { Clock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { CancelledError } from '../../core/errors.ts'
import { plural } from '../../core/plural.ts'
import type { Policy } from '../../core/policy.ts'
import type { ArtifactEvent } from '../../core/requests.ts'
import type { History } from '../../history/history.ts'
import type { Endpoint } from '../endpoint.ts'
import { NOT_DELETED, removeTag } from './remove.ts'
import { transferTasks } from './transfer.ts'

export interface DeleteRequest {
  readonly policy: Policy
  readonly source: Endpoint
  /** By the registry's name. */
  readonly destinations: ReadonlyMap<string, Endpoint>
  readonly history: History
  /** What has started it. */
  readonly events?: readonly ArtifactEvent[] | undefined
  /** The execution. */
  readonly id: number
  /** Tags at once. */
  readonly concurrency: number
  /** Give up after this many. */
  readonly maxFailures?: number | undefined
  readonly stop: AbortController
  readonly clock: Clock
  readonly ctx: Context
}

export interface Deleted {
  readonly tasks: number
  readonly succeed: number
}

/** Where there was nothing to delete, or nothing was deleted. */
export const NOTHING: Deleted = { tasks: 0, succeed: 0 }

/** What `deletion: mirror` deletes goes last, and only where every copy has succeeded. */
export async function deleteTags(request: DeleteRequest): Promise<Deleted> {
  const { policy, source, history, concurrency, maxFailures, destinations, ctx, clock, id, stop } = request
  const { in_progress: tasks, succeed } = history.executions.get(id)
  if (tasks === 0) return NOTHING
  for (const { error } of history.tasks.list(id, { status: 'failed' })) {
    // One tag that cannot be deleted does not keep the others, nor does anything keep what events have told by name.
    if (error?.code === NOT_DELETED || request.events) continue
    const message = 'not deleted: not every copy has succeeded'
    history.tasks.skipDeletes(id, { code: NOT_DELETED, message })
    ctx.emit({ type: 'log', level: 'warning', text: `${plural(tasks, 'tag is', 'tags are')} ${message}` })
    return NOTHING
  }
  let failures = 0
  await transferTasks(
    {
      history,
      execution: id,
      run: async (task, done, context) => {
        const destination = destinations.get(task.destination.registry)
        const isGone = !destination || (await removeTag(task, source, destination, context))
        if (!isGone && task.previous_digest) done.written = task.previous_digest
      },
      kind: 'delete',
      tasksAtOnce: () => concurrency,
      retry: policy.retry,
      onFailure: () => {
        failures += 1
        if (maxFailures === undefined || failures < maxFailures) return
        stop.abort(new CancelledError(`stopped after ${plural(failures, 'failed task')}`, 1))
      },
      clock,
    },
    ctx,
  )
  const deleted = history.executions.get(id).succeed - succeed
  const text = `${deleted} of ${plural(tasks, 'tag')} deleted`
  ctx.emit({ type: 'stage', stage: 'transfer', state: 'ended', text })
  return { tasks, succeed: deleted }
}
