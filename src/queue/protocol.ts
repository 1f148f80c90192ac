/** What coordinators and workers tell each other through Redis: plain JSON, checked where it is read, and never a secret. */

import { z } from 'zod'
import { type Digest, parseDigest } from '../core/descriptor.ts'
import type { Event } from '../core/events.ts'
import type { TaskSpec } from '../core/plan.ts'
import type { Policy } from '../core/policy.ts'

/** Of all that stands here. Those of two formats do not work together. */
export const FORMAT = 1

/** A registry as both sides must know it. */
const registry = z.object({
  name: z.string(),
  type: z.string(),
  /** Absent for a local path. */
  url: z.string().optional(),
  /** The coordinator has a credential for it. */
  credential: z.boolean(),
})

export type SharedRegistry = z.infer<typeof registry>

/** Reads of any format. */
export const anyFormat = z.looseObject({ format: z.number(), version: z.string() })

/** A run, which its coordinator writes again and again: one that is not written any more has lost it. */
export const runRecord = z.object({
  format: z.literal(FORMAT),
  version: z.string(),
  id: z.string(),
  execution: z.number(),
  /** Where the coordinator runs. */
  host: z.string(),
  state: z.enum(['running', 'paused', 'stopped']),
  /** Why it is stopped. */
  reason: z.string().optional(),
  registries: z.array(registry),
  /** As it was when the run began, without what it calls. */
  policy: z.custom<Policy>((value) => typeof value === 'object' && value !== null && 'source' in value),
  thorough: z.boolean(),
  /** Blob streams at once over all workers. */
  concurrency: z.number().optional(),
  /** Bytes a second over all workers. */
  bandwidth: z.number().optional(),
  /** How many workers take its tasks, as the coordinator last saw them. */
  workers: z.number(),
})

export type RunRecord = z.infer<typeof runRecord>

/** The data of a job. What all jobs of a run have in common stands in its record, once. */
export const taskJob = z.object({
  format: z.literal(FORMAT),
  execution: z.number(),
  task: z.custom<TaskSpec>((value) => typeof value === 'object' && value !== null && 'destination' in value),
  /** Another attempt may have sent some of it. */
  again: z.boolean(),
})

export type TaskJob = z.infer<typeof taskJob>

const digest = z.custom<Digest>((value) => typeof value === 'string' && parseDigest(value) !== undefined)

const moved = z.object({ bytes_copied: z.number(), bytes_mounted: z.number(), bytes_present: z.number() })

/** Checked for being one at all: what events are is the same on both sides, or their formats differ. */
const event = z.custom<Event>((value) => typeof value === 'object' && value !== null && 'type' in value)

/** What one attempt at a task has told since the batch before it. */
export const batch = z.object({
  job: z.string(),
  /** Of the attempt: what another one tells is of another. */
  token: z.string(),
  worker: z.string(),
  /** From 1. */
  number: z.number(),
  moved,
  events: z.array(event),
})

export type Batch = z.infer<typeof batch>

export const wireError = z.object({
  code: z.string(),
  message: z.string(),
  stack: z.string().optional(),
  hint: z.string().optional(),
  side: z.enum(['source', 'destination']).optional(),
  registry: z.string().optional(),
  exitCode: z.number().optional(),
  retryable: z.boolean().optional(),
  missing: z.boolean().optional(),
  silent: z.boolean().optional(),
  status: z.number().optional(),
  method: z.string().optional(),
  path: z.string().optional(),
  codes: z.array(z.string()).optional(),
  retryAfter: z.number().optional(),
})

export type WireError = z.infer<typeof wireError>

/** What a job returns. */
export const taskEnd = z.object({
  worker: z.string(),
  /** Set where the worker cannot do it: why. Another one may. */
  refused: z.string().optional(),
  error: wireError.optional(),
  moved,
  written: digest.optional(),
  platforms: z.array(z.string()).optional(),
  /** What manifests are called by their content, where stores have names for that. */
  names: z.array(z.object({ manifest: digest, name: digest, beside: z.array(digest) })),
  /** How many batches were told before. */
  batches: z.number(),
  token: z.string(),
  /** Those that no batch told. */
  events: z.array(event),
})

export type TaskEnd = z.infer<typeof taskEnd>

/** A worker that is there. */
export const presence = z.object({
  id: z.string(),
  name: z.string(),
  host: z.string(),
  version: z.string(),
  format: z.number(),
  concurrency: z.number(),
  /** How many it does now. */
  tasks: z.number(),
  bytes_per_second: z.number(),
  /** RFC 3339, by the clock of Redis. */
  since: z.string(),
  /** The ids of runs whose tasks it takes. */
  runs: z.array(z.string()),
  /** It ends what it has, and takes nothing new. */
  draining: z.boolean(),
})

export type Presence = z.infer<typeof presence>

/** Why a worker takes no tasks of a run. */
export const lack = z.object({ name: z.string(), reason: z.string() })

/** The parsed JSON in that form; undefined where it is none. */
export function readAs<T extends z.ZodType>(schema: T, text: string | null | undefined): z.output<T> | undefined {
  if (typeof text !== 'string') return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return schema.safeParse(value).data
}
