/** Begins an execution: takes the policy's lock and gets a number, or names the execution that holds the lock. */

import type { Clock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { ConfigurationError, LockedError } from '../../core/errors.ts'
import type { Policy } from '../../core/policy.ts'
import type { TriggerKind } from '../../core/states.ts'
import type { History, LockOwner } from '../../history/history.ts'
import type { Again } from './again.ts'
import { CONTROL_INTERVAL } from './control.ts'

export interface BeginRequest {
  readonly policy: Policy
  readonly history: History
  readonly trigger: TriggerKind
  /** What may run only once at a time: the policy in its file. */
  readonly lock: string
  /** What the program needs to resume the execution in a later process, as JSON. */
  readonly origin?: string
  /** Resumes or retries an earlier execution instead of beginning a new one. */
  readonly again?: Again | undefined
  /** Registries that keep nothing of a run that was interrupted. */
  readonly late?: readonly string[]
  /** Wait for a running execution of the policy instead of failing; absent: as the policy's `on_overlap` says. false: the caller says what
   *  becomes of it. */
  readonly wait?: boolean | undefined
}

/** Throws a `LockedError` that names the execution that holds the lock. */
export async function begin(request: BeginRequest, clock: Clock, ctx: Context): Promise<Begun> {
  const { history, policy, trigger } = request
  for (let waiting = false; ; waiting = true) {
    const begun = beginOnce(request)
    if ('id' in begun) return begun
    if (!(request.wait ?? policy.on_overlap === 'queue')) {
      if (request.wait === undefined) sayLeftOut(history, begun.owner.execution, trigger, clock.now())
      throw locked(policy.name, begun.owner)
    }
    if (!waiting) ctx.emit({ type: 'waiting', reason: `policy ${policy.name} is running: ${ownerText(begun.owner)}` })
    await clock.sleep(CONTROL_INTERVAL, ctx.signal)
  }
}

/** The execution that runs tells it in its log. */
export function sayLeftOut(history: History, running: number, trigger: TriggerKind, time: number): void {
  const text = `another run of the policy was left out (trigger: ${trigger}): this one is still running`
  history.logs.add(running, undefined, 'warning', text, time)
  history.logs.flush()
}

export interface Begun {
  readonly id: number
  /** Of a resumed execution: 2 or more. */
  readonly attempt?: number
}

function beginOnce(request: BeginRequest): Begun | { readonly owner: LockOwner } {
  const { history, policy, trigger, lock, origin, again } = request
  if (!again) {
    const snapshot = JSON.stringify(policy)
    return history.executions.begin({
      policy: policy.name,
      snapshot,
      trigger,
      lock,
      ...(origin === undefined ? {} : { origin }),
    })
  }
  if (again.how === 'retry') return history.executions.retry(again.execution, trigger, request.late)
  const begun = history.executions.resume(again.execution, request.late)
  if (begun) return begun
  const { status } = history.executions.get(again.execution)
  throw new ConfigurationError(`execution ${again.execution} cannot be resumed: it is ${status.replaceAll('_', ' ')}`)
}

function locked(policy: string, owner: LockOwner): LockedError {
  return new LockedError(`policy ${policy} is already running: ${ownerText(owner)}`, {
    execution: owner.execution,
    hint: `wait for it with --wait, watch it with \`replicate executions watch ${owner.execution}\`, or end it with \`replicate executions stop ${owner.execution}\``,
  })
}

function ownerText(owner: LockOwner): string {
  return `execution ${owner.execution}, process ${owner.pid} on ${owner.host}`
}
