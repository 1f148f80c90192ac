/** Signatures and other referrers that came after their image was copied: for `referrers: all`. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Wanted } from '../../transfer/children.ts'
import { familyOf, indexReader } from '../../transfer/family.ts'
import { type Attached, presenceOf, referrersOf } from '../../transfer/referrers.ts'

export interface Unchanged {
  /** What both sides call it; they differ where the index was narrowed. */
  readonly digest: { readonly source: string; readonly destination: string }
  readonly source: ContentStore
  readonly destination: ContentStore
  /** The children of an index that were copied; absent where all were. */
  readonly keep: Wanted | undefined
}

/** Subjects compared at once. */
const AT_ONCE = 8

/** True where the source has a referrer of the artifact, of its children, or of their referrers, that the destination lacks. */
export async function lacksReferrers({ digest, source, destination, keep }: Unchanged, ctx: Context): Promise<boolean> {
  if (!source.referrers || !destination.referrers) return false
  // Read at the destination, where it does not use up a pull.
  const read = indexReader((child) => destination.readManifest(child, ctx))
  const family = await familyOf(await read(digest.destination), keep, read)
  // Nothing at the source refers to an index that was made for the destination.
  const subjects = digest.source === digest.destination ? family : family.slice(1)
  const isLacking = async ({ subject, referrers }: Attached): Promise<boolean> => {
    const isThere = await presenceOf(subject, destination, ctx)
    for (const referrer of referrers) {
      // A list may name one that is gone.
      if (!(await isThere(referrer)) && (await source.resolve(referrer.tag ?? referrer.digest, ctx))) return true
    }
    return false
  }
  for await (const lacks of mapConcurrent(referrersOf(subjects, source, ctx), AT_ONCE, isLacking))
    if (lacks) return true
  return false
}
