/** Log lines, as streams send them. */

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
export type LogLineData = z.infer<typeof logLine>
