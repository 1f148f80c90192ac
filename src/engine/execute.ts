/** One execution of one policy: prepare, transfer, post, each recorded before it starts and when it ends. */

import { abortReason, type Clock, systemClock } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import { CancelledError, LockedError, ReplicateError } from '../core/errors.ts'
import type { Event, Stage } from '../core/events.ts'
import type { Execution } from '../core/execution.ts'
import { formatBytes } from '../core/size.ts'
import type { TriggerKind } from '../core/states.ts'
import type { History, LockOwner } from '../history/history.ts'
import { createTransferState } from '../transfer/job.ts'
import type { MayRetry } from '../transfer/resumable.ts'
import type { Throttle } from '../transfer/throttle.ts'
import { ManifestMemory } from './endpoint.ts'
import type { PlanTotals } from './plan.ts'
import { type PrepareRequest, plural, prepare } from './prepare.ts'
import { createRunner } from './runner.ts'
import { recorded, transferTasks } from './transfer.ts'

export interface ExecuteRequest extends PrepareRequest {
  readonly trigger: TriggerKind
  /** What may run only once at a time: the policy in its file. */
  readonly lock: string
  /** Blob streams at once. */
  readonly concurrency: number
  readonly throttles: readonly Throttle[]
  /** Give up after this many failed tasks. */
  readonly maxFailures?: number | undefined
  readonly wait?: boolean | undefined
  readonly started: (execution: number) => void
  readonly clock?: Clock
}

export interface ExecuteResult {
  readonly execution: Execution
  readonly exitCode: number
  /** What ended the execution early: a failed preparation, or the reason it was stopped. */
  readonly error?: unknown
}

/** Attempts to go on reading a blob that broke off, and the pause before the first of them in milliseconds. */
const STREAM_ATTEMPTS = 5
const STREAM_PAUSE = 200
/** How often another process's wish to stop is looked for, in milliseconds. */
const CONTROL_INTERVAL = 500
const HEARTBEAT_INTERVAL = 5000

/** Throws only where no execution began: `LockedError`, or a history that cannot be written. */
export async function execute(request: ExecuteRequest, ctx: Context): Promise<ExecuteResult> {
  const { history, clock = systemClock } = request
  const id = await begin(request, clock, ctx)
  request.started(id)
  const stop = new AbortController()
  const signal = AbortSignal.any([ctx.signal, stop.signal])
  const control = setInterval(() => {
    if (history.stopRequested(id)) stop.abort(new CancelledError('stopped by `executions stop`', 4))
  }, CONTROL_INTERVAL)
  const heart = setInterval(() => history.heartbeat(id), HEARTBEAT_INTERVAL)
  const run: Running = { id, stop, clock, ctx: { signal, emit: recording(history, id, clock, ctx) } }
  try {
    return await stages(request, run)
  } finally {
    clearInterval(control)
    clearInterval(heart)
    history.flush()
    history.release(id)
  }
}

interface Running {
  readonly id: number
  readonly stop: AbortController
  readonly clock: Clock
  readonly ctx: Context
}

async function begin(request: ExecuteRequest, clock: Clock, ctx: Context): Promise<number> {
  const { history, policy, trigger, lock } = request
  for (let waiting = false; ; waiting = true) {
    const begun = history.begin({ policy: policy.name, snapshot: JSON.stringify(policy), trigger, lock })
    if ('id' in begun) return begun.id
    if (!request.wait) throw locked(policy.name, begun.owner)
    if (!waiting) ctx.emit({ type: 'waiting', reason: `policy ${policy.name} is running: ${ownerText(begun.owner)}` })
    await clock.sleep(CONTROL_INTERVAL, ctx.signal)
  }
}

function locked(policy: string, owner: LockOwner): LockedError {
  return new LockedError(`policy ${policy} is already running: ${ownerText(owner)}`, {
    hint: `wait for it with --wait, watch it with \`replicate executions show ${owner.execution}\`, or end it with \`replicate executions stop ${owner.execution}\``,
  })
}

function ownerText(owner: LockOwner): string {
  return `execution ${owner.execution}, process ${owner.pid} on ${owner.host}`
}

async function stages(request: ExecuteRequest, run: Running): Promise<ExecuteResult> {
  const { history } = request
  const { id, ctx } = run
  const memory = new ManifestMemory()
  let totals: PlanTotals
  try {
    totals = await prepare(request, id, memory, ctx)
  } catch (error) {
    history.stopPending(id)
    if (ctx.signal.aborted) return stopped(request, run)
    history.fail(id, recorded(error))
    const exitCode = error instanceof ReplicateError ? Math.max(error.exitCode, 3) : 1
    return { execution: history.execution(id), exitCode, error }
  }
  history.move(id, 'in_progress')
  try {
    await transfer(request, run, memory, totals)
    if (ctx.signal.aborted) return await stopped(request, run)
    await post(request, run)
  } catch (error) {
    history.stopPending(id)
    history.fail(id, recorded(error))
    return { execution: history.execution(id), exitCode: error instanceof ReplicateError ? error.exitCode : 1, error }
  }
  const execution = history.finish(id)
  return { execution, exitCode: execution.status === 'succeeded' ? 0 : 1 }
}

async function stopped(request: ExecuteRequest, run: Running): Promise<ExecuteResult> {
  const { history, destination } = request
  history.stopPending(run.id)
  // What was copied completely is kept, also where the destination is written as a whole.
  await destination.adapter.close?.().catch(() => {})
  const execution = history.finish(run.id, 'stopped')
  const error = abortReason(run.ctx.signal)
  return { execution, exitCode: error instanceof ReplicateError ? error.exitCode : 1, error }
}

async function transfer(
  request: ExecuteRequest,
  run: Running,
  memory: ManifestMemory,
  totals: PlanTotals,
): Promise<void> {
  const { policy, source, destination, history, concurrency, throttles } = request
  const { ctx, clock, id } = run
  const tasks = totals.copies + totals.updates
  if (tasks === 0) return
  stage(ctx, 'transfer', 'started', plural(tasks, 'task', 'tasks'))
  const began = clock.now()
  const mayRetry =
    (signal: AbortSignal, emit: Context['emit']): MayRetry =>
    async (error, attempt) => {
      if (attempt >= STREAM_ATTEMPTS || signal.aborted) return false
      const delay = STREAM_PAUSE * 2 ** (attempt - 1)
      emit({
        type: 'retry',
        what: 'reading a blob',
        attempt,
        delay,
        reason: error instanceof Error ? error.message : String(error),
      })
      await clock.sleep(delay, signal)
      return true
    }
  const state = createTransferState({ concurrency, throttles, mayRetry })
  await transferTasks(
    {
      history,
      execution: id,
      run: createRunner({ policy, source, destination, state, memory }),
      tasksAtOnce: Math.max(32, concurrency * 2),
      retry: policy.retry,
      onFailure: (failures) => {
        if (request.maxFailures === undefined || failures < request.maxFailures) return
        run.stop.abort(new CancelledError(`stopped after ${plural(failures, 'failed task', 'failed tasks')}`, 1))
      },
      clock,
    },
    ctx,
  )
  const now = history.execution(id)
  const seconds = Math.max(clock.now() - began, 1) / 1000
  const already = now.bytes_present + now.bytes_mounted
  stage(
    ctx,
    'transfer',
    'ended',
    `${now.succeed}/${tasks}  ${formatBytes(now.bytes_copied)} copied, ${formatBytes(already)} already there  ${formatBytes(now.bytes_copied / seconds)}/s`,
  )
}

async function post(request: ExecuteRequest, run: Running): Promise<void> {
  const { history, destination } = request
  await destination.adapter.close?.()
  const { total, succeed, skipped } = history.execution(run.id)
  // Each tag's digest was compared when it was written; a task whose digest differs has failed.
  if (total > skipped) stage(run.ctx, 'post', 'ended', `verified ${succeed} of ${total - skipped}`)
}

function stage(ctx: Context, name: Stage, state: 'started' | 'ended', text: string): void {
  ctx.emit({ type: 'stage', stage: name, state, text })
}

/** Passes events on, and keeps those that a user may want to read later. */
function recording(history: History, id: number, clock: Clock, ctx: Context): Context['emit'] {
  return (event: Event) => {
    const now = clock.now()
    if (event.type === 'log') history.log(id, event.task, event.level, event.text, now)
    else if (event.type === 'stage')
      history.log(id, undefined, 'info', `${event.stage} ${event.state}: ${event.text}`, now)
    else if (event.type === 'retry')
      history.log(id, undefined, 'warning', `${event.what}: ${event.reason}; again in ${event.delay} ms`, now)
    else if (event.type === 'waiting') history.log(id, undefined, 'info', event.reason, now)
    ctx.emit(event)
  }
}
