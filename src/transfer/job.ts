/** What a run shares between its transfers, and what one task's transfer is about. */

import type { ContentStore } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Platform } from '../core/descriptor.ts'
import type { Manifest } from '../core/manifest.ts'
import { Once } from './once.ts'
import type { MayRetry } from './resumable.ts'
import { Slots } from './slots.ts'
import type { Throttle } from './throttle.ts'

/** Blobs up to this many bytes do not wait behind large ones. */
export const SMALL_BLOB = 256 * 1024

/** State of one run, shared by all of its tasks: what is where, what is under way, how much at once. */
export interface TransferState {
  readonly large: Slots
  readonly small: Slots
  /** By destination registry, repository and digest: blobs that are there, or on their way. */
  readonly blobs: Once<void>
  /** By destination registry and digest: the repository that has the blob, or soon will. */
  readonly homes: Map<string, Home>
  /** By destination registry, repository and digest: child manifests that are there, or on their way. */
  readonly manifests: Once<void>
  readonly throttles: readonly Throttle[]
  readonly mayRetry: (signal: AbortSignal, emit: Context['emit']) => MayRetry
}

export interface Home {
  readonly repository: string
  /** Fulfilled once the blob is there. */
  readonly ready: Promise<void>
}

export function createTransferState(options: {
  readonly concurrency: number
  readonly throttles: readonly Throttle[]
  readonly mayRetry: TransferState['mayRetry']
}): TransferState {
  return {
    large: new Slots(options.concurrency),
    small: new Slots(options.concurrency * 4),
    blobs: new Once(),
    homes: new Map(),
    manifests: new Once(),
    throttles: options.throttles,
    mayRetry: options.mayRetry,
  }
}

export interface Place {
  /** The registry's name, the same for all of its repositories. */
  readonly registry: string
  readonly repository: string
  readonly store: ContentStore
}

/** What one transfer copies, from where to where, and how. */
export interface Job {
  readonly state: TransferState
  readonly source: Place & { readonly readManifest: (tagOrDigest: string, ctx: Context) => Promise<Manifest> }
  readonly destination: Place
  /** The destination repository did not exist when the plan was made: nothing is there unless this run put it there. */
  readonly newRepository: boolean
  readonly referrers: boolean
  readonly foreignLayers: boolean
  /** Children of an index that are left out; absent keeps all. */
  readonly keepPlatform?: (platform: Platform | undefined) => boolean
  /** Counts what was moved, in bytes. */
  readonly moved: { bytes_copied: number; bytes_mounted: number; bytes_present: number }
  /** For progress: what the task is called. */
  readonly name: string
}
