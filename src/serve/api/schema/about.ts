/** The daemon itself, and what its days were like. */

import { z } from 'zod'

export const version = z
  .object({ name: z.string(), version: z.string(), node: z.string(), platform: z.string() })
  .meta({ id: 'Version' })

export const statsQuery = z.strictObject({
  days: z.coerce.number().int().min(1).max(366).default(30).describe('How many days back, today included'),
  timezone: z.string().max(64).default('UTC').describe('Whose midnight ends a day, such as Europe/Berlin'),
})

const count = z.int().min(0)

export const day = z
  .object({
    day: z.iso.date(),
    executions: count.describe('That began on it'),
    succeeded: count,
    failed: count,
    stopped: count.describe('`interrupted` ones too'),
    active: count,
    bytes: count.describe('Bytes that were copied'),
  })
  .meta({ id: 'Day' })
export type Day = z.infer<typeof day>

export const namespacesQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(200),
})

export const namespaces = z
  .object({
    namespaces: z.array(z.string()),
    cut: z.string().nullable().describe('Why it is not all; null where it is'),
  })
  .meta({ id: 'Namespaces' })
