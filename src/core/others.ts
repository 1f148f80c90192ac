/** Other runs, of this process or of others, that may bring the same blobs to the same registry. */

import type { Context } from './context.ts'
import type { Descriptor } from './descriptor.ts'
import type { Location } from './plan.ts'

export interface Others {
  /** The repository of this registry that one of them, or this one, has brought the blob to, as far as that is known: it may be gone since. */
  homeOf(blob: Descriptor, registry: string): Promise<string | undefined>
  /** Calls `work` while no other run brings the blob to this registry, and remembers the home. False where one brings it, or has brought it to
   *  another home than the one that is known: nothing was done then. */
  bring(
    blob: Descriptor,
    destination: Pick<Location, 'registry' | 'repository'>,
    known: string | undefined,
    ctx: Context,
    work: (ctx: Context) => Promise<void>,
  ): Promise<boolean>
  /** Waits until no other run brings the blob to this registry, or one has brought it for so long that this one should. */
  ended(blob: Descriptor, registry: string, ctx: Context): Promise<void>
}
