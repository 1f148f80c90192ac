/** Other runs, of this process or of others, that may bring the same blobs to the same registry. */

import type { Context } from './context.ts'
import type { Descriptor } from './descriptor.ts'
import type { Location } from './plan.ts'

/** A blob and the repository that needs it. */
export interface WantedBlob extends Pick<Location, 'registry' | 'repository'> {
  readonly blob: Descriptor
  /** Other repositories of the registry are of no use: the blob cannot be mounted from them. */
  readonly alone: boolean
}

export interface Others {
  /** The repository that one of them, or this one, has brought the blob to, as far as that is known: it may be gone since. */
  homeOf(wanted: WantedBlob): Promise<string | undefined>
  /** Calls `work` while no other run brings the blob, and remembers the home. False where one brings it, or has brought it to another home than
   *  the one that is known: nothing was done then. */
  bring(
    wanted: WantedBlob,
    known: string | undefined,
    ctx: Context,
    work: (ctx: Context) => Promise<void>,
  ): Promise<boolean>
  /** Waits until no other run brings the blob, or one has brought it for so long that this one should. */
  ended(wanted: WantedBlob, ctx: Context): Promise<void>
}
