/** `replicate executions watch`: the live progress of an execution that another process runs. */

import { abortReason, systemClock } from '../../../core/cancel.ts'
import { PrepareError, ReplicateError } from '../../../core/errors.ts'
import type { Execution } from '../../../core/execution.ts'
import type { Policy } from '../../../core/policy.ts'
import { type ExecutionStatus, isFinal } from '../../../core/states.ts'
import type { History } from '../../../history/history.ts'
import { viewOf } from '../../execute.ts'
import { isSilent } from '../../render/error.ts'
import { jsonLine } from '../../render/json.ts'
import { headingOf } from '../../render/summary.ts'
import { createReplay } from '../../replay.ts'
import type { Session } from '../../session.ts'

/** How often the history is looked at, in milliseconds. */
export const LOOK_INTERVAL = 500

/** How long its process may need to write the last of an execution, in milliseconds. */
const LAST_WORDS = 3000

/** Ends when it ends, with its exit status. Watching leaves it as it is, also when the watching is ended. */
export async function watch(session: Session, id: string): Promise<number> {
  const history = await (await session.app()).records()
  let execution = history.executions.get(history.executions.resolveId(id))
  // Bars would come and go at once.
  const view = viewOf({ ...session, bars: session.bars && !isFinal(execution.status) })
  const replay = createReplay(history, execution.id, view)
  try {
    // Our own column, written when the execution began.
    const policy = JSON.parse(history.executions.beginning(execution.id).snapshot) as Policy
    view.begin(headingOf(policy), execution)
    for (;;) {
      const over = isOver(execution, history, session.timer.now())
      replay.look(execution)
      if (over) break
      await systemClock.sleep(LOOK_INTERVAL, session.signal).catch(() => {})
      if (session.signal.aborted) {
        view.close()
        return left(session, execution.id)
      }
      execution = history.executions.get(execution.id)
    }
    const exitCode = history.executions.exitCodeOf(execution.id) ?? exitCodeOf(execution.status)
    view.end({ policy: execution.policy, execution, exitCode, ...errorOf(execution) })
    if (session.json) session.stdout.write(jsonLine({ type: 'exit', code: exitCode, executions: [execution] }))
    return exitCode
  } finally {
    view.close()
  }
}

/** Its last lines are written after its state, and its exit status after those. */
function isOver({ id, status, end_time }: Execution, history: History, now: number): boolean {
  if (!isFinal(status)) return false
  return (
    status === 'interrupted' ||
    history.executions.exitCodeOf(id) !== undefined ||
    now - Date.parse(end_time ?? '') > LAST_WORDS
  )
}

/** Where its process could not say it. */
function exitCodeOf(status: ExecutionStatus): number {
  if (status === 'succeeded') return 0
  return status === 'stopped' ? 4 : 1
}

/** What ended it early, as far as it was kept. */
function errorOf({ error }: Execution): { readonly error?: ReplicateError } {
  return error ? { error: new PrepareError(error.message, { hint: error.hint }) } : {}
}

function left(session: Session, id: number): number {
  const reason = abortReason(session.signal)
  if (!session.quiet && !isSilent(reason)) {
    session.stderr.write(`execution ${id} still runs; \`replicate executions stop ${id}\` ends it\n`)
  }
  return reason instanceof ReplicateError ? reason.exitCode : 1
}
