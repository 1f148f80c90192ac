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
  readonly error: RecordedError | null
}

export interface Task {
  /** Its number within its execution, from 1. */
  readonly id: number
  readonly execution_id: number
  readonly resource_type: ResourceType
  readonly action: ActionKind
  readonly src_resource: string
  readonly dest_resource: string
  readonly digest: string | null
  /** What was written: `digest`, or what it became where the policy narrows indexes or the tag had moved. Null until then, and
   *  for a delete, unless the tag was kept because the source has it again. */
  readonly dest_digest: Digest | null
  /** Why the plan keeps, blocks or deletes it. */
  readonly reason: string | null
  readonly status: TaskStatus
  readonly attempts: number
  readonly bytes_copied: number
  readonly bytes_mounted: number
  readonly bytes_present: number
  readonly start_time: string | null
  readonly end_time: string | null
  readonly error: RecordedError | null
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
