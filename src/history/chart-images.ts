/** The images that charts name, so that the next run need not read an unchanged chart. */

import { z } from 'zod'
import { type Digest, parseDigest } from '../core/descriptor.ts'
import { parseJson } from '../core/foreign.ts'
import type { ChartImages } from '../core/images.ts'
import type { Database } from './database/database.ts'
import { createUsage } from './unused.ts'

/** `found` is absent for what is not a chart. */
export interface KnownImages {
  readonly found?: ChartImages
}

export interface ChartImageRecords {
  /** `how` is what finds them; another way may find others. Undefined where it has not looked yet, or not for 90 days. */
  find(chart: Digest, how: string): KnownImages | undefined
  /** Does nothing in a read-only history. */
  keep(chart: Digest, how: string, known: KnownImages): void
}

const digest = z.custom<Digest>((value) => typeof value === 'string' && parseDigest(value) !== undefined)
const schema = z.object({
  images: z.array(
    z.object({
      host: z.string(),
      repository: z.string(),
      tag: z.string().exactOptional(),
      digest: digest.exactOptional(),
    }),
  ),
  unresolved: z.array(z.string()),
})

export function createChartImageRecords(database: Database, now: () => number): ChartImageRecords {
  const usage = createUsage(database, 'chart_images', 'used', now)
  const keep: ChartImageRecords['keep'] = (chart, how, { found }) => {
    if (database.readonly) return
    usage.forget()
    const images = found ? JSON.stringify({ images: found.images, unresolved: found.unresolved }) : null
    database.run(KEEP, { chart, how, images, used: now() })
  }
  return {
    find(chart, how) {
      const row = database.get<{ images: string | null; used: number }>(FIND, { chart, how })
      if (!row) return undefined
      const known: KnownImages =
        row.images === null ? {} : { found: { ...schema.parse(parseJson(row.images)), lasting: true } }
      if (usage.isStale(row.used)) keep(chart, how, known)
      return known
    },
    keep,
  }
}

const FIND = 'SELECT images, used FROM chart_images WHERE chart = @chart AND how = @how'

const KEEP = `
  INSERT INTO chart_images (chart, how, images, used) VALUES (@chart, @how, @images, @used)
  ON CONFLICT DO UPDATE SET images = excluded.images, used = excluded.used`
