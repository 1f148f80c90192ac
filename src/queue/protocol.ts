/** What coordinators and workers tell each other through Redis: plain JSON, checked where it is read, and never a secret. A run is either an
 *  execution, whose tasks workers do, or a verification, whose blobs they read. */

import { z } from 'zod'
import { type Digest, parseDigest } from '../core/descriptor.ts'
import type { Event } from '../core/events.ts'
import type { TaskSpec } from '../core/plan.ts'
import type { Policy } from '../core/policy.ts'

/** Of all that stands here. Those of two formats do not work together. */
export const FORMAT = 3

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

const common = {
  format: z.literal(FORMAT),
  version: z.string(),
  id: z.string(),
  /** Where the coordinator runs. */
  host: z.string(),
  state: z.enum(['running', 'paused', 'stopped']),
  /** Why it is stopped. */
  reason: z.string().optional(),
  /** Those that workers need. */
  registries: z.array(registry),
  /** Its coordinator wants to hear of each request: they are not told otherwise, as there are many. */
  requests: z.boolean().optional(),
  /** How many workers take part, as the coordinator last saw them. */
  workers: z.number(),
}

const executionRecord = z.object({
  ...common,
  kind: z.literal('execution'),
  execution: z.number(),
  /** As it was when the run began, without what it calls. */
  policy: z.custom<Policy>((value) => typeof value === 'object' && value !== null && 'source' in value),
  thorough: z.boolean(),
  /** Blob streams at once over all workers. */
  concurrency: z.number().optional(),
  /** Bytes a second over all workers. */
  bandwidth: z.number().optional(),
})

export type ExecutionRecord = z.infer<typeof executionRecord>

const verificationRecord = z.object({
  ...common,
  kind: z.literal('verification'),
  /** What is verified: a policy, or a registry. */
  of: z.string(),
  /** What failures say of the registries. */
  side: z.literal('destination').optional(),
})

export type VerificationRecord = z.infer<typeof verificationRecord>

/** A run, which its coordinator writes again and again: one that is not written any more has lost it. */
export const runRecord = z.discriminatedUnion('kind', [executionRecord, verificationRecord])

export type RunRecord = z.infer<typeof runRecord>

/** A task as a job has it. */
const givenTask = z.object({
  /** Of the coordinator: what it is told of this task bears it. */
  id: z.number(),
  task: z.custom<TaskSpec>((value) => typeof value === 'object' && value !== null && 'destination' in value),
  /** Another attempt may have sent some of it. */
  again: z.boolean(),
  /** As the plan has read it: a worker need not. */
  manifest: z.object({ type: z.string(), base64: z.string() }).optional(),
})

export type GivenTask = z.infer<typeof givenTask>

const digest = z.custom<Digest>((value) => typeof value === 'string' && parseDigest(value) !== undefined)

/** A blob that is to be read and compared with its digest. */
const givenBlob = givenTask.pick({ id: true, again: true }).extend({
  at: z.object({
    registry: z.string(),
    repository: z.string(),
    blob: z.object({ mediaType: z.string(), digest, size: z.number() }),
  }),
})

export type GivenBlob = z.infer<typeof givenBlob>

export type GivenWork = GivenTask | GivenBlob

/** What one of a job is about: a task, or a blob. Each has an end of its own. */
export type Work = Pick<GivenTask, 'task'> | Pick<GivenBlob, 'at'>

/** The data of a job. What all jobs of a run have in common stands in its record, once. */
export const jobData = z.object({
  format: z.literal(FORMAT),
  /** Tasks of one group copy one artifact to several destinations: they begin together, and read it once. A blob is alone in its group. */
  groups: z.array(z.array(z.union([givenTask, givenBlob])).min(1)).min(1),
  /** By repository of the source, where its coordinator has listed it: which tags hang on digests. Null: more than are told here. */
  hanging: z.record(z.string(), z.array(z.string()).nullable()).optional(),
})

export type JobData = z.infer<typeof jobData>

const moved = z.object({ bytes_copied: z.number(), bytes_mounted: z.number(), bytes_present: z.number() })

/** Checked for being one at all: what events are is the same on both sides, or their formats differ. */
const event = z.custom<Event>((value) => typeof value === 'object' && value !== null && 'type' in value)

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

/** How an attempt at a task, or at reading a blob, has ended: as its success, or with an error. */
const taskEnd = z.object({
  error: wireError.optional(),
  written: digest.optional(),
  platforms: z.array(z.string()).optional(),
  /** What a manifest is called by its content, where stores have names for that. */
  named: z.object({ manifest: digest, name: digest, beside: z.array(digest) }).optional(),
})

export type TaskEnd = z.infer<typeof taskEnd>

/** What is told of one task, beyond what was told before. */
const toldTask = z.object({
  id: z.number(),
  /** Of the attempt, from its beginning. */
  moved,
  events: z.array(event).optional(),
  end: taskEnd.optional(),
  /** It has not begun, and is given back: another worker may have room for it. */
  left: z.literal(true).optional(),
})

export type ToldTask = z.infer<typeof toldTask>

/** What one attempt at a job has told since the batch before it. */
export const batch = z.object({
  job: z.string(),
  /** Of the attempt: what another one tells is of another. */
  token: z.string(),
  worker: z.string(),
  /** From 1. */
  number: z.number(),
  tasks: z.array(toldTask),
})

export type Batch = z.infer<typeof batch>

/** What a job returns. Tasks of it that have no end then are given anew. */
export const jobEnd = z.object({
  worker: z.string(),
  token: z.string(),
  /** How many batches were told before. */
  batches: z.number(),
  /** Set where the worker can do none of its tasks: why. Another one may. */
  refused: z.string().optional(),
  /** What no batch told. */
  tasks: z.array(toldTask),
})

export type JobEnd = z.infer<typeof jobEnd>

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
