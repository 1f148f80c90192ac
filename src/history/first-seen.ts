/** When content was first seen at a source: its age, where the registry does not say when it was pushed. */

import type { Digest } from '../core/descriptor.ts'
import type { Database } from './database/database.ts'

export interface FirstSeen {
  /** When each digest was first seen in the repository, in milliseconds since 1970; one that is new is seen now, and that is kept.
   *  `source` is the registry's address. In a history that is only read, what is new is left out. */
  times(source: string, repository: string, digests: readonly Digest[]): ReadonlyMap<Digest, number>
}

export function createFirstSeen(database: Database, now: () => number): FirstSeen {
  return {
    times(source, repository, digests) {
      const times = new Map<Digest, number>()
      const look = (digest: Digest): number | undefined =>
        database.get<{ time: number }>(LOOK, { source, repository, digest })?.time
      const missing: Digest[] = []
      for (const digest of digests) {
        const time = look(digest)
        if (time === undefined) missing.push(digest)
        else times.set(digest, time)
      }
      if (missing.length === 0 || database.readonly) return times
      const time = now()
      database.transaction(() => {
        for (const digest of missing) {
          database.run(ADD, { source, repository, digest, time })
          // Another process may have been first.
          times.set(digest, look(digest) ?? time)
        }
      })
      return times
    },
  }
}

const LOOK = 'SELECT time FROM first_seen WHERE source = @source AND repository = @repository AND digest = @digest'

const ADD = `
  INSERT INTO first_seen (source, repository, digest, time) VALUES (@source, @repository, @digest, @time)
  ON CONFLICT DO NOTHING`
