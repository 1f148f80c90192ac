/** The log of an execution or of one of its tasks: as text, or line by line as it is written. */

import { Readable } from 'node:stream'
import { z } from 'zod'
import type { LogFilter, LogLine } from '../../../history/history.ts'
import type { Daemon } from '../../parts.ts'
import { type Api, problems } from '../route.ts'
import { executionId, taskId } from '../schema/execution.ts'
import { logLevel, serverSentEvent } from '../schema/log.ts'
import { follow } from '../stream/follow.ts'
import { openStream } from '../stream/sse.ts'

const PATH = '/replication/executions/:id/logs'

const logsQuery = z.strictObject({
  level: logLevel.default('debug').describe('This level and above'),
  follow: z.stringbool().default(false).describe('Server-sent events, each with a line as JSON, until it has ended'),
})

const text = {
  description: 'Lines of text, or a stream of events with `follow`',
  content: { 'text/plain': { schema: z.string() }, 'text/event-stream': { schema: serverSentEvent } },
}

export function addLogs(app: Api, daemon: Daemon): void {
  const { clock, history } = daemon.program

  for (const [url, params] of [
    [PATH, executionId],
    [`${PATH}/:task`, taskId],
  ] as const) {
    app.route({
      method: 'GET',
      url,
      config: { role: 'viewer' },
      schema: {
        tags: ['executions'],
        description: url === PATH ? 'Its log' : 'What its log has of one task',
        params,
        querystring: logsQuery,
        response: { 200: text, ...problems(404) },
      },
      async handler(request, reply) {
        const { level, follow: isFollowed } = request.query
        const { id } = request.params
        const task = 'task' in request.params ? request.params.task : undefined
        history.executions.get(id)
        if (task !== undefined) history.tasks.get(id, task)
        const wanted = { level, ...(task === undefined ? {} : { task }) }
        if (!isFollowed) {
          reply.type('text/plain; charset=utf-8')
          // Fastify sends streams as they are, whatever the schema says.
          return Readable.from(lines(id, wanted)) as never
        }
        const stream = openStream(request, reply, clock, daemon.signal)
        const last = request.headers['last-event-id']
        const after = typeof last === 'string' && /^\d{1,15}$/.test(last) ? Number(last) : 0
        await follow(
          daemon.program,
          stream,
          { execution: id, ...wanted, after },
          {
            line: (data) => stream.send({ id: String(data.id), event: 'log', data }),
            ended: () => true,
          },
        )
        stream.send({ event: 'end', data: {} })
        stream.close()
      },
    })
  }

  function* lines(execution: number, wanted: LogFilter): Generator<string> {
    let batch = ''
    for (const line of history.logs.list(execution, wanted)) {
      batch += lineText(line)
      if (batch.length < 64 * 1024) continue
      yield batch
      batch = ''
    }
    yield batch
  }
}

function lineText({ time, level, task_id, text: said }: LogLine): string {
  return `${time}  ${level.padEnd(7)}  ${task_id === null ? '' : `[${task_id}] `}${said.replace(/[\r\n]+/g, ' ')}\n`
}
