/** The composition root: the one place that knows all parts and puts them together. */

import type { Configuration } from './config/load.ts'
import type { PingStep } from './core/adapter.ts'
import type { Context } from './core/context.ts'
import type { Execution } from './core/execution.ts'
import type { TaskSpec } from './core/plan.ts'
import type { Policy } from './core/policy.ts'
import type { History } from './history/history.ts'

/** What every command needs to know of its surroundings. */
export interface AppOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** `--home`; else the environment's, else the default state directory. */
  readonly home?: string
  /** `--config`. */
  readonly config?: string
  readonly cwd: string
  /** Reads standard input, for the file name `-`. */
  readonly stdin: () => Promise<string>
}

export interface RunOptions {
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
}

export interface PlanOptions {
  readonly filter?: RunOptions['filter']
  readonly shard?: RunOptions['shard']
  /** Leave out sizes: no manifest is read. */
  readonly shallow?: boolean
  /** Say of every tag seen why it was kept or dropped, also of the unchanged. */
  readonly explain?: boolean
}

/** An action of a plan, as `plan --json` prints it. */
export interface PlannedAction {
  readonly action: TaskSpec['action']
  readonly resource_type: TaskSpec['resource_type']
  /** `REGISTRY/REPOSITORY:TAG`. */
  readonly source: string
  readonly destination: string
  readonly digest: string | null
  readonly previous_digest: string | null
  /** Of everything the action names; null where the plan is shallow. */
  readonly bytes: number | null
  readonly bytes_to_copy: number | null
  /** Blobs, and how many of them must be copied; null where the plan is shallow. */
  readonly blobs: number | null
  readonly blobs_to_copy: number | null
  readonly platforms: readonly string[]
  readonly reason: string | null
  readonly hint: string | null
}

/** Why a tag was taken or left: for `plan --explain`. */
export interface Explanation {
  /** `REGISTRY/REPOSITORY:TAG`, or a repository. */
  readonly resource: string
  readonly kept: boolean
  /** The rule, such as `tag: 3.*` or `semver: >=3.18 <4`. */
  readonly rule: string
}

export interface PolicyPlan {
  readonly policy: string
  readonly source: string
  readonly destination: string
  readonly actions: readonly PlannedAction[]
  readonly unchanged: number
  /** Tags seen at the source. */
  readonly seen: number
  readonly explanations: readonly Explanation[]
}

/** How one policy of a `run` ended. */
export interface PolicyOutcome {
  readonly policy: string
  /** Absent where the policy never began: it is locked, or its configuration was refused. */
  readonly execution?: Execution
  readonly exitCode: number
  readonly error?: unknown
}

/** The program, without its command line. */
export interface App {
  /** Reads and checks everything; throws a `ConfigurationError` that names all that is wrong. */
  configuration(files: readonly string[]): Promise<Configuration>
  /** Runs policies one after another, in order. `started` is called once an execution has its number. */
  run(
    policies: readonly Policy[],
    configuration: Configuration,
    options: RunOptions,
    started: (policy: Policy, execution: number) => void,
    ctx: Context,
  ): AsyncIterable<PolicyOutcome>
  plan(policy: Policy, configuration: Configuration, options: PlanOptions, ctx: Context): Promise<PolicyPlan>
  ping(registry: string, configuration: Configuration, ctx: Context): Promise<readonly PingStep[]>
  /** Opens the history on first use. */
  history(): Promise<History>
  close(): Promise<void>
}
