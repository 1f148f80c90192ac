/** Executions and tasks as they are shown: the fields of `--json`, which are part of the interface. */

import type { Digest } from './descriptor.ts'
import type { ActionKind } from './plan.ts'
import type { ResourceType } from './policy.ts'
import type { ExecutionStatus, TaskStatus, TriggerKind } from './states.ts'

/** What went wrong, as kept in the history: no secrets, no stack. */
export interface RecordedError {
  readonly code: string
  /** What failures have in common that need one cure, such as `403 DENIED by hub`. */
  readonly kind?: string
  readonly message: string
  readonly hint?: string
}

export interface Execution {
  readonly id: number
  readonly policy_id: number
  readonly policy: string
  readonly status: ExecutionStatus
  readonly trigger: TriggerKind
  readonly total: number
  readonly succeed: number
  readonly failed: number
  /** Pending tasks included. */
  readonly in_progress: number
  readonly stopped: number
  readonly skipped: number
  /** Tags that were the same on both sides; no task. */
  readonly unchanged: number
  /** How many tags and artifacts were seen at the source and not selected, by the rule that dropped them, such as `tag` or `min_age`. */
  readonly left_behind: Readonly<Record<string, number>>
  readonly bytes_copied: number
  readonly bytes_mounted: number
  readonly bytes_present: number
  /** RFC 3339, UTC. */
  readonly start_time: string
  readonly end_time: string | null
  readonly duration_ms: number | null
  /** Where the REST API has its log. */
  readonly logs: string
  readonly error: RecordedError | null
}

/** One end of a task. */
export interface TaskResource {
  readonly resource_type: ResourceType
  /** `REGISTRY/REPOSITORY:TAG`, or with `@DIGEST` where there is no tag. */
  readonly uri: string
  /** Its name in the file, or its host. */
  readonly registry: string
  readonly metadata: {
    /** The path without its last part; null for a repository that has only one. */
    readonly namespace: string | null
    /** The last part of the path; of a chart its name. */
    readonly name: string
    /** Of a chart its version. */
    readonly v_tag: string | null
    readonly labels: readonly string[]
  }
  /** The source no longer has it, or an event said so: the destination loses it. */
  readonly deleted: boolean
  readonly extended_info: {
    readonly digest: string | null
    readonly media_type: string | null
    /** Bytes of everything that it names, its referrers too; null until the task has succeeded. */
    readonly size: number | null
    /** Of an index, those that were copied; empty until then, and for what is not an index. */
    readonly platforms: readonly string[]
  }
}

export interface Task {
  /** Its number within its execution, from 1. */
  readonly id: number
  readonly execution_id: number
  readonly resource_type: ResourceType
  readonly action: ActionKind
  readonly src_resource: string
  readonly dest_resource: string
  readonly source: TaskResource
  readonly destination: TaskResource
  readonly digest: string | null
  /** What was written: `digest`, or what it became where the policy narrows indexes or the tag had moved. Null until then, and
   *  for a delete, unless the tag was kept because the source has it again. */
  readonly dest_digest: Digest | null
  /** Why the plan keeps, blocks or deletes it. */
  readonly reason: string | null
  /** The chart that names this image, as `REGISTRY/REPOSITORY:TAG`; null for what the policy itself selects. */
  readonly named_by: string | null
  readonly status: TaskStatus
  readonly attempts: number
  readonly bytes_copied: number
  readonly bytes_mounted: number
  readonly bytes_present: number
  readonly start_time: string | null
  readonly end_time: string | null
  /** Where the REST API has its log. */
  readonly log_data_path: string
  readonly error: RecordedError | null
}

/** Of the REST API, of a whole execution or one task. */
export function logPath(execution: number, task?: number): string {
  return `/api/replication/executions/${execution}/logs${task === undefined ? '' : `/${task}`}`
}

/** `hub/library/redis:7 → harbor/mirror/redis:7`; of a delete what is deleted. */
export function taskName({ action, src_resource, dest_resource }: Task): string {
  return action === 'delete' ? dest_resource : `${src_resource} → ${dest_resource}`
}

/** What a task moved, in bytes. */
export interface Moved {
  readonly bytes_copied: number
  readonly bytes_mounted: number
  readonly bytes_present: number
}
