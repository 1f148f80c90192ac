/** What a command may ask of the program, and how a run of a policy ended. */

import type { Execution } from '../core/execution.ts'
import type { SavedPlan, TaskSpec } from '../core/plan.ts'
import type { Resource } from '../core/reference.ts'
import type { TriggerKind } from '../core/states.ts'

export interface RunOptions {
  /** What starts it; default `manual`. */
  readonly trigger?: TriggerKind
  /** Blob streams at once. */
  readonly concurrency?: number
  /** Bytes a second over all streams. */
  readonly bandwidth?: number
  /** Narrow the policies' own filters further: `name`, `tag`, `resource`, `label` to patterns. */
  readonly filter?: Readonly<Record<string, readonly string[]>>
  readonly failFast?: boolean
  readonly maxFailures?: number
  /** Wait for a running execution of the same policy instead of failing. */
  readonly wait?: boolean
  /** Milliseconds. */
  readonly timeout?: number
  /** The I-th of N parts, 1-based. */
  readonly shard?: { readonly index: number; readonly count: number }
  /** `all`: look at the referrers of unchanged artifacts too, and copy those that came later. Default `changed`. */
  readonly referrers?: 'all' | 'changed'
  /** Apply exactly this plan, and refuse where a source digest has moved since. */
  readonly plan?: SavedPlan
  /** Send again whatever the destination lacks, also below child manifests that it has. */
  readonly thorough?: boolean
  /** Told of what the destination has already. */
  readonly same?: (resource: Resource) => void
}

export interface VerifyOptions {
  readonly filter?: RunOptions['filter']
  readonly shard?: RunOptions['shard']
  /** Read and hash every blob of the destination, instead of asking whether it is there. */
  readonly full?: boolean
  /** Give the tasks that would put it right. */
  readonly repair?: boolean
  /** Only what these tasks are about. */
  readonly only?: readonly TaskSpec[]
}

export interface PlanOptions {
  readonly filter?: RunOptions['filter']
  readonly shard?: RunOptions['shard']
  readonly referrers?: RunOptions['referrers']
  /** Leave out sizes: no manifest is read. */
  readonly shallow?: boolean
  /** Read manifests for their sizes also where the source counts that as pulls. */
  readonly sizes?: boolean
  /** Say of every tag seen why it was kept or dropped, also of the unchanged. */
  readonly explain?: boolean
}

/** How one policy of a `run` ended. */
export interface PolicyOutcome {
  readonly policy: string
  /** Absent where the policy never began: it is locked, or its configuration was refused. */
  readonly execution?: Execution
  readonly exitCode: number
  readonly error?: unknown
}
