/** What manifests are called by their content, so that the next run need not read them. */

import type { ContentName } from '../core/chart.ts'
import { type Digest, parseDigest } from '../core/descriptor.ts'
import type { Database } from './database/database.ts'
import { createUsage } from './unused.ts'

export interface ContentNames {
  /** Undefined where the manifest has not been read yet, or not for 90 days. */
  find(manifest: Digest): ContentName | undefined
  /** Does nothing in a read-only history. */
  keep(manifest: Digest, name: ContentName): void
}

interface Row {
  readonly name: string
  /** Digests with spaces between them; null in a row of a version that did not note them. */
  readonly beside: string | null
  readonly used: number
}

export function createContentNames(database: Database, now: () => number): ContentNames {
  const usage = createUsage(database, 'content_names', 'used', now)
  const keep: ContentNames['keep'] = (manifest, { name, beside }) => {
    if (database.readonly) return
    usage.forget()
    database.run(KEEP, { manifest, name, beside: beside.join(' '), used: now() })
  }
  return {
    find(manifest) {
      const row = database.get<Row>(LOOK, { manifest })
      const name = parseDigest(row?.name ?? '')
      if (!row || !name || row.beside === null) return undefined
      const found = { name, beside: row.beside.split(' ').flatMap((text) => parseDigest(text) ?? []) }
      if (usage.isStale(row.used)) keep(manifest, found)
      return found
    },
    keep,
  }
}

const LOOK = 'SELECT name, beside, used FROM content_names WHERE manifest = @manifest'

const KEEP = `
  INSERT INTO content_names (manifest, name, beside, used) VALUES (@manifest, @name, @beside, @used)
  ON CONFLICT DO UPDATE SET name = excluded.name, beside = excluded.beside, used = excluded.used`
