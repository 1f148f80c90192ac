/** A plan: what a policy means right now. Plain JSON, so it can be kept, printed and applied later. */

import type { Digest } from './descriptor.ts'
import type { ResourceType } from './policy.ts'

export type ActionKind = 'copy' | 'update' | 'delete' | 'keep' | 'blocked'

/** A place in a registry: `registry` is its name in the file or the host of a bare reference. */
export interface Location {
  readonly registry: string
  readonly repository: string
  readonly tag?: string
}

/** One action of a plan; what a task needs to know to run, here or on another machine. */
export interface TaskSpec {
  readonly action: ActionKind
  readonly resource_type: ResourceType
  readonly source: Location
  readonly destination: Location
  /** What the source had when the plan was made; absent for a delete and for a repository that could not be listed. */
  readonly digest?: Digest
  readonly media_type?: string
  /** Of the manifest, in bytes. */
  readonly size?: number
  /** What the destination's tag pointed at. */
  readonly previous_digest?: Digest
  /** Why it is kept, blocked or deleted. */
  readonly reason?: string
  /** The stable code of that reason, for `error.code`. */
  readonly reason_code?: string
  /** What such reasons have in common that need one cure, for `error.kind`. */
  readonly reason_kind?: string
  readonly hint?: string
  /** The destination repository did not exist: no blob of it needs to be asked for. */
  readonly new_repository?: boolean
  /** It could not be compared while the plan was made, for a retryable `reason`; it is compared again when it runs. Without tag and digest
   *  it stands for the whole repository. */
  readonly unresolved?: boolean
  /** The artifact is the same on both sides; only what refers to it is copied. */
  readonly referrers_only?: boolean
  /** Of a repair: blobs that the destination has with other bytes, to be sent although they are there. */
  readonly damaged?: readonly Digest[]
  /** Of the source, where its list has them; attached at a destination that has labels. */
  readonly labels?: readonly string[]
  /** Of a delete: what goes with the tag. */
  readonly removal?: Removal
  /** The chart that names this image, as `REGISTRY/REPOSITORY:TAG`; of several the first. */
  readonly named_by?: string
}

/** What a delete takes away besides its tag. */
export interface Removal {
  /** Tags of referrers that nothing else needs, deleted after it. */
  readonly attachments: readonly string[]
  /** The tags of its manifest that this plan deletes, itself included; set where the registry perhaps cannot remove just a tag. Then the
   *  manifest goes, if no other tag needs it. */
  readonly together?: readonly string[]
}

/** An action of a plan, as `plan --json` prints it. */
export interface PlannedAction {
  readonly action: ActionKind
  readonly resource_type: ResourceType
  /** `REGISTRY/REPOSITORY:TAG`. */
  readonly source: string
  readonly destination: string
  readonly digest: string | null
  readonly previous_digest: string | null
  /** Of everything the action names; null where the plan is shallow. */
  readonly bytes: number | null
  readonly bytes_to_copy: number | null
  /** How many, and how many of them must be copied; null where the plan is shallow. */
  readonly layers: number | null
  readonly layers_to_copy: number | null
  readonly platforms: readonly string[]
  /** What refers to the artifact itself and travels with it, such as signatures; null where that was not looked for. */
  readonly referrers: number | null
  readonly reason: string | null
  readonly hint: string | null
  /** The chart that names this image, as `REGISTRY/REPOSITORY:TAG`; null for what the policy itself selects. */
  readonly named_by: string | null
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
  /** May be read again and again; not in memory where there are very many. */
  readonly actions: Iterable<PlannedAction>
  readonly unchanged: number
  /** Tags seen at the source. */
  readonly seen: number
  /** As `actions`. */
  readonly explanations: Iterable<Explanation>
  /** Set if a run would end before it copies anything, for instance because of more deletes than `max_deletions` allows. */
  readonly refused?: { readonly message: string; readonly hint: string | null }
  /** How many tags and artifacts were seen and not selected, by the rule that dropped them. */
  readonly left_behind: Readonly<Record<string, number>>
  /** What the destination is known to refuse of the whole, such as more bytes than its quota has left. */
  readonly warnings: readonly string[]
  /** What `plan --out` saves; as `actions`. */
  readonly tasks: Iterable<TaskSpec>
}

/** What `plan --out` writes and `run --plan` applies. */
export interface SavedPlan {
  /** Tasks may be read again and again; they are not in memory where there are very many. */
  readonly policies: readonly { readonly policy: string; readonly tasks: Iterable<TaskSpec> }[]
}
