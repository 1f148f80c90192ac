/** Sends a policy's notifications about the end of an execution. A failure here is a warning and never changes the execution's result. */

import type { Context } from '../../core/context.ts'
import type { NotifiedEnd, Policy } from '../../core/policy.ts'
import type { History, OwedEnd } from '../../history/history.ts'
import { attempt } from '../run/recording.ts'
import { cloudEvent, type Ended, factsOf, MOST_FAILED, slackText } from './event.ts'
import { type Outside, sendAll } from './send.ts'

export interface NotifyRequest extends Outside {
  readonly policy: Policy
  readonly history: History
}

/** Milliseconds for one notification where the run was stopped and a user waits for it to exit. */
const LIMIT_STOPPED = 5000

/** Call once an execution has begun. Then its end is notified even if this process dies: the policy's next run does it. */
export function oweNotification({ policy, history }: NotifyRequest, execution: number): void {
  if (policy.notify?.length) attempt(() => history.notifications.owe(execution))
}

/** Call while the lock is held. Sends the notifications of this execution, and of earlier ones of the policy whose process died before it
 *  could. Never throws. */
export async function notify(request: NotifyRequest, execution: number, ctx: Context): Promise<void> {
  const { policy, history } = request
  if (!policy.notify?.length) return
  for (const owed of attempt(() => history.notifications.owed(execution)) ?? []) {
    const end = attempt(() => endedOf(request, owed))
    if (end) await tell(request, end, ctx)
    attempt(() => history.notifications.settle(owed.execution))
  }
}

function endedOf({ policy, history }: NotifyRequest, { execution: id, attempt: number }: OwedEnd): Ended {
  return {
    policy,
    execution: history.executions.get(id),
    attempt: number,
    failed: [...history.tasks.list(id, { status: 'failed', limit: MOST_FAILED })],
    history: history.identity(),
  }
}

async function tell(request: NotifyRequest, end: Ended, ctx: Context): Promise<void> {
  const { policy, id, status } = end.execution
  const wanted = (request.policy.notify ?? []).filter(({ on }) => on.includes(status as NotifiedEnd))
  // A stopped run still sends its notifications, but with a short limit, since the user waits for the program to exit.
  const isStopped = ctx.signal.aborted
  const context = isStopped ? { ...ctx, signal: new AbortController().signal } : ctx
  const message = {
    about: `execution ${id} ${status}`,
    event: cloudEvent(end),
    text: slackText(end),
    facts: factsOf(end),
    words: { policy, execution: String(id), status },
  }
  await sendAll(wanted, message, { ...request, ...(isStopped ? { limit: LIMIT_STOPPED } : {}) }, context)
}
