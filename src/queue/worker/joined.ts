/** A run whose tasks this worker takes. */

import { type Job, WaitingError, Worker } from 'bullmq'
import type { Context } from '../../core/context.ts'
import { CancelledError } from '../../core/errors.ts'
import type { Event, RequestEvent } from '../../core/events.ts'
import { createGate, type Grace } from '../../core/gate.ts'
import type { Done } from '../../engine/run/runner.ts'
import { toWire } from '../errors.ts'
import { atMost } from '../patience.ts'
import {
  FORMAT,
  type GivenWork,
  type JobData,
  type JobEnd,
  jobData,
  type RunRecord,
  type TaskEnd,
  type Work,
} from '../protocol.ts'
import type { QueueServer } from '../server.ts'
import { type BlobTools, openBlobs } from './blobs.ts'
import { LOCK, RENEW, STALLED_CHECK, watchLocks } from './locks.ts'
import { Places } from './places.ts'
import { createReporter, type Report, type TaskReport } from './reporter.ts'
import { openTasks, type TaskTools } from './tasks.ts'

export interface JoinTools extends TaskTools, BlobTools {
  readonly server: QueueServer
  /** The worker's name. */
  readonly name: string
  /** Tasks at once, to begin with. */
  readonly places: number
  /** Told of each request, where the worker's own log has them. */
  readonly requested?: ((request: RequestEvent) => void) | undefined
  /** Removes secrets from text, and from events. */
  readonly redact: (text: string) => string
  readonly guarded: (ctx: Context) => Context
  readonly grace?: Grace | undefined
  readonly ended: (work: Work, error: string | undefined) => void
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
/** After so many milliseconds tasks of a job that wait for a place are given back: what runs before them takes long. */
const GIVE_BACK_AFTER = 2000

export async function joinRun(first: RunRecord, tools: JoinTools): Promise<JoinedRun> {
  const { server, name, redact, grace } = tools
  const { client, keys } = server
  const names = keys.run(first.id)
  let record = first
  const doing = await (first.kind === 'execution' ? openTasks(first, server.sharing, tools) : openBlobs(first, tools))
  const gate = createGate(grace)
  const stop = new AbortController()
  const giveBack = new AbortController()
  const jobs = new Map<string, Held>()
  const places = new Places(tools.places)
  /** Tasks that waited here had to be given back: none is taken before there is a place for it. */
  let isSlow = false
  /** Fulfilled when it leaves, and has no task any more. */
  const idle = Promise.withResolvers<void>()
  let leaving = false
  const reporter = createReporter(client, names.told, name)

  async function run(job: Job, token: string): Promise<JobEnd> {
    if (leaving) return giveJobBack(job, token)
    const id = String(job.id)
    const parsed = jobData.safeParse(job.data)
    const { groups = [], hanging } = parsed.data ?? {}
    const size = groups.flat().length
    const held: Held = { lost: new AbortController(), again: job.attemptsStarted > 1, hanging, size, left: size }
    jobs.set(id, held)
    watched.begin(job, token)
    const report = reporter.begin(id, token, `${keys.prefix}:${names.queue}:${id}:lock`)
    const timer = setInterval(() => gate.closed || places.withdraw(held), GIVE_BACK_AFTER)
    try {
      const all = groups.map((group) => runGroup(group, held, report))
      // Those that wait for places are counted now.
      takeJobs()
      await Promise.all(all)
      await watched.keep(job)
      if (held.lost.signal.aborted) return await giveJobBack(job, token)
      const refused = parsed.success ? {} : { refused: `it does not understand format ${formatOf(job.data)}` }
      return { worker: name, ...refused, ...report.rest() }
    } finally {
      clearInterval(timer)
      report.end()
      watched.finish(job)
      jobs.delete(id)
      if (jobs.size === 0) isSlow = false
      takeJobs()
      if (leaving && jobs.size === 0) idle.resolve()
    }
  }

  async function runGroup(group: JobData['groups'][number], held: Held, report: Report): Promise<void> {
    const all = group.map((given) => {
      const done: Done = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }
      return { given, done, told: report.task(given.id, done) }
    })
    if (!(await places.enter(held, all.length))) {
      for (const { told } of all) told.left()
      isSlow = true
      held.left -= all.length
      return
    }
    await Promise.all(
      all.map(async ({ given, done, told }) => {
        try {
          await runOne(given, done, held, told)
        } finally {
          held.left -= 1
          places.leave()
          if (held.left > 0) takeJobs(true)
        }
      }),
    )
  }

  /** Tells how the task has ended, but for one that another worker gets. */
  async function runOne(given: GivenWork, done: Done, held: Held, told: TaskReport): Promise<void> {
    const { lost, hanging } = held
    const signal = AbortSignal.any([stop.signal, giveBack.signal, lost.signal])
    const emit = (event: Event): void => {
      if (event.type === 'request') tools.requested?.(event)
      if (event.type !== 'request' || first.requests) told.emit(event)
    }
    const ctx = { ...tools.guarded({ signal, emit }), gate }
    const error = await failureOf(async () => {
      await gate.pass(signal)
      await doing.carryOut({ ...given, again: held.again || given.again }, hanging, done, ctx)
    })
    if (giveBack.signal.aborted || lost.signal.aborted) return
    tools.ended(given, error?.message)
    told.ended({ ...(error ? { error } : {}), ...doing.resultOf(done) })
  }

  /**
   * Lets BullMQ take another job where there is a place for it, or where the last one is so large that the next can wait here already.
   * Its loop waits for the end of a job before it looks at this number again; going on after a pause is what wakes it.
   */
  function takeJobs(wake = false): void {
    const size = [...jobs.values()].at(-1)?.size ?? 0
    const mayTake = places.hasRoom || (!isSlow && size > places.count && places.waiting < size)
    const wanted = Math.max(1, jobs.size + (mayTake ? 1 : 0))
    const isMore = wanted > worker.concurrency
    if (worker.concurrency !== wanted) worker.concurrency = wanted
    if (wake && isMore && !leaving && !worker.isPaused()) void worker.pause(true).then(() => worker.resume())
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

  const worker = new Worker(names.queue, async (job, token = '') => run(job, token), {
    connection: client,
    prefix: keys.prefix,
    name,
    concurrency: 1,
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
    const held = jobs.get(id)
    if (!held) return
    held.lost.abort(new CancelledError('the task was given to another worker', 1))
    places.withdraw(held)
  })

  return {
    get record() {
      return record
    },
    get active() {
      return places.running
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
    share(count) {
      if (places.count === count) return
      places.share(count)
      takeJobs(true)
    },
    async leave(milliseconds) {
      await worker.pause(true)
      leaving = true
      if (jobs.size === 0) idle.resolve()
      for (const held of jobs.values()) places.withdraw(held)
      const timer = setTimeout(() => giveBack.abort(new CancelledError('the worker ends', 1)), milliseconds)
      // Tasks that are given back end at once.
      await atMost(milliseconds + GRACE, () => idle.promise)
      clearTimeout(timer)
      await atMost(GRACE, () => worker.close())
      watched.end()
      reporter.end()
      await doing.release()
    },
  }
}

/** A job that is done here. */
interface Held {
  /** Aborted where its lock is lost. */
  readonly lost: AbortController
  /** Another worker had it before. */
  readonly again: boolean
  readonly hanging: JobData['hanging']
  readonly size: number
  /** How many of its tasks have not ended. */
  left: number
}

function formatOf(data: unknown): string {
  const format = typeof data === 'object' && data !== null && 'format' in data ? String(data.format) : 'unknown'
  return `${format}, only ${FORMAT}`
}
