/** What `verify` finds: where the destination is not what the source is, down to the last blob. */

import type { TaskSpec } from './plan.ts'

export type DifferenceKind =
  | 'missing_tag'
  | 'differs'
  | 'missing_manifest'
  | 'damaged_manifest'
  | 'missing_blob'
  | 'damaged_blob'
  | 'missing_referrer'
  /** One side could not be read or compared; says nothing of what is there. */
  | 'unreadable'

/** One difference, as `verify --json` prints it. */
export interface Difference {
  readonly kind: DifferenceKind
  /** `REGISTRY/REPOSITORY:TAG`, or `@DIGEST`. */
  readonly source: string
  readonly destination: string
  /** What is missing or damaged; of a tag what the source has. */
  readonly digest: string | null
  /** The manifest that names it. */
  readonly in: string | null
  /** One sentence for people, without the names above. */
  readonly message: string
}

export interface Verification {
  readonly policy: string
  readonly source: string
  readonly destination: string
  /** Artifacts that were compared. */
  readonly compared: number
  readonly differences: readonly Difference[]
  /** What would put it right; empty unless that was asked for. */
  readonly repairs: readonly TaskSpec[]
}

/** What is wrong with the content of one place, without another to compare it with. */
export interface Damage {
  readonly kind: DifferenceKind
  /** `REPOSITORY:TAG`, or `@DIGEST`. */
  readonly image: string
  readonly digest: string | null
  /** The manifest that names it. */
  readonly in: string | null
  readonly message: string
}

export interface Soundness {
  /** The registry, directory or file. */
  readonly place: string
  /** Artifacts, and blobs and manifests that they name, each once. */
  readonly artifacts: number
  readonly blobs: number
  /** Of those. */
  readonly bytes: number
  readonly differences: readonly Damage[]
}
