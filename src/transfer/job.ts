/** What a run shares between its transfers, and what one task's transfer is about. */

import type { Audience } from '../core/audience.ts'
import type { Carriers } from '../core/carrier.ts'
import type { Checkpoint, ContentStore } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Descriptor, Digest } from '../core/descriptor.ts'
import type { Manifest } from '../core/manifest.ts'
import type { Others } from '../core/others.ts'
import type { Location } from '../core/plan.ts'
import type { Wanted } from './children.ts'
import { Once } from './once.ts'
import type { MayRetry } from './resumable.ts'
import { Siblings } from './siblings.ts'
import { Slots } from './slots.ts'
import type { Throttle } from './throttle.ts'

/** Uploads of at least this many bytes are remembered, so that another process can resume them. A smaller one is sent again sooner. */
export const REMEMBERED_BLOB = 16 * 1024 * 1024

/** State of one run, shared by all its tasks: which content is where, which is under way, and how much may run at once. */
export interface TransferState {
  /** The slots of a destination registry; undefined: the slots of streams that several destinations share. A destination that hangs blocks
   *  only its own. */
  readonly slots: (destination: string | undefined, isSmall: boolean) => Pick<Slots, 'use'>
  /** By destination registry, repository and digest: blobs that are there, or on their way. */
  readonly blobs: Once<void>
  /** Keys of `blobs` that failed, and whose bytes the progress knows already. */
  readonly announced: Set<string>
  /** By the key of `blobs`: how many bytes of a blob that failed have arrived, and are in the figures of the tasks. */
  readonly arrived: Map<string, number>
  /** By destination registry: how many bytes were sent of blobs of which it keeps nothing, now that the run is stopped. */
  readonly unkept: Map<string, number>
  /** By destination registry and digest: the repository that has the blob, or soon will. */
  readonly homes: Map<string, BlobHome>
  /** By destination registry, repository and digest: child manifests that are there, or on their way. */
  readonly manifests: Once<void>
  /** Tasks for one artifact that run at the same time, and read its blobs together. */
  readonly siblings: Siblings
  /** Budgets of the whole run. */
  readonly throttles: readonly Throttle[]
  /** Absent: this thread carries everything. */
  readonly carriers?: Carriers | undefined
  readonly mayRetry: (ctx: Context) => MayRetry
  /** Remembers the upload of a large blob. Absent: no upload is remembered. */
  readonly checkpoint?: OpenCheckpoint | undefined
  readonly hints?: BlobHints | undefined
  /** Clients that wait for what is copied. */
  readonly audience?: Audience | undefined
  /** Absent: no other run brings any of the blobs. */
  readonly others?: Others | undefined
}

/** Where blobs of a destination registry (its name) are, as earlier runs have seen it; the registry has the last word. */
export interface BlobHints {
  homeOf(registry: string, digest: Digest): string | undefined
  remember(registry: string, repository: string, digest: Digest): void
}

export type OpenCheckpoint = (registry: string, repository: string, digest: Digest) => Checkpoint | undefined

/** The repository of a registry that has a blob, or soon will. */
export interface BlobHome extends Pick<Location, 'repository'> {
  /** Fulfilled once the blob is there. */
  readonly ready: Promise<void>
}

export function createTransferState(options: {
  readonly slots: TransferState['slots']
  readonly throttles: readonly Throttle[]
  readonly carriers?: Carriers | undefined
  readonly mayRetry: TransferState['mayRetry']
  readonly checkpoint?: OpenCheckpoint | undefined
  readonly hints?: BlobHints | undefined
  /** Milliseconds that destinations which share a stream wait for one that takes nothing. */
  readonly patience?: number | undefined
  readonly unkept?: TransferState['unkept']
  readonly audience?: Audience | undefined
  readonly others?: Others | undefined
}): TransferState {
  return {
    slots: options.slots,
    blobs: new Once(),
    announced: new Set(),
    arrived: new Map(),
    unkept: options.unkept ?? new Map(),
    homes: new Map(),
    manifests: new Once(),
    siblings: new Siblings(options.patience),
    throttles: options.throttles,
    carriers: options.carriers,
    mayRetry: options.mayRetry,
    checkpoint: options.checkpoint,
    hints: options.hints,
    audience: options.audience,
    others: options.others,
  }
}

/** `concurrency` blob streams at once to each destination, of all transfers that share them. */
export function createSlots(concurrency: number): TransferState['slots'] {
  const known = new Map<string, Slots>()
  return (destination, isSmall) => {
    const key = `${isSmall ? 'small' : 'large'} ${destination ?? ''}`
    const slots = known.get(key) ?? new Slots(isSmall ? concurrency * 4 : concurrency)
    known.set(key, slots)
    return slots
  }
}

/** A repository on one side of a transfer, opened. */
export interface OpenRepository extends Pick<Location, 'registry' | 'repository'> {
  readonly store: ContentStore
  /** The registry's own bandwidth limit. */
  readonly throttle?: Throttle | undefined
  /** How its bytes travel; absent: over no network. */
  readonly wire?: 'plain' | 'tls' | undefined
}

/** A blob at one destination. */
export function blobKey({ digest }: Descriptor, { registry, repository }: OpenRepository): string {
  return `${registry} ${repository} ${digest}`
}

/** Those who wait for what arrives at this destination. */
export function audienceOf(
  { audience }: TransferState,
  { registry, repository }: OpenRepository,
): Audience | undefined {
  return audience?.place.registry === registry && audience.place.repository === repository ? audience : undefined
}

/** What one transfer copies, from where to where, and how. */
export interface Job {
  /** The task that it is of: the same object in every copy of the job. */
  readonly member: object
  readonly state: TransferState
  readonly source: OpenRepository & { readonly readManifest: (tagOrDigest: string, ctx: Context) => Promise<Manifest> }
  readonly destination: OpenRepository
  /** The destination repository did not exist when the plan was made: nothing is there unless this run put it there. */
  readonly newRepository: boolean
  /** Another process has tried the task before: the destination may have what that attempt has sent. */
  readonly again?: boolean
  /** Descend into child manifests that the destination has, and write them again: what they name may be gone. */
  readonly thorough?: boolean
  /** Blobs that the destination has with other bytes, to be sent although they are there. */
  readonly damaged?: ReadonlySet<string>
  /** Nothing is hashed on the way: the destination checks what it stores. Absent means it is. */
  readonly unhashed?: boolean
  readonly referrers: boolean
  readonly foreignLayers: boolean
  /** The children of an index that are copied, while the index stays as it is; absent keeps all. */
  readonly keep?: Wanted | undefined
  /** The children of an index that a smaller one, made of it, names; absent makes none. */
  readonly narrowTo?: Wanted | undefined
  /** Attestations that the source does not have. */
  readonly leftOut: Set<string>
  /** Counts what was moved, in bytes. */
  readonly moved: { bytes_copied: number; bytes_mounted: number; bytes_present: number }
  /** For progress: what the task is called. */
  readonly name: string
  /** What is copied, the same for each of several destinations: the source's repository and digest. */
  readonly artifact: string
}
