/** When content was first seen at a source: its age, where the registry does not say when it was pushed. */

import type { Digest } from '../core/descriptor.ts'
import type { Database } from './database/database.ts'
import { createUsage } from './unused.ts'

export interface FirstSeen {
  /**
   * When each digest was first seen in the repository, in milliseconds since 1970; a new one is seen now, and that is kept for as long as
   * it is asked for at least every 90 days. `source` is the registry's address. A read-only history leaves out what is new.
   */
  times(source: string, repository: string, digests: readonly Digest[]): ReadonlyMap<Digest, number>
}

export function createFirstSeen(database: Database, now: () => number): FirstSeen {
  const usage = createUsage(database, 'first_seen', 'used', now)
  return {
    times(source, repository, digests) {
      const times = new Map<Digest, number>()
      const look = (digest: Digest): Row | undefined => database.get<Row>(LOOK, { source, repository, digest })
      const noted: Digest[] = []
      for (const digest of digests) {
        const row = look(digest)
        if (row) times.set(digest, row.time)
        if (!row || usage.isStale(row.used)) noted.push(digest)
      }
      if (noted.length === 0 || database.readonly) return times
      const time = now()
      database.transaction(() => {
        usage.forget()
        for (const digest of noted) {
          database.run(NOTE, { source, repository, digest, time })
          // Another process may have been first.
          times.set(digest, look(digest)?.time ?? time)
        }
      })
      return times
    },
  }
}

interface Row {
  readonly time: number
  readonly used: number
}

const LOOK =
  'SELECT time, used FROM first_seen WHERE source = @source AND repository = @repository AND digest = @digest'

const NOTE = `
  INSERT INTO first_seen (source, repository, digest, time, used) VALUES (@source, @repository, @digest, @time, @time)
  ON CONFLICT DO UPDATE SET used = excluded.used`
