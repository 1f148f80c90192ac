/** What an index becomes when it is narrowed to some platforms, so that the next run knows it without reading the index. */

import { type Digest, parseDigest } from '../core/descriptor.ts'
import type { Database } from './database/database.ts'
import { createUsage } from './unused.ts'

/** `digest` is absent where the index has nothing for these platforms. */
export interface NarrowedIndex {
  readonly digest?: Digest
}

export interface NarrowedIndexes {
  /** Undefined where the index has not been narrowed to these platforms yet, or not for 90 days. */
  find(index: Digest, platforms: readonly string[]): NarrowedIndex | undefined
  /** Does nothing in a read-only history. */
  keep(index: Digest, platforms: readonly string[], narrowed: NarrowedIndex): void
}

export function createNarrowedIndexes(database: Database, now: () => number): NarrowedIndexes {
  const usage = createUsage(database, 'narrowed_indexes', 'used', now)
  const keep: NarrowedIndexes['keep'] = (index, platforms, { digest }) => {
    if (database.readonly) return
    usage.forget()
    database.run(KEEP, { index, platforms: keyOf(platforms), narrowed: digest ?? null, used: now() })
  }
  return {
    find(index, platforms) {
      const row = database.get<{ narrowed: string | null; used: number }>(LOOK, { index, platforms: keyOf(platforms) })
      if (!row) return undefined
      const digest = parseDigest(row.narrowed ?? '')
      const found = digest === undefined ? {} : { digest }
      if (usage.isStale(row.used)) keep(index, platforms, found)
      return found
    },
    keep,
  }
}

/** Their order in the policy does not matter. */
function keyOf(platforms: readonly string[]): string {
  return [...new Set(platforms)].sort().join(',')
}

const LOOK = 'SELECT narrowed, used FROM narrowed_indexes WHERE digest = @index AND platforms = @platforms'

const KEEP = `
  INSERT INTO narrowed_indexes (digest, platforms, narrowed, used) VALUES (@index, @platforms, @narrowed, @used)
  ON CONFLICT DO UPDATE SET narrowed = excluded.narrowed, used = excluded.used`
