/** Gives the tasks of one run to workers, by a queue of its own, and waits for their ends. */

import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Queue, QueueEvents } from 'bullmq'
import { abortReason } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { CredentialError, describeError } from '../../core/errors.ts'
import type { Elsewhere, ElsewhereRun, TasksElsewhere } from '../../engine/run/elsewhere.ts'
import { Slots } from '../../transfer/slots.ts'
import { watchContact } from '../contact.ts'
import { fromWire } from '../errors.ts'
import { forgetOldRuns, forgetRun, letExpire } from '../forget.ts'
import { atMost } from '../patience.ts'
import type { JobData } from '../protocol.ts'
import type { QueueServer } from '../server.ts'
import { Given } from './given.ts'
import { createJobs } from './jobs.ts'
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
/** Keys are given an end so often. */
const OUTLIVE = 5000
/** Ends that no event told are looked for so often. */
const LOOK_AGAIN = 15_000
/** After a stop workers may take so long to say how far their tasks have come. */
const LAST_WORDS = 15_000
const KEPT_EVENTS = 4000
/** Tasks that wait or are given away at once, for each that workers do: the more, the more of them may go together. */
const GIVEN_FOR_EACH = 8
const MOST_GIVEN = 1000
const LEAST_GIVEN = 32
/** Of those that this process does itself, at once. */
const MOST_LOCAL = 32
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
  const queue = new Queue<JobData>(names.queue, { ...options, streams: { events: { maxLen: KEPT_EVENTS } } })
  const events = new QueueEvents(names.queue, { ...options, lastEventId: '0-0', blockingTimeout: 2000 })
  queue.on('error', () => {})
  events.on('error', () => {})
  const roster = watchWorkers({
    server,
    run: id,
    ctx,
    isWaiting: () => !jobs.isEmpty && !ctx.signal.aborted,
    onHopeless: (error) => jobs.fail(error, 'all'),
  })
  const jobs = createJobs({ queue, roster, ctx, tell, plan: run })
  const told = listenToTold(server.another(), names.told, jobs.hear)

  events.on('active', ({ jobId }) => jobs.active(jobId))
  events.on('completed', ({ jobId, returnvalue }) => jobs.ended(jobId, returnvalue))
  events.on('failed', ({ jobId, failedReason }) => jobs.broken(jobId, failedReason))
  events.on('stalled', ({ jobId }) => jobs.stalled(jobId))

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
      jobs.fill()
    } catch (error) {
      contact.failed(error)
      throw error
    } finally {
      isBeating = false
    }
  }

  const repeats = [repeat(BEAT, beat), repeat(LOOK_AGAIN, jobs.lookAgain), repeat(OUTLIVE, () => letExpire(server, id))]
  let absence: string | undefined
  const onStop = (): void => {
    if (!jobs.isEmpty) absence = roster.absence
    void beat().catch(() => {})
    void queue.drain().catch(() => {})
    // What no worker has begun has ended; the others say how far they came.
    const reason = abortReason(ctx.signal)
    jobs.fail(reason, 'waiting')
    void pause(LAST_WORDS, undefined, { ref: false }).then(() => jobs.fail(reason, 'all'))
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

  const here = new Slots(MOST_LOCAL)
  let number = 0
  return {
    atOnce: () => Math.min(MOST_GIVEN, Math.max(LEAST_GIVEN, roster.capacity * GIVEN_FOR_EACH)),
    async run(task, done, context, again = false) {
      const local = (isTried: boolean): Promise<void> =>
        here.use(run, context.signal, () => run.local(task, done, context, isTried))
      if (isLocal(task.destination.registry) || isLocal(task.source.registry)) return local(again)
      number += 1
      const end = await jobs.give(new Given(number, task, again, done, context))
      if (end.named) run.names?.keep(end.named.manifest, end.named)
      if (end.error) {
        const error = fromWire(end.error)
        // What this process may do its workers may not: the task is done as it is without them.
        if (!(error instanceof CredentialError) || ctx.signal.aborted) throw error
        inform(end.worker, error)
        return local(true)
      }
      if (end.written !== undefined) done.written = end.written
      if (end.platforms) done.platforms = end.platforms
    },
    absence: () => absence,
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
