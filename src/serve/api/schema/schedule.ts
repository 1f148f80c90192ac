/** When schedules come, and what became of their times. */

import { z } from 'zod'
import { page, pageSize, queryOf } from './list.ts'

const time = z.iso.datetime()

export const scheduleQuery = z.strictObject({
  days: z.coerce.number().int().min(1).max(31).default(7).describe('How far to look ahead'),
})

/** As `schedule next --json` has it. */
export const comingRun = z.object({
  policy: z.string(),
  time,
  schedule: z.string(),
  timezone: z.string(),
})

export const schedule = z
  .object({
    from: time,
    until: time,
    runs: z.array(comingRun).describe('In the order of their times'),
    more: z.array(z.string()).describe('Policies that come more often than is shown'),
  })
  .meta({ id: 'Schedule' })
export type Schedule = z.infer<typeof schedule>

export const pastQuery = z.strictObject({
  page,
  page_size: pageSize,
  q: queryOf({ policy: z.string().optional() }),
})

/** As `schedule past --json` has it. */
export const pastRun = z
  .object({
    policy: z.string(),
    due: time,
    last: time.describe('The last of several times that became the same'),
    times: z.int(),
    outcome: z.enum(['waiting', 'started', 'skipped', 'missed', 'caught_up']),
    execution: z.int().nullable(),
    reason: z.string().nullable(),
  })
  .meta({ id: 'PastRun' })
