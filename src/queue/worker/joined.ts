/** A run whose tasks this worker takes. */

import { type Job, WaitingError, Worker } from 'bullmq'
import type { ContentName } from '../../core/chart.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { CancelledError } from '../../core/errors.ts'
import { createGate, type Grace } from '../../core/gate.ts'
import type { Policy } from '../../core/policy.ts'
import { type Endpoint, ManifestMemory, type Route } from '../../engine/endpoint.ts'
import type { ImageTools } from '../../engine/images/tools.ts'
import { createRunner, type Done, type RunTask } from '../../engine/run/runner.ts'
import { toWire } from '../errors.ts'
import { atMost } from '../patience.ts'
import { FORMAT, type RunRecord, type TaskEnd, taskJob } from '../protocol.ts'
import type { QueueServer } from '../server.ts'
import { LOCK, RENEW, STALLED_CHECK, watchLocks } from './locks.ts'
import { createReporter, type Report } from './reporter.ts'
import { type StateTools, stateOf } from './state.ts'

/** Both sides of a policy, opened by the worker's own configuration. */
export interface OpenedSides {
  readonly source: Endpoint
  readonly routes: readonly Route[]
  readonly images?: ImageTools | undefined
  release(): Promise<void>
}

export interface JoinTools extends StateTools {
  readonly server: QueueServer
  /** The worker's name. */
  readonly name: string
  /** Tasks at once, to begin with. */
  readonly places: number
  readonly open: (policy: Policy) => Promise<OpenedSides>
  /** Removes secrets from text, and from events. */
  readonly redact: (text: string) => string
  readonly guarded: (ctx: Context) => Context
  readonly grace?: Grace | undefined
  readonly ended: (task: string, error: string | undefined) => void
}

export interface JoinedRun {
  readonly record: RunRecord
  /** Tasks that are done now. */
  readonly active: number
  /** Copied so far. */
  readonly bytes: number
  /** Its coordinator has written this. */
  follow(record: RunRecord): void
  /** Its coordinator is gone: tasks may end, and none begins. */
  orphan(): void
  /** It may do so many tasks at once. */
  share(places: number): void
  /** Takes nothing new. Fulfilled when no task runs: those that run after `milliseconds` are given back. */
  leave(milliseconds: number): Promise<void>
}

/** How often a task may lose its worker before it has failed. */
const MOST_STALLS = 5
/** Milliseconds that tasks take which were told to end, and the last words to the server. */
const GRACE = 5000

export async function joinRun(first: RunRecord, tools: JoinTools): Promise<JoinedRun> {
  const { server, name, redact, grace } = tools
  const { client, keys } = server
  const names = keys.run(first.id)
  let record = first
  const { source, routes, images, release } = await tools.open(first.policy)
  const gate = createGate(grace)
  const stop = new AbortController()
  const giveBack = new AbortController()
  /** By job: aborted where its lock is lost. */
  const locks = new Map<string, AbortController>()
  /** Fulfilled when it leaves, and has no task any more. */
  const idle = Promise.withResolvers<void>()
  let leaving = false
  const reporter = createReporter(client, names.told, name)
  /** What manifests were called, by their digests. */
  const named = new Map<string, ContentName>()
  const runTask: RunTask = createRunner({
    policy: first.policy,
    source,
    images,
    destinations: new Map(routes.map(({ destination }) => [destination.registry.name, destination])),
    state: stateOf(first, server.sharing, tools),
    memory: new ManifestMemory(),
    names: { find: (manifest) => named.get(manifest), keep: (manifest, called) => void named.set(manifest, called) },
    thorough: first.thorough,
    // Other workers may have left something anywhere since the plan.
    leftovers: true,
  })

  async function run(job: Job, token: string): Promise<TaskEnd> {
    if (leaving) return giveJobBack(job, token)
    const parsed = taskJob.safeParse(job.data)
    const done: Done = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }
    const report = reporter.begin(String(job.id), token, done)
    const lost = new AbortController()
    locks.set(String(job.id), lost)
    watched.begin(job, token)
    const signal = AbortSignal.any([stop.signal, giveBack.signal, lost.signal])
    try {
      if (!parsed.success) return refusal(done, report, `it does not understand format ${formatOf(job.data)}`)
      const { task, again } = parsed.data
      const ctx = { ...tools.guarded({ signal, emit: report.emit }), gate }
      const error = await failureOf(async () => {
        await gate.pass(signal)
        await runTask(task, done, ctx, again || job.attemptsStarted > 1)
      })
      if (giveBack.signal.aborted || lost.signal.aborted) throw new WaitingError()
      tools.ended(`${task.destination.repository}:${task.destination.tag ?? task.digest ?? ''}`, error?.message)
      const { written, platforms, bytes_copied, bytes_mounted, bytes_present } = done
      return {
        worker: name,
        moved: { bytes_copied, bytes_mounted, bytes_present },
        names: namesOf(written),
        ...(error ? { error } : {}),
        ...(written === undefined ? {} : { written }),
        ...(platforms ? { platforms: [...platforms] } : {}),
        ...report.rest(),
      }
    } catch (error) {
      if (!(error instanceof WaitingError)) throw error
      return await giveJobBack(job, token)
    } finally {
      report.end()
      watched.finish(job)
      locks.delete(String(job.id))
      if (leaving && locks.size === 0) idle.resolve()
    }
  }

  /** Another worker gets it at once, unless it has it already. */
  async function giveJobBack(job: Job, token: string): Promise<never> {
    await job.moveToWait(token).catch(() => {})
    throw new WaitingError()
  }

  async function failureOf(work: () => Promise<void>): Promise<TaskEnd['error']> {
    try {
      await work()
      return undefined
    } catch (error) {
      return toWire(error, redact)
    }
  }

  function namesOf(manifest: Digest | undefined): TaskEnd['names'] {
    const called = manifest && named.get(manifest)
    if (!manifest || !called) return []
    named.delete(manifest)
    return [{ manifest, name: called.name, beside: [...called.beside] }]
  }

  function refusal(moved: Done, report: Report, refused: string): TaskEnd {
    return { worker: name, refused, moved, names: [], ...report.rest() }
  }

  const worker = new Worker(names.queue, async (job, token = '') => run(job, token), {
    connection: client,
    prefix: keys.prefix,
    name,
    concurrency: tools.places,
    skipVersionCheck: true,
    lockDuration: LOCK,
    lockRenewTime: RENEW,
    stalledInterval: STALLED_CHECK,
    maxStalledCount: MOST_STALLS,
    runRetryDelay: 1000,
    drainDelay: 2,
  })
  worker.on('error', () => {})
  const watched = watchLocks(worker, server, names.queue, (id) => {
    locks.get(id)?.abort(new CancelledError('the task was given to another worker', 1))
  })

  return {
    get record() {
      return record
    },
    get active() {
      return locks.size
    },
    get bytes() {
      return reporter.bytes
    },
    follow(now) {
      record = now
      if (now.state === 'stopped') stop.abort(new CancelledError(now.reason ?? 'stopped', 1))
      if (now.state === 'paused') gate.close()
      else gate.open()
      if (worker.isPaused()) void worker.resume()
    },
    orphan() {
      gate.open()
      if (!worker.isPaused()) void worker.pause(true)
    },
    share(places) {
      const isMore = places > worker.concurrency
      if (worker.concurrency !== places) worker.concurrency = places
      // Its loop waits for the end of a task before it looks at its places again; going on after a pause is what wakes it.
      if (isMore && locks.size > 0 && !leaving && !worker.isPaused())
        void worker.pause(true).then(() => worker.resume())
    },
    async leave(milliseconds) {
      await worker.pause(true)
      leaving = true
      if (locks.size === 0) idle.resolve()
      const timer = setTimeout(() => giveBack.abort(new CancelledError('the worker ends', 1)), milliseconds)
      // Tasks that are given back end at once.
      await atMost(milliseconds + GRACE, () => idle.promise)
      clearTimeout(timer)
      await atMost(GRACE, () => worker.close())
      watched.end()
      reporter.end()
      await release()
    },
  }
}

function formatOf(data: unknown): string {
  const format = typeof data === 'object' && data !== null && 'format' in data ? String(data.format) : 'unknown'
  return `${format}, only ${FORMAT}`
}
