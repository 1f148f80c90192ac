/** A chart's archive, read as Helm reads it: within its bounds, and with nothing outside of its one directory. */

import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import type { Bytes } from '../../core/content.ts'
import { IntegrityError, messageOf, ReplicateError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import { type ChartMetadata, readMetadata } from './metadata.ts'

/** Helm's own limits, in bytes. */
const MOST_UNPACKED = 100 * 1024 * 1024
const LARGEST_FILE = 5 * 1024 * 1024
const MOST_FILES = 100_000
/** Larger metadata than any chart has. */
const LARGEST_METADATA = 1024 * 1024

export interface Archive {
  readonly metadata: ChartMetadata
  /** The time of its newest file. */
  readonly newest: Date | undefined
}

/** Headers and padding have no size of their own: all that is unpacked has a bound, too. */
async function* bounded(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.byteLength
    if (size > 2 * MOST_UNPACKED) throw tooLarge()
    yield chunk
  }
}

function tooLarge(): IntegrityError {
  return new IntegrityError('the archive unpacks to more than 100 MiB, which Helm refuses')
}

/** Throws an `IntegrityError` with the reason where Helm would refuse the archive. */
export async function readArchive(bytes: Bytes): Promise<Archive> {
  const tar = extract()
  const found = new Map<string, string>()
  let newest = 0
  let unpacked = 0
  let files = 0
  const read = async (): Promise<void> => {
    for await (const entry of tar) {
      const { header } = entry
      const path = pathOf(header)
      const size = header.size ?? 0
      files += 1
      unpacked += size
      if (size > LARGEST_FILE)
        throw new IntegrityError(`${foreignName(header.name)} is larger than 5 MiB, which Helm refuses`)
      if (unpacked > MOST_UNPACKED) throw tooLarge()
      if (files > MOST_FILES) throw new IntegrityError(`the archive has more than ${MOST_FILES} files`)
      newest = Math.max(newest, header.mtime?.getTime() ?? 0)
      const isWanted = (path === 'Chart.yaml' || path === 'requirements.yaml') && size <= LARGEST_METADATA
      const chunks: Buffer[] = []
      for await (const chunk of entry as AsyncIterable<Uint8Array>) if (isWanted) chunks.push(Buffer.from(chunk))
      if (path !== undefined && isWanted) found.set(path, textOf(Buffer.concat(chunks)))
    }
  }
  try {
    const unpacking = pipeline(Readable.from(bytes), createGunzip(), bounded, tar)
    await Promise.all([unpacking, read()])
  } catch (cause) {
    tar.destroy()
    if (cause instanceof ReplicateError) throw cause
    throw new IntegrityError(`not a chart's archive: ${messageOf(cause)}`, { cause })
  }
  const chartYaml = found.get('Chart.yaml')
  if (chartYaml === undefined) throw new IntegrityError('the archive has no Chart.yaml')
  return {
    metadata: readMetadata(chartYaml, found.get('requirements.yaml')),
    newest: newest > 0 ? new Date(newest) : undefined,
  }
}

/** Below the chart's directory; undefined for a directory. */
function pathOf({ name, type }: Header): string | undefined {
  if (type === 'directory') return undefined
  const separator = name.includes('\\') ? '\\' : '/'
  const [first, ...rest] = name.split(separator)
  const below = rest.join('/')
  const refused = (why: string): IntegrityError => new IntegrityError(`${foreignName(name)} ${why}`)
  if (first === 'Chart.yaml') throw refused('is not in a directory of the archive')
  if (below.startsWith('/') || /^[A-Za-z]:\//.test(below)) throw refused('is an absolute path')
  const path = posix.normalize(below)
  if (path === '.' || path === '' || path.startsWith('..')) throw refused('leaves the directory of its chart')
  return path
}

/** Without the mark that some editors put first. */
function textOf(bytes: Buffer): string {
  return bytes.toString('utf8').replace(/^\uFEFF/, '')
}
