/** By what name a store that makes manifests knows a manifest, so that the next run need not read it. */

import { type Digest, parseDigest } from '../core/descriptor.ts'
import type { Database } from './database/database.ts'
import { createUsage } from './unused.ts'

export interface ContentNames {
  /** Undefined where the manifest has not been read yet, or not for 90 days. */
  find(manifest: Digest): Digest | undefined
  /** Does nothing in a read-only history. */
  keep(manifest: Digest, name: Digest): void
}

export function createContentNames(database: Database, now: () => number): ContentNames {
  const usage = createUsage(database, 'content_names', 'used', now)
  const keep: ContentNames['keep'] = (manifest, name) => {
    if (database.readonly) return
    usage.forget()
    database.run(KEEP, { manifest, name, used: now() })
  }
  return {
    find(manifest) {
      const row = database.get<{ name: string; used: number }>(
        'SELECT name, used FROM content_names WHERE manifest = @manifest',
        { manifest },
      )
      const name = parseDigest(row?.name ?? '')
      if (name && row && usage.isStale(row.used)) keep(manifest, name)
      return name
    },
    keep,
  }
}

const KEEP = `
  INSERT INTO content_names (manifest, name, used) VALUES (@manifest, @name, @used)
  ON CONFLICT DO UPDATE SET name = excluded.name, used = excluded.used`
