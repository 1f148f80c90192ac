/** The copies of an execution: done here, by workers, or by programs outside. */

import type { Audience } from '../../core/audience.ts'
import type { Clock } from '../../core/cancel.ts'
import type { Carriers } from '../../core/carrier.ts'
import type { Context } from '../../core/context.ts'
import { CancelledError } from '../../core/errors.ts'
import { plural } from '../../core/plural.ts'
import { formatBytes } from '../../core/size.ts'
import { createSlots, createTransferState, type TransferState } from '../../transfer/job.ts'
import { type MayRetry, streamRetry } from '../../transfer/resumable.ts'
import type { Throttle } from '../../transfer/throttle.ts'
import type { Endpoint, ManifestMemory } from '../endpoint.ts'
import type { PlanTotals } from '../plan/plan.ts'
import type { PrepareRequest } from '../plan/prepare.ts'
import type { BeginRequest } from './begin.ts'
import type { Elsewhere, TasksElsewhere } from './elsewhere.ts'
import { type OfferRequest, offering } from './offer.ts'
import { createRunner, type RunTask } from './runner.ts'
import { transferTasks } from './transfer.ts'
import { resolving } from './unresolved.ts'
import { checkpoints, hintsOf } from './uploads.ts'

/** How tasks are done, and by whom. */
export interface CopySettings extends OfferRequest {
  /** Blob streams at once. */
  readonly concurrency: number
  /** Of those streams, where several executions share them. */
  readonly slots?: TransferState['slots'] | undefined
  readonly throttles: readonly Throttle[]
  /** Other machines, which do the tasks. Absent: this process does. */
  readonly elsewhere?: Elsewhere | undefined
  /** Bytes a second over all of them; here `throttles` hold it. */
  readonly bandwidth?: number | undefined
  /** Blob streams at once over all of them. Absent: as many as each of them does. */
  readonly streams?: number | undefined
  /** Other threads for large blobs. Absent: this thread moves all bytes. */
  readonly carriers?: Carriers | undefined
  /** Other runs of this process that bring blobs to the same registries; one with an audience asks that. Tasks that workers take ask theirs. */
  readonly others?: TransferState['others']
  /** Give up after this many failed tasks. */
  readonly maxFailures?: number | undefined
  /** Send again whatever the destination lacks, also below child manifests that it has. */
  readonly thorough?: boolean | undefined
  /** Clients that wait for what is copied. */
  readonly audience?: Audience | undefined
  /** Milliseconds that destinations which read a blob together wait for one that takes nothing. */
  readonly patience?: number | undefined
}

export interface CopyRequest extends CopySettings, PrepareRequest, Pick<BeginRequest, 'again'> {
  /** By the registry's name. */
  readonly destinations: ReadonlyMap<string, Endpoint>
}

/** An execution whose tasks are done now. */
export interface Copying {
  readonly id: number
  readonly stop: AbortController
  readonly clock: Clock
  /** With the gate, which is open again when what is left can no longer be held. */
  readonly ctx: Context
  /** By destination registry: bytes sent in this run of blobs of which it keeps nothing. */
  readonly unkept: Map<string, number>
}

/** The copies of an execution, which its plan has left pending. The result is a hint: why it was stopped before more was done. */
export async function copyTasks(
  request: CopyRequest,
  run: Copying,
  memory: ManifestMemory,
  totals: PlanTotals,
): Promise<string | undefined> {
  const { policy, source, images, history, concurrency, throttles, carriers, patience, thorough, destinations } =
    request
  const { ctx, clock, id } = run
  const tasks = totals.copies + totals.updates
  if (tasks === 0) return undefined
  stage(ctx, 'started', plural(tasks, 'task'))
  const began = clock.monotonic()
  const before = history.executions.get(id)
  const mayRetry = (context: Context): MayRetry => streamRetry(clock, context)
  const checkpoint = checkpoints(destinations, history, id)
  const hints = hintsOf(destinations, history)
  const state = createTransferState({
    slots: request.slots ?? createSlots(concurrency),
    throttles,
    carriers,
    mayRetry,
    checkpoint,
    hints,
    patience,
    unkept: run.unkept,
    audience: request.audience,
    others: request.audience?.others ?? request.others,
  })
  // Since a plan was made that is only applied now, others may have put there what it is about.
  const leftovers = request.again !== undefined || request.plan !== undefined || history.uploads.mayHaveLeft(id)
  // What could not be planned has failed already.
  let failures = totals.blocked
  const giveUp = (): void => {
    if (request.maxFailures === undefined || failures < request.maxFailures) return
    run.stop.abort(new CancelledError(`stopped after ${plural(failures, 'failed task')}`, 1))
  }
  giveUp()
  const { names } = history
  const local = createRunner({ policy, source, images, destinations, state, memory, names, thorough, leftovers })
  const elsewhere = await beginElsewhere(request, run, memory, local)
  const lanes = destinations.size
  const here = Math.max(32, concurrency * 2)
  try {
    await transferTasks(
      {
        history,
        execution: id,
        run: resolving(elsewhere?.run ?? local, request, id, memory),
        outside: offering(request, id, { policy, source, destinations, local }),
        ...(lanes > 1 ? { destinations: [...destinations.keys()] } : {}),
        tasksAtOnce: () => (elsewhere ? Math.ceil(elsewhere.atOnce() / lanes) : here),
        retry: policy.retry,
        onFailure: () => {
          failures += 1
          giveUp()
        },
        clock,
      },
      ctx,
    )
  } finally {
    await elsewhere?.end()
  }
  const now = history.executions.get(id)
  const seconds = Math.max(clock.monotonic() - began, 1) / 1000
  const copied = now.bytes_copied - before.bytes_copied
  const already = now.bytes_present + now.bytes_mounted - before.bytes_present - before.bytes_mounted
  stage(
    ctx,
    'ended',
    `${now.succeed - before.succeed}/${tasks}  ${formatBytes(copied)} copied, ${formatBytes(already)} already there  ${formatBytes(copied / seconds)}/s`,
  )
  return elsewhere?.absence()
}

/** Clients that wait for what is copied hear it from this process: their tasks are done here. */
async function beginElsewhere(
  request: CopyRequest,
  { id, ctx }: Copying,
  memory: ManifestMemory,
  local: RunTask,
): Promise<TasksElsewhere | undefined> {
  const { elsewhere, policy, source, streams, bandwidth, thorough, audience } = request
  if (audience) return undefined
  const destinations = [...request.destinations.values()].map(({ registry }) => registry)
  const { names } = request.history
  const hanging = (repository: string) => source.adapter.repository(repository).hanging
  const about = {
    execution: id,
    policy,
    source: source.registry,
    destinations,
    bandwidth,
    thorough,
    names,
    memory,
    hanging,
  }
  return elsewhere?.begin({ ...about, local, concurrency: streams }, ctx)
}

function stage(ctx: Context, state: 'started' | 'ended', text: string): void {
  ctx.emit({ type: 'stage', stage: 'transfer', state, text })
}
