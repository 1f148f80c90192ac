/** What an index became when it was narrowed to some platforms, so that the next run knows it without reading it. */

import { type Digest, parseDigest } from '../core/descriptor.ts'
import type { Database } from './database/database.ts'

/** `digest` is absent where the index has nothing for these platforms. */
export interface NarrowedIndex {
  readonly digest?: Digest
}

export interface NarrowedIndexes {
  /** Undefined where nobody has narrowed it yet. */
  find(index: Digest, platforms: readonly string[]): NarrowedIndex | undefined
  /** Not kept in a history that is only read. */
  keep(index: Digest, platforms: readonly string[], narrowed: NarrowedIndex): void
}

export function createNarrowedIndexes(database: Database): NarrowedIndexes {
  return {
    find(index, platforms) {
      const row = database.get<{ narrowed: string | null }>(LOOK, { index, platforms: keyOf(platforms) })
      if (!row) return undefined
      const digest = parseDigest(row.narrowed ?? '')
      return digest === undefined ? {} : { digest }
    },
    keep(index, platforms, { digest }) {
      if (database.readonly) return
      database.run(KEEP, { index, platforms: keyOf(platforms), narrowed: digest ?? null })
    },
  }
}

/** Their order in the policy does not matter. */
function keyOf(platforms: readonly string[]): string {
  return [...new Set(platforms)].sort().join(',')
}

const LOOK = 'SELECT narrowed FROM narrowed_indexes WHERE digest = @index AND platforms = @platforms'

const KEEP = `
  INSERT INTO narrowed_indexes (digest, platforms, narrowed) VALUES (@index, @platforms, @narrowed)
  ON CONFLICT DO UPDATE SET narrowed = excluded.narrowed`
