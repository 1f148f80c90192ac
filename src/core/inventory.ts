/** What a registry, a layout or an archive holds, as `ls` shows it; fields as in `--json`. */

import type { Digest } from './descriptor.ts'
import type { ResourceType } from './policy.ts'

/** A tag, or an artifact without one. */
export interface Listed {
  readonly repository: string
  readonly tag: string | null
  /** In a layout: what other tools call it. */
  readonly ref: string | null
  /** Null where the list does not tell it and nothing more was asked. */
  readonly digest: Digest | null
  readonly media_type: string | null
  /** In a layout: the children of an index that were left out when it was written. */
  readonly absent: readonly Digest[]
  /** Null where it was not looked into. */
  readonly details: Details | null
  /** Why it could not be looked into. */
  readonly error: string | null
}

export interface Details {
  readonly type: ResourceType
  readonly artifact_type: string | null
  readonly platforms: readonly ListedPlatform[]
  /** Of all manifests, configs and layers, each once. */
  readonly bytes: number
  readonly blobs: number
  readonly referrers: readonly ListedReferrer[]
}

export interface ListedPlatform {
  readonly platform: string
  readonly digest: Digest
  /** Null where it is absent. */
  readonly bytes: number | null
}

export interface ListedReferrer {
  readonly digest: Digest
  readonly artifact_type: string | null
  /** The tag that it hangs on, where it has one. */
  readonly tag: string | null
  /** What it refers to. */
  readonly subject: Digest
  readonly bytes: number
}
