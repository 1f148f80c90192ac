/** An index as it is kept from run to run. */

import { type Digest, parseDigest } from '../../core/descriptor.ts'
import type { ChartIndex, ChartVersion } from './index.ts'

const FORMAT = 1

type Row = readonly [
  tag: string,
  version: string,
  digest: string,
  urls: readonly string[],
  created: string,
  keywords: readonly string[],
  deprecated: boolean,
]

interface Packed {
  readonly format: typeof FORMAT
  readonly contextPath?: string
  readonly charts: readonly (readonly [chart: string, versions: readonly Row[]])[]
}

export function packed({ charts, contextPath }: ChartIndex): Packed {
  return {
    format: FORMAT,
    ...(contextPath === undefined ? {} : { contextPath }),
    charts: [...charts].map(([chart, versions]) => [chart, [...versions].map(rowOf)]),
  }
}

function rowOf([tag, { version, digest, urls, created = '', keywords = [], deprecated }]: [string, ChartVersion]): Row {
  return [tag, version, digest ?? '', urls, created, keywords, deprecated ?? false]
}

/** Of JSON that this program has written; undefined where another version did. */
export function unpacked(json: unknown): ChartIndex | undefined {
  const { format, charts, contextPath }: Partial<Packed> = Object(json)
  if (format !== FORMAT || !charts) return undefined
  const byName = new Map<string, ReadonlyMap<string, ChartVersion>>()
  for (const [chart, rows] of charts) {
    byName.set(chart, new Map(rows.map((row) => [row[0], versionOf(chart, row)])))
  }
  return { charts: byName, nameless: 0, ...(contextPath === undefined ? {} : { contextPath }) }
}

function versionOf(chart: string, [, version, digest, urls, created, keywords, deprecated]: Row): ChartVersion {
  const parsed: Digest | undefined = parseDigest(digest)
  return {
    chart,
    version,
    urls,
    ...(parsed ? { digest: parsed } : {}),
    ...(created ? { created } : {}),
    ...(keywords.length > 0 ? { keywords } : {}),
    ...(deprecated ? { deprecated } : {}),
  }
}
