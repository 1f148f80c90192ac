/** `/api/events`: what happens, as it happens. */

import { z } from 'zod'
import { HistoryError } from '../../../core/errors.ts'
import type { Daemon } from '../../parts.ts'
import { ApiError } from '../problem.ts'
import { type Api, problems } from '../route.ts'
import { type LogLineData, logLevel, serverSentEvent } from '../schema/log.ts'
import { createFeed } from '../stream/feed.ts'
import { follow } from '../stream/follow.ts'
import { openStream, type Stream } from '../stream/sse.ts'
import { createWatch } from '../stream/watch.ts'

/** Milliseconds between two looks at the history. */
const INTERVAL = 500
/** Lines that `logs_last` may ask for. */
const MOST_LINES = 10_000
/** Clients at once. */
const MOST_CLIENTS = 200

const number = z.coerce.number().int().max(Number.MAX_SAFE_INTEGER)

const eventsQuery = z
  .strictObject({
    execution: number.min(1).optional().describe('Also `progress` of this execution: bytes, and blobs in flight'),
    logs: z
      .stringbool()
      .default(false)
      .describe('Also `log` with each line of its log, the written ones first, and `log_end` when it has ended'),
    task: number.min(1).optional().describe('Of its log the lines of this task alone'),
    level: logLevel.default('debug').describe('Of its log this level and above'),
    logs_last: number
      .min(1)
      .max(MOST_LINES)
      .optional()
      .describe('Of what its log has already the last so many lines alone'),
    logs_after: number.min(0).default(0).describe('Of its log the lines after the one with this `id`'),
  })
  .refine(({ execution, logs, task }) => execution !== undefined || (!logs && task === undefined), {
    path: ['execution'],
    message: 'name the execution whose log it is',
  })

export interface About {
  readonly version: string
}

export function addEvents(app: Api, daemon: Daemon, { version }: About): void {
  const { clock, history, redact } = daemon.program
  const feed = createFeed(() => ({ version, time: new Date(clock.now()).toISOString() }))
  /** Those who look at one execution. */
  const watching = new Map<Stream, number>()
  let isLooking = false

  daemon.listen((news) => {
    switch (news.type) {
      case 'registry_changed':
        return feed.publish('registry', {
          name: news.registry,
          status: news.healthy ? 'healthy' : 'unhealthy',
          status_reason: news.reason === undefined ? null : redact(news.reason),
        })
      case 'reloaded':
        return feed.publish('configuration', { error: null })
      case 'reload_failed':
        return feed.publish('configuration', { error: redact(news.message) })
      case 'draining':
        return feed.publish('draining', { running: news.running, within: news.within })
      default:
    }
  })

  /** Ends when no client listens any more. */
  async function look(): Promise<void> {
    const watch = createWatch(history)
    const progress = new Map<number, string>()
    while (feed.listeners > 0) {
      try {
        for (const execution of watch.look()) feed.publish('execution', execution)
        for (const id of new Set(watching.values())) {
          const data = { execution: id, progress: history.progress.of(id) ?? null }
          const text = JSON.stringify(data)
          if (progress.get(id) === text) continue
          progress.set(id, text)
          for (const [stream, of] of watching) if (of === id) stream.send({ event: 'progress', data })
        }
        for (const id of progress.keys()) if (![...watching.values()].includes(id)) progress.delete(id)
      } catch (error) {
        // The probes and the log tell it.
        if (!(error instanceof HistoryError)) throw error
      }
      await clock.sleep(INTERVAL, daemon.signal).catch(() => {})
      if (daemon.signal.aborted) return
    }
  }

  app.route({
    method: 'GET',
    url: '/events',
    config: { role: 'viewer' },
    schema: {
      tags: ['events'],
      description:
        'Server-sent events: `execution`, `registry`, `configuration`, `draining`; with `execution` also `progress`, and with `logs` also `log` and `log_end`, so that one stream is enough for a client. With `Last-Event-ID` it goes on after that one; `reset` says that too much was missed',
      querystring: eventsQuery,
      response: {
        200: { description: 'A stream', content: { 'text/event-stream': { schema: serverSentEvent } } },
        ...problems(404),
      },
    },
    async handler(request, reply) {
      const { execution, logs, task, level, logs_last, logs_after } = request.query
      if (execution !== undefined) history.executions.get(execution)
      if (execution !== undefined && task !== undefined) history.tasks.get(execution, task)
      if (feed.listeners >= MOST_CLIENTS) {
        throw new ApiError(503, 'too_many_clients', `${MOST_CLIENTS} clients listen already`)
      }
      const { 'last-event-id': last } = request.headers
      const place = placeOf(typeof last === 'string' ? last : undefined, logs_after)
      const stream = openStream(request, reply, clock, daemon.signal)
      const leave = feed.listen(place.message, (message) => {
        place.message = message.id
        stream.send({ ...message, id: logs ? idOf(place) : message.id })
      })
      if (execution !== undefined) {
        watching.set(stream, execution)
        stream.send({ event: 'progress', data: { execution, progress: history.progress.of(execution) ?? null } })
      }
      if (execution !== undefined && logs) {
        const ended = (): boolean => {
          stream.send({ event: 'log_end', data: { execution } })
          // Another attempt writes more.
          return false
        }
        const line = (data: LogLineData): boolean => {
          place.line = data.id
          return stream.send({ id: idOf(place), event: 'log', data: { execution, ...data } })
        }
        const wanted = { level, after: place.line, ...(task === undefined ? {} : { task }) }
        if (logs_last !== undefined) place.line = history.logs.beforeLast(execution, logs_last, wanted)
        const of = { execution, task, level, after: place.line }
        void daemon.keep('following a log', follow(daemon.program, stream, of, { line, ended }))
      }
      stream.gone.addEventListener('abort', () => {
        leave()
        watching.delete(stream)
      })
      if (isLooking) return
      isLooking = true
      void daemon.keep(
        'watching the history',
        look().finally(() => {
          isLooking = false
        }),
      )
    },
  })
}

/** What a client saw last: of the messages for all, and of the log that it follows. */
interface Place {
  message: string | undefined
  line: number
}

function placeOf(last: string | undefined, after: number): Place {
  const [message, line = ''] = last?.split('/') ?? []
  return { message, line: /^\d{1,15}$/.test(line) ? Math.max(Number(line), after) : after }
}

function idOf({ message, line }: Place): string {
  return `${message}/${line}`
}
