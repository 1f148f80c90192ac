/** The audit log. */

import { z } from 'zod'
import type { Daemon } from '../../parts.ts'
import { type Api, pageHeaders, problems } from '../route.ts'
import { auditLine, auditQuery } from '../schema/audit.ts'

export function addAudit(app: Api, { program }: Daemon): void {
  app.route({
    method: 'GET',
    url: '/audit',
    config: { role: 'viewer' },
    schema: {
      tags: ['audit'],
      description: 'Who changed and started what, the newest first',
      querystring: auditQuery,
      response: { 200: z.array(auditLine), ...problems() },
    },
    async handler(request, reply) {
      const { page, page_size, sort, q } = request.query
      const { since, ...where } = q
      const found = program.history.audit.page({
        ...where,
        since: since === undefined ? undefined : Date.parse(since),
        ascending: sort === 'id',
        offset: (page - 1) * page_size,
        limit: page_size,
      })
      pageHeaders(request, reply, { page, page_size, total: found.total })
      return [...found.rows]
    },
  })
}
