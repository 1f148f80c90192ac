/** `/api/events`: what happens, as it happens. */

import { z } from 'zod'
import { HistoryError } from '../../../core/errors.ts'
import type { Daemon } from '../../parts.ts'
import { ApiError } from '../problem.ts'
import { type Api, problems } from '../route.ts'
import { createFeed } from '../stream/feed.ts'
import { openStream, type Stream } from '../stream/sse.ts'
import { createWatch } from '../stream/watch.ts'

/** Milliseconds between two looks at the history. */
const INTERVAL = 500
/** Clients at once. */
const MOST_CLIENTS = 200

const eventsQuery = z.strictObject({
  execution: z.coerce
    .number()
    .int()
    .min(1)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Also `progress` of this execution: bytes, and blobs in flight'),
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
        'Server-sent events: `execution`, `registry`, `configuration`, `draining`. With `Last-Event-ID` it goes on after that one; `reset` says that too much was missed',
      querystring: eventsQuery,
      response: {
        200: { description: 'A stream', content: { 'text/event-stream': { schema: z.string() } } },
        ...problems(404),
      },
    },
    async handler(request, reply) {
      const { execution } = request.query
      if (execution !== undefined) history.executions.get(execution)
      if (feed.listeners >= MOST_CLIENTS) {
        throw new ApiError(503, 'too_many_clients', `${MOST_CLIENTS} clients listen already`)
      }
      const last = request.headers['last-event-id']
      const stream = openStream(request, reply, clock, daemon.signal)
      const leave = feed.listen(typeof last === 'string' ? last : undefined, (message) => stream.send(message))
      if (execution !== undefined) {
        watching.set(stream, execution)
        stream.send({ event: 'progress', data: { execution, progress: history.progress.of(execution) ?? null } })
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
