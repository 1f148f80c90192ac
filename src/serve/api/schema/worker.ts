/** Machines that take tasks. */

import { z } from 'zod'

const worker = z
  .object({
    name: z.string(),
    host: z.string(),
    version: z.string(),
    concurrency: z.int().describe('Tasks that it does at once'),
    tasks: z.int().describe('Tasks that it does now'),
    bytes_per_second: z.number(),
    since: z.iso.datetime(),
    draining: z.boolean().describe('It ends what it has, and takes nothing new'),
  })
  .meta({ id: 'Worker' })

export const workers = z
  .object({
    queue: z.string().nullable().describe('The URL of the queue without a password; null where `workers:` names none'),
    name: z.string().nullable().describe('Workers with this name take tasks'),
    workers: z.array(worker),
  })
  .meta({ id: 'Workers' })
export type Workers = z.infer<typeof workers>
