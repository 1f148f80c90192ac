/** Opens the queue of one run: its record, its jobs, and those who take them. */

import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Queue, QueueEvents } from 'bullmq'
import { abortReason } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import type { Registry } from '../../core/registry.ts'
import { watchContact } from '../contact.ts'
import { forgetOldRuns, forgetRun, letExpire } from '../forget.ts'
import { atMost } from '../patience.ts'
import type { JobData } from '../protocol.ts'
import type { QueueServer } from '../server.ts'
import type { Plan } from './data.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { listenToTold } from './listen.ts'
import { currentRecord, fixedRecord, type Own, type Surroundings } from './record.ts'
import { type Roster, type Words, watchWorkers } from './roster.ts'

export interface CoordinatorTools extends Surroundings {
  readonly server: QueueServer
}

export interface OpenRequest {
  /** What its id begins with. */
  readonly name: string
  readonly own: Own
  /** Those that workers need. */
  readonly registries: readonly Registry[]
  readonly plan?: Plan
  readonly words: Words
  /** After a stop workers may take so long to say how far they have come, in milliseconds. */
  readonly lastWords: number
}

export interface OpenRun {
  readonly jobs: Jobs
  readonly roster: Roster
  /** Set once it is stopped while workers are waited for: why there are none. */
  readonly absence: () => string | undefined
  end(): Promise<void>
}

/** In milliseconds. */
const BEAT = 250
/** A record that its coordinator does not write any more lasts for so long. */
export const RECORD_LASTS = 20_000
/** Keys are given an end so often. */
const OUTLIVE = 5000
/** Ends that no event told are looked for so often. */
const LOOK_AGAIN = 15_000
const KEPT_EVENTS = 4000
const FAREWELL = 10_000

/** Each run has a queue of its own: no run waits for the end of another. */
export async function openRun(request: OpenRequest, tools: CoordinatorTools, ctx: Context): Promise<OpenRun> {
  const { plan, lastWords } = request
  const { server } = tools
  const { client, keys, settings } = server
  const id = `${request.name}-${randomUUID().slice(0, 8)}`
  const names = keys.run(id)
  const fixed = await fixedRecord(id, request.own, request.registries, tools)
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
    words: request.words,
    isWaiting: () => !jobs.isEmpty && !ctx.signal.aborted,
    onHopeless: (error) => jobs.fail(error, 'all'),
  })
  const jobs = createJobs({ queue, roster, ctx, tell, ...(plan && { plan }) })
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
    void pause(lastWords, undefined, { ref: false }).then(() => jobs.fail(reason, 'all'))
  }

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
  return { jobs, roster, absence: () => absence, end }
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
