/** The transfer stage: pending tasks taken from the history, several at once, put back when they may succeed later. */

import { abortReason, type Clock } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import { CancelledError, describeError, ReplicateError } from '../core/errors.ts'
import type { RecordedError } from '../core/execution.ts'
import { formatResource } from '../core/reference.ts'
import type { History, PendingTask } from '../history/history.ts'
import type { RunTask } from './runner.ts'

export interface TransferOptions {
  readonly history: History
  readonly execution: number
  readonly run: RunTask
  readonly tasksAtOnce: number
  readonly retry: { readonly attempts: number; readonly delay: number }
  /** Called when a task has failed for good, with how many have. */
  readonly onFailure: (failures: number) => void
  readonly clock: Clock
}

/** Returns when no task is left that this process may run. Never throws for what a task did. */
export async function transferTasks(options: TransferOptions, ctx: Context): Promise<void> {
  const { history, execution, tasksAtOnce, clock } = options
  const running = new Set<Promise<void>>()
  let failures = 0
  const onFailure = (): void => {
    failures += 1
    options.onFailure(failures)
  }
  while (!ctx.signal.aborted) {
    for (const task of history.takePending(execution, tasksAtOnce - running.size, clock.now())) {
      const work: Promise<void> = runTask(task, options, onFailure, ctx).finally(() => running.delete(work))
      running.add(work)
    }
    if (running.size === tasksAtOnce) {
      await Promise.race(running)
      continue
    }
    const next = history.nextAttemptAt(execution)
    if (running.size === 0 && next === undefined) break
    await waitFor(running, next, options, ctx)
  }
  await Promise.all(running)
}

/** Until a running task ends or one that was put back is due. */
async function waitFor(
  running: ReadonlySet<Promise<void>>,
  next: number | undefined,
  options: TransferOptions,
  ctx: Context,
): Promise<void> {
  if (next === undefined) {
    await Promise.race(running)
    return
  }
  const done = new AbortController()
  const signal = AbortSignal.any([ctx.signal, done.signal])
  if (running.size === 0) {
    ctx.emit({ type: 'waiting', reason: 'tasks wait for another attempt', until: new Date(next).toISOString() })
  }
  const due = options.clock.sleep(Math.max(0, next - options.clock.now()), signal).catch(() => {})
  await Promise.race([...running, due])
  done.abort()
  await due
}

async function runTask(
  task: PendingTask,
  options: TransferOptions,
  onFailure: () => void,
  ctx: Context,
): Promise<void> {
  const { history, retry, clock } = options
  const moved = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }
  const name = `${formatResource(task.spec.source)} → ${formatResource(task.spec.destination)}`
  const emit: Context['emit'] = (event) => ctx.emit(event.type === 'log' ? { task: task.id, ...event } : event)
  try {
    await options.run(task.spec, moved, { signal: ctx.signal, emit })
    history.finishTask(task.id, 'succeeded', { moved })
    ctx.emit({ type: 'task', task: task.id, name, status: 'succeeded' })
  } catch (error) {
    if (ctx.signal.aborted) {
      history.finishTask(task.id, 'stopped', { moved, error: recorded(abortReason(ctx.signal)) })
      ctx.emit({ type: 'task', task: task.id, name, status: 'stopped' })
      return
    }
    const kept = recorded(error)
    emit({ type: 'log', level: 'error', text: `attempt ${task.attempts}: ${kept.message}` })
    if (!(error instanceof ReplicateError))
      emit({ type: 'log', level: 'error', text: String((error as Error)?.stack ?? error) })
    if (error instanceof ReplicateError && error.retryable && task.attempts < retry.attempts) {
      const delay = retry.delay * 2 ** (task.attempts - 1)
      history.retryTask(task.id, clock.now() + delay, kept, moved)
      ctx.emit({ type: 'retry', what: name, attempt: task.attempts, delay, reason: kept.message })
      return
    }
    history.finishTask(task.id, 'failed', { moved, error: kept })
    ctx.emit({ type: 'task', task: task.id, name, status: 'failed', error })
    onFailure()
  }
}

/** An error as the history keeps it. */
export function recorded(error: unknown): RecordedError {
  if (!(error instanceof ReplicateError))
    return { code: 'bug', message: error instanceof Error ? error.message : String(error) }
  const hint = error.hint === undefined ? {} : { hint: error.hint }
  return { code: error instanceof CancelledError ? 'cancelled' : error.code, message: describeError(error), ...hint }
}
