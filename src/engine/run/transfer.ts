/** The transfer stage: pending tasks taken from the history, several at once, put back when they may succeed later. */

import { abortReason, type Clock } from '../../core/cancel.ts'
import { Pool } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import { CancelledError, describeError, kindOf, LockedError, ReplicateError } from '../../core/errors.ts'
import type { RecordedError } from '../../core/execution.ts'
import { formatResource } from '../../core/reference.ts'
import type { History, PendingTask, TaskKind } from '../../history/history.ts'
import { type Figures, tellFigures } from './figures.ts'
import type { Offer } from './outside.ts'
import type { Done, RunTask } from './runner.ts'

export interface TransferOptions {
  readonly history: History
  readonly execution: number
  readonly run: RunTask
  /** Asked again and again, as it may change. */
  readonly tasksAtOnce: () => number
  readonly retry: { readonly attempts: number; readonly delay: number }
  /** Called when a task has failed for good. */
  readonly onFailure: () => void
  /** Each with `tasksAtOnce` of its own, so that one that hangs keeps only its own; absent: all destinations share them. */
  readonly destinations?: readonly string[]
  /** Which of the tasks; default `transfer`. */
  readonly kind?: TaskKind
  /** Told how others take one of the tasks; the result ends that. What they do counts to no destination's tasks at once. */
  readonly outside?: ((take: Offer['take']) => () => void) | undefined
  readonly clock: Clock
  /** From 0 to 1, spreads the attempts of tasks that failed together. */
  readonly random?: () => number
}

/**
 * Returns when no task is left that this process may run, or the signal is aborted. Never throws for what a task did; throws where the
 * history cannot say any more how a task ended. Whichever way it ends, no task runs any more. While the context's gate is closed no task begins,
 * nor once it is draining: tasks that run may end.
 */
export async function transferTasks(options: TransferOptions, ctx: Context): Promise<void> {
  const broken = new AbortController()
  const { clock } = options
  const ahead = clock.now() - clock.monotonic()
  const time = (): number => Math.round(clock.monotonic() + ahead)
  const round: Round = { pool: new Pool(), tried: new Map(), figures: tellFigures(options.history), time, broken }
  try {
    await takeTasks(options, round, { ...ctx, signal: AbortSignal.any([ctx.signal, broken.signal]) })
  } catch (error) {
    broken.abort(error)
  }
  await round.pool.drained()
  round.figures.end()
  if (broken.signal.aborted) throw broken.signal.reason
}

interface Round {
  readonly pool: Pool
  /** Attempts of this run, by task: what earlier runs of the same execution tried does not count against it. */
  readonly tried: Map<number, number>
  readonly figures: Figures
  /** The time of day, by a clock that no one sets while tasks run: a task that was put back must not wait until a clock that was set back has caught up. */
  readonly time: () => number
  /** Aborted once the history has failed: it is not written again, since each try may wait for long. */
  readonly broken: AbortController
}

/** The tasks for one destination, or for all. */
interface Lane {
  readonly destination: string | undefined
  running: number
  /** All its tasks are taken: only one that is put back, or that turns out to be several, changes that. */
  drained: boolean
}

async function takeTasks(options: TransferOptions, round: Round, ctx: Context): Promise<void> {
  const { history, execution, destinations = [undefined] } = options
  const { gate } = ctx
  const { pool } = round
  const over = ctx.draining ? AbortSignal.any([ctx.signal, ctx.draining]) : ctx.signal
  const lanes = destinations.map((destination): Lane => ({ destination, running: 0, drained: false }))
  const close = options.outside?.((number, run) => {
    const task = gate?.closed || over.aborted ? undefined : history.tasks.takeOne(execution, number, round.time())
    if (!task) return undefined
    const { registry } = task.spec.destination
    const lane = lanes.find(({ destination }) => destination === undefined || destination === registry)
    const work = runTask(task, lane, round, { ...options, run }, ctx).catch((error: unknown) =>
      round.broken.abort(error),
    )
    pool.add(work)
    return work
  })
  try {
    await takeFrom(lanes, options, round, ctx, over)
  } finally {
    close?.()
  }
}

async function takeFrom(
  lanes: readonly Lane[],
  options: TransferOptions,
  round: Round,
  ctx: Context,
  over: AbortSignal,
): Promise<void> {
  const { history, execution, kind } = options
  const { gate } = ctx
  const { pool } = round
  while (!over.aborted) {
    const tasksAtOnce = options.tasksAtOnce()
    const open = lanes.filter((lane) => !lane.drained)
    if (open.length === 0 && pool.running === 0) break
    for (const lane of gate?.closed ? [] : open) {
      const free = tasksAtOnce - lane.running
      for (const task of history.tasks.takePending(execution, free, round.time(), kind, lane.destination)) {
        const work = runTask(task, lane, round, options, ctx).catch((error: unknown) => round.broken.abort(error))
        lane.running += 1
        pool.add(
          work.finally(() => {
            lane.running -= 1
          }),
        )
      }
    }
    if (gate?.closed && (pool.running > 0 || history.executions.get(execution).in_progress > 0)) {
      await Promise.race([pool.nextEnd, gate.pass(over).catch(() => {})])
      continue
    }
    const due: number[] = []
    for (const lane of open.filter(({ running }) => running < tasksAtOnce)) {
      const next = history.tasks.nextAttemptAt(execution, kind, lane.destination)
      if (next === undefined) lane.drained = true
      else due.push(next)
    }
    if (due.length > 0) await waitFor(Math.min(...due), round, options, { ...ctx, signal: over })
    else if (pool.running > 0) await pool.nextEnd
  }
}

/** Until a running task ends or one that was put back is due. */
async function waitFor(next: number, { pool, time }: Round, options: TransferOptions, ctx: Context): Promise<void> {
  const done = new AbortController()
  const signal = AbortSignal.any([ctx.signal, done.signal])
  if (pool.running === 0) {
    ctx.emit({ type: 'waiting', reason: 'tasks wait for another attempt', until: new Date(next).toISOString() })
  }
  const due = options.clock.sleep(Math.max(0, next - time()), signal).catch(() => {})
  await Promise.race([pool.nextEnd, due])
  done.abort()
  await due
}

/** Rejects only where the history cannot be written. */
async function runTask(
  task: PendingTask,
  lane: Lane | undefined,
  round: Round,
  options: TransferOptions,
  ctx: Context,
): Promise<void> {
  const { tried, broken, figures } = round
  const { history } = options
  const done: Done = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }
  figures.begin(task.id, done)
  const again = task.attempts > 1 && !tried.has(task.id)
  const name = `${formatResource(task.spec.source)} → ${formatResource(task.spec.destination)}`
  const emit = ofTask(task.number, ctx)
  const failed = await failureOf(() => options.run(task.spec, done, { ...ctx, emit }, again))
  const moved = figures.rest(task.id)
  if (broken.signal.aborted || isLost(ctx.signal)) return
  const end = (status: 'succeeded' | 'failed' | 'stopped', error?: RecordedError): void => {
    const { written, platforms } = done
    const ended = history.tasks.finish(task.id, status, {
      moved,
      ...(error ? { error } : {}),
      ...(platforms ? { platforms } : {}),
      ...(written === undefined || (written === task.spec.digest && !task.spec.unresolved) ? {} : { written }),
    })
    if (ended) ctx.emit({ type: 'task', task: ended })
  }
  if (!failed) {
    // A repository that was listed only now has become tasks of its own.
    if (lane && task.spec.unresolved) lane.drained = false
    return end('succeeded')
  }
  const { error } = failed
  if (ctx.signal.aborted) return end('stopped', recorded(abortReason(ctx.signal)))
  const kept = recorded(error)
  emit({ type: 'log', level: 'error', text: `attempt ${task.attempts}: ${kept.message}` })
  if (!(error instanceof ReplicateError)) {
    emit({ type: 'log', level: 'error', text: error instanceof Error ? String(error.stack) : String(error) })
  }
  const delay = delayOf(error, task.id, tried, options)
  if (delay !== undefined) {
    history.tasks.putBack(task.id, round.time() + delay, kept, moved)
    if (lane) lane.drained = false
    emit({ type: 'retry', what: name, attempt: task.attempts, delay, reason: kept.message })
    return
  }
  end('failed', kept)
  options.onFailure()
}

/** Of a task's story more lines than these are left out of its log. */
const MOST_LINES = 200

/** Passes events on with the number of the task. */
function ofTask(task: number, ctx: Context): Context['emit'] {
  let lines = 0
  return (event) => {
    if (event.type === 'log' && event.level === 'debug') {
      lines += 1
      if (lines === MOST_LINES) ctx.emit({ type: 'log', level: 'debug', text: 'what follows is not listed', task })
      if (lines >= MOST_LINES) return
    }
    ctx.emit(event.type === 'log' || event.type === 'planned' || event.type === 'retry' ? { task, ...event } : event)
  }
}

/** True once another process has taken the execution over: its rows, this task's among them, are that process's. */
function isLost(signal: AbortSignal): boolean {
  return signal.aborted && signal.reason instanceof LockedError
}

async function failureOf(work: () => Promise<void>): Promise<{ readonly error: unknown } | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    return { error }
  }
}

/** How long a task waits for its next attempt, in milliseconds, or undefined if there is no next attempt: twice as long each time, and up to half
 *  of that more, so that tasks that failed together do not come back together. */
function delayOf(
  error: unknown,
  task: number,
  tried: Map<number, number>,
  { retry, random = Math.random }: TransferOptions,
): number | undefined {
  const attempt = (tried.get(task) ?? 0) + 1
  if (!(error instanceof ReplicateError) || !error.retryable || attempt >= retry.attempts) {
    tried.delete(task)
    return undefined
  }
  tried.set(task, attempt)
  return Math.round(retry.delay * 2 ** (attempt - 1) * (1 + random() / 2))
}

/** An error as the history keeps it. */
export function recorded(error: unknown): RecordedError {
  if (!(error instanceof ReplicateError))
    return { code: 'bug', message: error instanceof Error ? error.message : String(error) }
  const kind = kindOf(error)
  return {
    code: error instanceof CancelledError ? 'cancelled' : error.code,
    ...(kind === undefined ? {} : { kind }),
    message: describeError(error),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  }
}
