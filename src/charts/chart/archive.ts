/** What a chart's archive says of the chart. */

import type { Bytes } from '../../core/content.ts'
import { IntegrityError } from '../../core/errors.ts'
import { type ChartMetadata, readMetadata } from './metadata.ts'
import { textOf, unpack } from './unpack.ts'

/** Larger metadata than any chart has, in bytes. */
export const LARGEST_METADATA = 1024 * 1024
const METADATA: ReadonlySet<string> = new Set(['Chart.yaml', 'requirements.yaml'])

export interface Archive {
  readonly metadata: ChartMetadata
  /** The time of its newest file. */
  readonly newest: Date | undefined
}

/** Throws an `IntegrityError` with the reason where Helm would refuse the archive. */
export async function readArchive(bytes: Bytes): Promise<Archive> {
  const { files, newest } = await unpack(bytes, (path, size) => METADATA.has(path) && size <= LARGEST_METADATA)
  return { metadata: metadataIn(files, ''), newest: newest > 0 ? new Date(newest) : undefined }
}

/** Of the chart whose files are below `prefix`. */
export function metadataIn(files: ReadonlyMap<string, Buffer>, prefix: string): ChartMetadata {
  const [chart, requirements] = ['Chart.yaml', 'requirements.yaml'].map((name) => files.get(prefix + name))
  if (chart === undefined) throw new IntegrityError('the archive has no Chart.yaml')
  return readMetadata(textOf(chart), requirements && textOf(requirements))
}
