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
  readonly hint?: string
  /** The destination repository did not exist: no blob of it needs to be asked for. */
  readonly new_repository?: boolean
}
