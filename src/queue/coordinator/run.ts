/** Gives the tasks of one run to workers, by a queue of its own, and waits for their ends. */

import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Queue, QueueEvents } from 'bullmq'
import { abortReason } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { CredentialError, describeError, NetworkError, QueueError } from '../../core/errors.ts'
import type { Elsewhere, ElsewhereRun, TasksElsewhere } from '../../engine/run/elsewhere.ts'
import type { RunTask } from '../../engine/run/runner.ts'
import { watchContact } from '../contact.ts'
import { fromWire } from '../errors.ts'
import { forgetOldRuns, forgetRun } from '../forget.ts'
import { atMost } from '../patience.ts'
import { FORMAT, type TaskEnd, type TaskJob, taskEnd } from '../protocol.ts'
import type { QueueServer } from '../server.ts'
import { Given } from './given.ts'
import { listenToTold } from './listen.ts'
import { currentRecord, fixedRecord, type Surroundings } from './record.ts'
import { watchWorkers } from './roster.ts'

export interface CoordinatorTools extends Surroundings {
  readonly server: QueueServer
}

/** Each run that is begun has a queue of its own: no run waits for the end of another. */
export function createElsewhere(tools: CoordinatorTools): Elsewhere {
  return { begin: (run, ctx) => beginRun(run, tools, ctx) }
}

/** In milliseconds. */
const BEAT = 250
/** A record that its coordinator does not write any more lasts for so long. */
export const RECORD_LASTS = 20_000
/** Ends that no event told are looked for so often. */
const LOOK_AGAIN = 15_000
/** After a stop workers may take so long to say how far their tasks have come. */
const LAST_WORDS = 15_000
/** Of ends that nobody has read. */
const KEPT_ENDS = { age: 3600, count: 1000 } as const
const KEPT_EVENTS = 4000
/** Given away at once by one run. */
const MOST_GIVEN = 1000
const LEAST_GIVEN = 32
/** A task that so many workers gave back is given to none. */
const MOST_REFUSALS = 100
const FAREWELL = 10_000

async function beginRun(run: ElsewhereRun, tools: CoordinatorTools, ctx: Context): Promise<TasksElsewhere> {
  const { server } = tools
  const { client, keys, settings } = server
  const id = `${run.execution}-${randomUUID().slice(0, 8)}`
  const names = keys.run(id)
  const fixed = await fixedRecord(id, run, tools)
  const tell = (level: 'info' | 'warning', text: string): void => ctx.emit({ type: 'log', level, text })
  const contact = watchContact(settings.shown, tell)
  const options = { connection: client, prefix: keys.prefix, skipVersionCheck: true } as const
  const queue = new Queue<TaskJob>(names.queue, { ...options, streams: { events: { maxLen: KEPT_EVENTS } } })
  const events = new QueueEvents(names.queue, { ...options, lastEventId: '0-0', blockingTimeout: 2000 })
  queue.on('error', () => {})
  events.on('error', () => {})
  const given = new Map<string, Given>()
  const isWaiting = (): boolean => given.size > 0 && !ctx.signal.aborted
  const onHopeless = (error: QueueError): void => {
    for (const one of given.values()) one.fail(error)
  }
  const roster = watchWorkers({ server, run: id, ctx, isWaiting, onHopeless })
  const told = listenToTold(server.another(), names.told, (batch) => given.get(batch.job)?.hear(batch))

  events.on('active', ({ jobId }) => {
    const one = given.get(jobId)
    if (one) one.active = true
  })
  events.on('completed', ({ jobId, returnvalue }) => ended(jobId, returnvalue))
  events.on('failed', ({ jobId, failedReason }) => broken(jobId, failedReason))
  events.on('stalled', ({ jobId }) => {
    tell('warning', `a worker that had task ${jobId} does not answer any more: another one takes it`)
    const one = given.get(jobId)
    if (one) one.active = false
  })

  function ended(jobId: string, value: unknown): void {
    const end = taskEnd.safeParse(value).data
    if (end) given.get(jobId)?.end(end)
    else broken(jobId, 'its worker has said nothing of its end')
  }

  function broken(jobId: string, reason: string): void {
    given.get(jobId)?.fail(new NetworkError(`the workers that had this task did not end it: ${reason}`))
  }

  let isBeating = false
  /** Tells workers how things stand, and learns who they are. */
  async function beat(): Promise<void> {
    if (isBeating) return
    isBeating = true
    try {
      const record = JSON.stringify(currentRecord(fixed, roster.joined, ctx))
      // A server that was restarted without its file has forgotten both.
      await client.zadd(keys.runs, 'NX', Date.now(), id)
      await client.set(names.record, record, 'PX', RECORD_LASTS)
      await roster.look()
      contact.answered()
    } finally {
      isBeating = false
    }
  }

  /** Ends that were not told, as the server lost events or tasks: its tasks are given anew. */
  async function lookAgain(): Promise<void> {
    for (const [jobId, one] of given) {
      const job = await queue.getJob(jobId)
      if (!given.has(jobId)) continue
      if (!job) {
        one.active = false
        await add(jobId, { ...one.job, again: true })
      } else if (job.finishedOn !== undefined) {
        if (job.failedReason) broken(jobId, job.failedReason)
        else ended(jobId, job.returnvalue)
      }
    }
  }

  async function add(jobId: string, job: TaskJob): Promise<void> {
    await queue.add('task', job, { jobId, removeOnComplete: KEPT_ENDS, removeOnFail: KEPT_ENDS })
  }

  const repeats = [repeat(BEAT, beat), repeat(LOOK_AGAIN, lookAgain)]
  const onStop = (): void => {
    void beat().catch(() => {})
    void queue.drain().catch(() => {})
    // What no worker has begun has ended; the others say how far they came.
    const giveUp = (all: boolean): void => {
      for (const one of given.values()) if (all || !one.active) one.fail(abortReason(ctx.signal))
    }
    giveUp(false)
    void pause(LAST_WORDS, undefined, { ref: false }).then(() => giveUp(true))
  }

  let number = 0
  /** The end of the task at whatever worker can do it. */
  async function give(job: TaskJob, ...[, done, context]: Parameters<RunTask>): Promise<TaskEnd> {
    for (let refusals = 0; refusals < MOST_REFUSALS; refusals += 1) {
      number += 1
      const jobId = `t${number}`
      const one = new Given(job, done, context)
      given.set(jobId, one)
      try {
        if (ctx.signal.aborted) throw abortReason(ctx.signal)
        if (roster.hopeless) throw roster.hopeless
        void add(jobId, job).catch((error: unknown) => one.fail(error))
        const end = await one.ended
        await one.conclude(end)
        if (end.refused === undefined) return end
        roster.refused(end.worker, end.refused)
      } finally {
        one.giveUp()
        given.delete(jobId)
      }
    }
    throw new QueueError('too many workers gave this task back')
  }

  const inform = once((worker: string, error: unknown) =>
    tell('warning', `worker ${worker}: ${describeError(error)}; this process does such tasks itself`),
  )

  ctx.signal.addEventListener('abort', onStop, { once: true })
  try {
    await beat()
  } catch (error) {
    await end()
    throw error
  }
  void forgetOldRuns(server).catch(() => {})

  async function end(): Promise<void> {
    ctx.signal.removeEventListener('abort', onStop)
    for (const stop of repeats) stop()
    contact.end()
    told.end()
    // What the server cannot forget now expires.
    await atMost(FAREWELL, async () => {
      await events.close()
      if (contact.lost) return
      await forgetRun(server, id, queue)
      await queue.close()
    })
  }

  return {
    atOnce: () => Math.min(MOST_GIVEN, Math.max(LEAST_GIVEN, roster.capacity * 2)),
    async run(task, done, context, again = false) {
      if (isLocal(task.destination.registry) || isLocal(task.source.registry)) {
        return run.local(task, done, context, again)
      }
      const end = await give({ format: FORMAT, execution: run.execution, task, again }, task, done, context)
      for (const { manifest, ...name } of end.names) run.names?.keep(manifest, name)
      if (end.error) {
        const error = fromWire(end.error)
        // What this process may do its workers may not: the task is done as it is without them.
        if (!(error instanceof CredentialError) || ctx.signal.aborted) throw error
        inform(end.worker, error)
        return run.local(task, done, context, true)
      }
      if (end.written !== undefined) done.written = end.written
      if (end.platforms) done.platforms = end.platforms
    },
    end,
  }

  function isLocal(name: string): boolean {
    const known = [run.source, ...run.destinations].find((registry) => registry.name === name)
    return known?.path !== undefined
  }
}

/** Calls again and again, one call after the other; a failure is that of the server, which is told by the contact. */
function repeat(milliseconds: number, work: () => Promise<void>): () => void {
  let running = false
  const timer = setInterval(() => {
    if (running) return
    running = true
    void work()
      .catch(() => {})
      .finally(() => {
        running = false
      })
  }, milliseconds)
  return () => clearInterval(timer)
}

/** Each message is told once. */
function once(tell: (worker: string, error: unknown) => void): (worker: string, error: unknown) => void {
  const told = new Set<string>()
  return (worker, error) => {
    const key = `${worker} ${describeError(error)}`
    if (told.has(key) || told.size >= 100) return
    told.add(key)
    tell(worker, error)
  }
}
