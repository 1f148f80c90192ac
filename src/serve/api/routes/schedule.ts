/** When schedules come, and what became of their times. */

import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import type { Configuration } from '../../../config/load.ts'
import { type ComingRun, comingRunJson, comingRuns } from '../../../core/schedule.ts'
import type { Daemon } from '../../parts.ts'
import { type Api, pageHeaders, problems } from '../route.ts'
import { pastQuery, pastRun, type Schedule, schedule, scheduleQuery } from '../schema/schedule.ts'

/** Times that are sent at most: of each policy, and in sum. */
const MOST_OF_EACH = 200
const MOST = 5000
const DAY = 24 * 60 * 60 * 1000
const tags = ['schedule']

export function addSchedule(app: Api, { program, current }: Daemon): void {
  const { history, clock } = program

  app.route({
    method: 'GET',
    url: '/schedule',
    config: { role: 'viewer' },
    schema: {
      tags,
      description: 'The times at which schedules come',
      querystring: scheduleQuery,
      response: { 200: schedule, ...problems() },
    },
    handler: async (request, reply) =>
      reply.send(await coming(current().configuration, clock.now(), request.query.days * DAY)),
  })

  app.route({
    method: 'GET',
    url: '/schedule/past',
    config: { role: 'viewer' },
    schema: {
      tags,
      description: 'What became of the times of schedules, the newest first',
      querystring: pastQuery,
      response: { 200: z.array(pastRun), ...problems() },
    },
    async handler(request, reply) {
      const { page, page_size, q } = request.query
      const found = history.schedules.page({ ...q, offset: (page - 1) * page_size, limit: page_size })
      pageHeaders(request, reply, { page, page_size, total: found.total })
      return reply.send([...found.rows])
    },
  })
}

/** Lets other requests pass between policies: times are calculated. */
async function coming({ policies }: Configuration, now: number, within: number): Promise<Schedule> {
  const until = now + within
  const found: ComingRun[] = []
  const more: string[] = []
  for (const policy of policies) {
    let count = 0
    for (const run of comingRuns([policy], now)) {
      if (run.time > until) break
      count += 1
      if (count > MOST_OF_EACH) {
        more.push(policy.name)
        break
      }
      found.push(run)
    }
    if (count > 0) await setImmediate()
  }
  const sorted = found.sort((a, b) => a.time - b.time)
  for (const { policy } of sorted.slice(MOST)) if (!more.includes(policy.name)) more.push(policy.name)
  return {
    from: new Date(now).toISOString(),
    until: new Date(until).toISOString(),
    runs: sorted.slice(0, MOST).map(comingRunJson),
    more,
  }
}
