/** What a command may ask of the program, and how a run of a policy ended. */

import type { Audience } from './audience.ts'
import type { Digest } from './descriptor.ts'
import type { Execution } from './execution.ts'
import type { SavedPlan, TaskSpec } from './plan.ts'
import type { EventKind } from './policy.ts'
import type { Resource } from './reference.ts'
import type { TriggerKind } from './states.ts'

/** What happened to one artifact of a policy's source; plain JSON, so that an interrupted execution can go on with it. */
export interface ArtifactEvent {
  readonly action: EventKind
  readonly repository: string
  /** Absent for an artifact without a tag: then it has a digest. */
  readonly tag?: string
  readonly digest?: Digest
}

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
  /** Wait for a running execution of the same policy instead of failing; absent: as the policy's `on_overlap` says. */
  readonly wait?: boolean
  /** Milliseconds. */
  readonly timeout?: number
  /** The I-th of N parts, 1-based. */
  readonly shard?: { readonly index: number; readonly count: number }
  /** `all`: look at the referrers of unchanged artifacts too, and copy those that came later. Default `changed`. */
  readonly referrers?: 'all' | 'changed'
  /** Apply exactly this plan, and refuse where a source digest has moved since. */
  readonly plan?: SavedPlan
  /** Whether the plan was made just now: then neither side is asked whether it answers, nor the source whether it has moved. */
  readonly isCurrent?: () => boolean
  /** Send again whatever the destination lacks, also below child manifests that it has. */
  readonly thorough?: boolean
  /** Only what these are about, as far as the policy's filters select it: other tags are not looked at. What they tell as deleted is
   *  deleted where the policy's `deletion` is `events` or `mirror` and the source has it no more. */
  readonly events?: readonly ArtifactEvent[]
  /** Clients that wait for what is copied. */
  readonly audience?: Audience
  /** The tasks are given to workers on other machines. */
  readonly workers?: boolean
  /** Told of what the destination has already. */
  readonly same?: (resource: Resource) => void
}

export interface VerifyOptions {
  readonly filter?: RunOptions['filter']
  readonly shard?: RunOptions['shard']
  /** Read and hash every blob of the destination, instead of asking whether it is there. */
  readonly full?: boolean
  /** The blobs are read by workers on other machines; goes with `full`. */
  readonly workers?: boolean
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
  /** Of a run of events: what `min_age` holds back. */
  readonly held?: readonly HeldArtifact[]
}

/** An artifact that `min_age` holds back, and until when, in milliseconds since 1970. */
export interface HeldArtifact {
  readonly repository: string
  readonly tag?: string
  readonly digest?: Digest
  readonly until: number
}
