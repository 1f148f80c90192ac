/** The digest that a destination should have where indexes are narrowed to the policy's platforms. */

import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import { isIndex, isManifestType, type Manifest } from '../../core/manifest.ts'
import type { Policy } from '../../core/policy.ts'
import type { NarrowedIndexes } from '../../history/history.ts'
import { isGiven } from '../../transfer/children.ts'
import { narrow } from '../../transfer/narrow.ts'
import type { Endpoint, ManifestMemory } from '../endpoint.ts'
import type { Selection } from './filter.ts'

export interface Narrowing {
  /** What the source's manifest has become before, as far as the history knows. */
  known(digest: Digest): Digest | undefined
  /** What the source's manifest becomes: its own digest, or that of a smaller index; undefined where no wanted platform is in it.
   *  Reads the index only where the history does not know it. */
  expected(now: Pick<Descriptor, 'digest' | 'mediaType'>, repository: string, ctx: Context): Promise<Digest | undefined>
}

/** Undefined where the policy narrows nothing. Without `records` every index is read. */
export function createNarrowing(
  policy: Policy,
  selection: Selection,
  source: Endpoint,
  memory: ManifestMemory,
  records: NarrowedIndexes | undefined,
): Narrowing | undefined {
  const { children, narrows } = selection
  if (!children || !narrows) return undefined
  const { platforms = [], attestations = true } = policy.filters
  const rule = [...platforms, ...(attestations ? [] : ['attestations: false'])]
  return {
    known: (digest) => records?.find(digest, rule)?.digest,
    async expected({ digest, mediaType }, repository, ctx) {
      if (isManifestType(mediaType) && !isIndex(mediaType)) return digest
      const known = records?.find(digest, rule)
      if (known) return known.digest
      const store = source.adapter.repository(repository)
      const read = async (child: string): Promise<Manifest> => {
        const kept = memory.peek(repository, child)
        if (kept) return kept
        const manifest = await store.readManifest(child, ctx)
        memory.keep(repository, manifest)
        return manifest
      }
      const isThere = (child: Descriptor): Promise<boolean> => isGiven(child, store, ctx)
      const { root, missing } = await narrow(await read(digest), children, { read, isThere })
      // What was missing may come back.
      if (missing.length === 0) records?.keep(digest, rule, root ? { digest: root.digest } : {})
      return root?.digest
    },
  }
}
