/** Log lines, and events as streams send them. */

import { z } from 'zod'

export const logLevel = z.enum(['debug', 'info', 'warning', 'error'])

export const logLine = z
  .object({
    id: z.int().describe('Larger than that of the line before'),
    time: z.iso.datetime(),
    level: logLevel,
    task_id: z.int().nullable(),
    text: z.string(),
  })
  .meta({ id: 'LogLine' })
/** One of those in a stream. */
export const serverSentEvent = z
  .object({ id: z.string().optional(), event: z.string().optional(), data: z.string().describe('JSON') })
  .meta({ id: 'ServerSentEvent' })

export type LogLineData = z.infer<typeof logLine>
