/** Executions and tasks: the fields of `--json`. */

import { z } from 'zod'
import { EXECUTION_MOVES, TASK_MOVES, TRIGGERS } from '../../../core/states.ts'
import { page, pageSize, queryOf, sortBy } from './list.ts'

const keysOf = <K extends string>(moves: Readonly<Record<K, unknown>>): [K, ...K[]] => Object.keys(moves) as [K, ...K[]]

export const executionStatus = z.enum(keysOf(EXECUTION_MOVES))
export const taskStatus = z.enum(keysOf(TASK_MOVES))
export const triggerKind = z.enum(TRIGGERS)

const count = z.int().min(0)
const time = z.iso.datetime()

export const recordedError = z
  .object({ code: z.string(), kind: z.string().optional(), message: z.string(), hint: z.string().optional() })
  .meta({ id: 'RecordedError' })

export const execution = z
  .object({
    id: z.int(),
    policy_id: z.int(),
    policy: z.string(),
    status: executionStatus,
    trigger: triggerKind,
    total: count,
    succeed: count,
    failed: count,
    in_progress: count,
    stopped: count,
    skipped: count,
    unchanged: count,
    left_behind: z.record(z.string(), count),
    bytes_copied: count,
    bytes_mounted: count,
    bytes_present: count,
    start_time: time,
    end_time: time.nullable(),
    duration_ms: z.number().nullable(),
    logs: z.string().describe('The path of its log'),
    error: recordedError.nullable(),
  })
  .meta({ id: 'Execution' })
export type Execution = z.infer<typeof execution>

export const progressSample = z
  .object({ time, bytes: count.describe('Copied until then') })
  .meta({ id: 'ProgressSample' })
export type ProgressSample = z.infer<typeof progressSample>

const resource = z
  .object({
    resource_type: z.enum(['image', 'chart']),
    uri: z.string(),
    registry: z.string(),
    metadata: z.object({
      namespace: z.string().nullable(),
      name: z.string(),
      v_tag: z.string().nullable(),
      labels: z.array(z.string()).readonly(),
    }),
    deleted: z.boolean(),
    extended_info: z.object({
      digest: z.string().nullable(),
      media_type: z.string().nullable(),
      size: count.nullable(),
      platforms: z.array(z.string()).readonly(),
    }),
  })
  .meta({ id: 'Resource' })

export const task = z
  .object({
    id: z.int().describe('Its number within its execution, from 1'),
    execution_id: z.int(),
    resource_type: z.enum(['image', 'chart']),
    action: z.string(),
    src_resource: z.string(),
    dest_resource: z.string(),
    source: resource,
    destination: resource,
    digest: z.string().nullable(),
    dest_digest: z.string().nullable(),
    reason: z.string().nullable(),
    named_by: z.string().nullable(),
    status: taskStatus,
    attempts: count,
    bytes_copied: count,
    bytes_mounted: count,
    bytes_present: count,
    start_time: time.nullable(),
    end_time: time.nullable(),
    log_data_path: z.string().describe('The path of its log'),
    error: recordedError.nullable(),
  })
  .meta({ id: 'Task' })
export type Task = z.infer<typeof task>

export const executionsQuery = z.strictObject({
  page,
  page_size: pageSize,
  sort: sortBy(['id', 'start_time', 'end_time', 'bytes_copied'], '-id'),
  q: queryOf({
    policy: z.string().optional(),
    status: executionStatus.or(z.literal('active')).optional(),
    trigger: triggerKind.optional(),
  }),
})

export const tasksQuery = z.strictObject({
  page,
  page_size: pageSize,
  sort: sortBy(['id', 'start_time', 'end_time', 'bytes_copied'], 'id'),
  q: queryOf({ status: taskStatus.optional(), text: z.string().max(300).optional() }),
})

export const executionId = z.strictObject({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })
export const taskId = executionId.extend({ task: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })

export const OPERATIONS = ['stop', 'pause', 'resume', 'retry'] as const
export const operationRequest = z.strictObject({
  operation: z
    .enum(OPERATIONS)
    .describe('`resume` continues a paused one, and an ended one with what it left; `retry` does what failed again'),
})
export type Operation = (typeof OPERATIONS)[number]

/** It has no number before its turn. */
export const waiting = z.object({ waiting: z.literal(true) })
