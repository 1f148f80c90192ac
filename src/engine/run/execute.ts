/** One execution of one policy: prepare, transfer, post, each recorded before it starts and when it ends. */

import { abortReason, type Clock, systemClock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { HistoryError, notBegun, ReplicateError } from '../../core/errors.ts'
import type { Execution } from '../../core/execution.ts'
import { createGate, type Grace } from '../../core/gate.ts'
import type { HeldArtifact } from '../../core/requests.ts'
import { isFinal } from '../../core/states.ts'
import { type Endpoint, ManifestMemory } from '../endpoint.ts'
import { type NotifyRequest, notify, oweNotification } from '../notify/notify.ts'
import { collectHeld } from '../plan/age.ts'
import type { PlanTotals } from '../plan/plan.ts'
import { type PrepareRequest, prepare } from '../plan/prepare.ts'
import { plannedBefore, prepareAgain } from './again.ts'
import { type BeginRequest, begin } from './begin.ts'
import { type Committing, commit, lateRegistries, takeAllBack } from './commit.ts'
import { type Control, listenToOthers } from './control.ts'
import { type Copying, type CopySettings, copyTasks } from './copies.ts'
import { type Deleted, deleteTags, NOTHING } from './deletes.ts'
import { isLeft, isResumedLater, stopPlanning } from './draining.ts'
import { withHint } from './hint.ts'
import { tellProgress } from './progress.ts'
import { attempt, recording } from './recording.ts'
import { recorded } from './transfer.ts'
import { discardUploads } from './uploads.ts'

export interface ExecuteRequest extends PrepareRequest, BeginRequest, NotifyRequest, CopySettings {
  readonly started: (execution: Execution) => void
  readonly clock?: Clock | undefined
  /** After how long a pause connections are let go. */
  readonly grace?: Grace | undefined
}

export interface ExecuteResult {
  readonly execution: Execution
  readonly exitCode: number
  /** What ended the execution early: a failed preparation, or the reason it was stopped. */
  readonly error?: unknown
  /** Of a run of events: what `min_age` holds back. */
  readonly held?: readonly HeldArtifact[]
}

/** How long a run that is stopped may pack, or wait for another process that writes the same destination, in milliseconds. */
const LAST_WAIT_MS = 10_000

/** Throws only where no execution began: `LockedError`, or a history that cannot be written. */
export async function execute(request: ExecuteRequest, ctx: Context): Promise<ExecuteResult> {
  const { history, clock = systemClock } = request
  const began = clock.now()
  const { id, attempt: number } = await begin(
    { ...request, late: lateRegistries(destinationsOf(request).values()) },
    clock,
    ctx,
  )
  const stop = new AbortController()
  const gate = createGate(request.grace)
  const progress = tellProgress(history, id)
  const record = recording(history, id, clock, ctx)
  const emit: Context['emit'] = (event) => {
    progress.see(event)
    // Nothing more is written of an execution that another process has taken over.
    if (control.lost) ctx.emit(event)
    else record(event)
  }
  const control = listenToOthers({ history, execution: id, stop, gate, emit })
  const signal = AbortSignal.any([ctx.signal, stop.signal])
  let exitCode: number | undefined
  const held: HeldArtifact[] = []
  try {
    request.started(history.executions.get(id))
    oweNotification(request, id)
    if (number !== undefined) emit({ type: 'log', level: 'info', text: `attempt ${number}: resumes what is left` })
    const result = await stages(
      { ...request, holding: request.events && collectHeld(held) },
      {
        id,
        began,
        stop,
        control,
        clock,
        ctx: { signal, emit, gate, draining: ctx.draining },
        unkept: new Map(),
      },
    )
    exitCode = result.exitCode
    // One that the next start resumes has not ended for those who are told of its end: it stays owed until then.
    const isResumed = isResumedLater(result.execution, result.exitCode, ctx.draining)
    if (!control.lost && !isResumed) await notify(request, id, { signal, emit })
    return held.length > 0 ? { ...result, held } : result
  } finally {
    control.end()
    progress.end()
    // Together, like all that follows a failure: where the history is locked, each write waits for long before it fails.
    attempt(() => {
      history.logs.flush()
      history.samples.end(id)
      if (exitCode !== undefined && !control.lost) history.executions.recordExit(id, exitCode)
      history.locks.release(id)
    })
  }
}

interface Running extends Copying {
  /** Milliseconds since 1970. */
  readonly began: number
  readonly control: Control
}

async function stages(request: ExecuteRequest, run: Running): Promise<ExecuteResult> {
  const { history } = request
  const { id, ctx } = run
  const memory = new ManifestMemory()
  let totals: PlanTotals
  const endPlanning = stopPlanning(ctx.draining, run.stop)
  try {
    const planned = plannedBefore(request)
    totals =
      planned === undefined ? await prepare(request, id, memory, ctx) : await prepareAgain(request, id, planned, ctx)
    // Paused while the plan was made: it is resumed as what it was.
    await ctx.gate?.pass(ctx.signal)
    history.executions.move(id, 'in_progress')
  } catch (error) {
    if (ctx.signal.aborted) return stopped(request, run)
    const reason = notBegun(error)
    return failed(request, run, reason, reason instanceof ReplicateError ? reason.exitCode : 1)
  } finally {
    endPlanning()
  }
  try {
    const hint = await copyTasks({ ...request, destinations: destinationsOf(request) }, run, memory, totals)
    if (isLeft(history, id, ctx)) run.stop.abort(ctx.draining?.reason)
    const deleted = ctx.signal.aborted
      ? NOTHING
      : await deleteTags({ ...request, ...run, destinations: destinationsOf(request) })
    if (isLeft(history, id, ctx)) run.stop.abort(ctx.draining?.reason)
    if (ctx.signal.aborted) return await stopped(request, run, hint)
    run.control.transferred()
    await post(request, run, deleted)
    if (ctx.signal.aborted && history.executions.get(id).stopped > 0) return ended(request, run)
    const execution = history.executions.finish(id)
    return { execution, exitCode: execution.status === 'succeeded' ? 0 : 1 }
  } catch (error) {
    // A history that fails in mid run is not the user's mistake, which the error's own exit status would say.
    const own = error instanceof ReplicateError && !(error instanceof HistoryError)
    return failed(request, run, error, own ? error.exitCode : 1)
  }
}

/** Ends it as failed for a reason of its own, as far as the history can still be written. No task runs any more. */
function failed(request: ExecuteRequest, run: Running, error: unknown, exitCode: number): ExecuteResult {
  const { history } = request
  const { id } = run
  attempt(() => {
    takeAllBack(committing(request, run), error)
    history.tasks.stopRest(id)
    history.executions.fail(id, recorded(error))
  })
  const execution = attempt(() => history.executions.get(id))
  if (!execution) throw error
  // Where its end could not be written, it is what every reader will see once this process has ended.
  return { execution: isFinal(execution.status) ? execution : { ...execution, status: 'interrupted' }, exitCode, error }
}

async function stopped(request: ExecuteRequest, run: Running, hint?: string): Promise<ExecuteResult> {
  const { history } = request
  if (!run.control.lost) {
    history.tasks.stopRest(run.id)
    // What was copied completely is kept, also where the destination is written as a whole.
    const { emit } = run.ctx
    await commit(committing(request, run), { emit, signal: AbortSignal.timeout(LAST_WAIT_MS) })
  }
  return ended(request, run, hint)
}

function ended({ history }: ExecuteRequest, run: Running, hint?: string): ExecuteResult {
  const reason = abortReason(run.ctx.signal)
  const execution = run.control.lost ? history.executions.get(run.id) : history.executions.finish(run.id, 'stopped')
  const error = execution.stopped > 0 && execution.failed === 0 ? withHint(reason, run.unkept, hint) : reason
  return { execution, exitCode: error instanceof ReplicateError ? error.exitCode : 1, error }
}

async function post(request: ExecuteRequest, run: Running, deleted: Deleted): Promise<void> {
  const { history } = request
  for (const destination of destinationsOf(request).values()) {
    await discardUploads(destination, history, run)
  }
  await commit(committing(request, run), run.ctx)
  const { total, succeed, skipped } = history.executions.get(run.id)
  // Each tag's digest was compared when it was written; a task whose digest differs has failed.
  const copies = total - skipped - deleted.tasks
  if (copies > 0 && succeed > deleted.succeed) {
    const text = `verified ${succeed - deleted.succeed} of ${copies}`
    run.ctx.emit({ type: 'stage', stage: 'post', state: 'ended', text })
  }
}

function committing(request: ExecuteRequest, { id, began }: Running): Committing {
  return { history: request.history, execution: id, destinations: destinationsOf(request).values(), began }
}

/** By the registry's name. */
function destinationsOf({ routes }: ExecuteRequest): ReadonlyMap<string, Endpoint> {
  return new Map(routes.map(({ destination }) => [destination.registry.name, destination]))
}
