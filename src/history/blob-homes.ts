/** In which repository of a registry an earlier execution has put a blob: hints for mounts, which the registry checks. */

import type { Digest } from '../core/descriptor.ts'
import type { Database } from './database/database.ts'
import { createUsage } from './unused.ts'

export interface BlobHomes {
  /** A repository that once had the blob, if one is known. `registry` is a URL. */
  find(registry: string, digest: Digest): string | undefined
  /** The newest is kept. */
  remember(registry: string, repository: string, digest: Digest): void
}

export function createBlobHomes(database: Database, now: () => number): BlobHomes {
  const usage = createUsage(database, 'blob_homes', 'time', now)
  return {
    find: (registry, digest) => database.get<{ repository: string }>(FIND, { registry, digest })?.repository,
    remember(registry, repository, digest) {
      usage.forget()
      database.run(KEEP, { registry, repository, digest, time: now() })
    },
  }
}

const FIND = 'SELECT repository FROM blob_homes WHERE registry = @registry AND digest = @digest'

const KEEP = `
  INSERT INTO blob_homes (registry, digest, repository, time) VALUES (@registry, @digest, @repository, @time)
  ON CONFLICT DO UPDATE SET repository = excluded.repository, time = excluded.time`
