/** What a runner tells of a task: fields of the task's own. */

import { z } from 'zod'
import { logLevel } from './log.ts'

/** Lines that one notification may have. */
const MOST_LINES = 100
/** Bytes that a task may have moved, far more than any does: their sums stay whole numbers. */
const MOST_BYTES = 1e12

const bytes = z.int().min(0).max(MOST_BYTES).optional()

export const notification = z
  .strictObject({
    id: z.int().min(1).describe('The number of the task within the execution'),
    runner: z
      .string()
      .regex(/^[\w.:@/-]{1,100}$/, 'a name has letters, digits and `._-:@/`')
      .describe('Who does the task: another one that tells of it is refused'),
    status: z
      .enum(['in_progress', 'succeeded', 'failed'])
      .describe('The first `in_progress` takes a pending task; later ones say that it goes on'),
    bytes_copied: bytes.describe('Until now, of this attempt'),
    bytes_mounted: bytes,
    bytes_present: bytes,
    lines: z
      .array(z.strictObject({ level: logLevel.default('info'), text: z.string().min(1).max(2000) }))
      .max(MOST_LINES)
      .default([])
      .describe('Of its log, those since the last notification'),
    error: z
      .strictObject({ message: z.string().min(1).max(2000), hint: z.string().max(2000).optional() })
      .optional()
      .describe('Why it failed'),
  })
  .meta({ examples: [{ id: 1, runner: 'ci-4711', status: 'in_progress', bytes_copied: 0 }] })
