/** Which version answers, and what its days were like. */

import { z } from 'zod'
import metadata from '../../../../package.json' with { type: 'json' }
import { daysBefore } from '../../../core/days.ts'
import type { Daemon } from '../../parts.ts'
import { ApiError } from '../problem.ts'
import { type Api, problems } from '../route.ts'
import { day, statsQuery, version } from '../schema/about.ts'

const tags = ['about']

export function addAbout(app: Api, { program: { history, clock } }: Daemon): void {
  app.route({
    method: 'GET',
    url: '/version',
    config: { role: 'viewer' },
    schema: { tags, description: 'Which version answers', response: { 200: version, ...problems() } },
    handler: async (_request, reply) =>
      reply.send({
        name: 'replicate',
        version: metadata.version,
        node: process.versions.node,
        platform: `${process.platform}/${process.arch}`,
      }),
  })

  app.route({
    method: 'GET',
    url: '/stats',
    config: { role: 'viewer' },
    schema: {
      tags,
      description: 'Executions and bytes of each day, the oldest first',
      querystring: statsQuery,
      response: { 200: z.array(day), ...problems() },
    },
    async handler(request, reply) {
      const { days, timezone } = request.query
      const wanted = daysBefore(clock.now(), days, timezone)
      if (!wanted) throw new ApiError(400, 'invalid_request', `\`${timezone}\` is not a time zone`)
      return reply.send([...history.executions.days(wanted)])
    },
  })
}
