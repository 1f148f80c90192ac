/** What only looks, lent to the clients of the daemon: the same functions that commands use, over connections of its own for each look. */

import type { Configuration } from '../config/load.ts'
import type { ShownAdapter } from '../core/abilities.ts'
import type { Context } from '../core/context.ts'
import type { PolicyPlan } from '../core/plan.ts'
import type { Policy } from '../core/policy.ts'
import type { PlanOptions } from '../core/requests.ts'
import type { Explain } from '../engine/plan/filter.ts'
import type { Match } from '../engine/plan/matches.ts'

export interface PolicyDraft {
  /** Of a new policy, or of one that is in force. */
  readonly name: string
  /** As a file would have it, unchecked. */
  readonly document: Readonly<Record<string, unknown>>
  /** False: it may name no file, variable or command of this machine. */
  readonly trusted: boolean
}

export interface Drafted {
  readonly policy: Policy
  /** With the registries that the policy needs. */
  readonly configuration: Configuration
  /** False: it has no destination yet, and the one that it has here stands for it. */
  readonly hasDestination: boolean
}

export interface Looks {
  /** What a policy would be that is not written yet. Throws a `ConfigurationError` with all that is wrong. */
  drafted(draft: PolicyDraft, configuration: Configuration): Drafted
  /** The repositories and tags that the policy's filters match, as they are found; `explain` is told why each was taken or left. */
  matches(policy: Policy, configuration: Configuration, explain: Explain, ctx: Context): AsyncIterable<Match>
  /** The plan, which is there until `use` has ended. */
  plan<T>(
    policy: Policy,
    configuration: Configuration,
    options: PlanOptions,
    use: (plan: PolicyPlan) => Iterable<T>,
    ctx: Context,
  ): AsyncIterable<T>
  /** Those of a registry, as they are found; else those of its repositories. Throws an `UnsupportedError` where it lists neither. */
  namespaces(registry: string, configuration: Configuration, ctx: Context): AsyncIterable<string>
  /** The types of registry. */
  adapters(): Promise<readonly ShownAdapter[]>
}
