/** The files of a chart's archive, read as Helm reads them: within its bounds, and with nothing outside of its one directory. */

import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import type { Bytes } from '../../core/content.ts'
import { IntegrityError, messageOf, ReplicateError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'

/** Helm's own limits, in bytes. */
const MOST_UNPACKED = 100 * 1024 * 1024
const LARGEST_FILE = 5 * 1024 * 1024
const MOST_FILES = 100_000

export interface Unpacked {
  /** By path below the chart's directory. */
  readonly files: ReadonlyMap<string, Buffer>
  /** The time of its newest file; 0 where no file has one. */
  readonly newest: number
}

/** What may still be unpacked, in bytes: archives in archives share one. */
export interface Budget {
  files: number
  /** Headers and padding included. */
  all: number
}

export function wholeBudget(): Budget {
  return { files: MOST_UNPACKED, all: 2 * MOST_UNPACKED }
}

/** Keeps the files that are `wanted`. Throws an `IntegrityError` with the reason where Helm would refuse the archive. */
export async function unpack(
  bytes: Bytes,
  wanted: (path: string, size: number) => boolean,
  budget = wholeBudget(),
): Promise<Unpacked> {
  const tar = extract()
  const files = new Map<string, Buffer>()
  let newest = 0
  let count = 0
  const read = async (): Promise<void> => {
    for await (const entry of tar) {
      const { header } = entry
      const path = pathOf(header)
      const size = header.size ?? 0
      count += 1
      budget.files -= size
      if (size > LARGEST_FILE)
        throw new IntegrityError(`${foreignName(header.name)} is larger than 5 MiB, which Helm refuses`)
      if (budget.files < 0) throw tooLarge()
      if (count > MOST_FILES) throw new IntegrityError(`the archive has more than ${MOST_FILES} files`)
      newest = Math.max(newest, header.mtime?.getTime() ?? 0)
      const isWanted = path !== undefined && wanted(path, size)
      const chunks: Buffer[] = []
      for await (const chunk of entry as AsyncIterable<Uint8Array>) if (isWanted) chunks.push(Buffer.from(chunk))
      if (isWanted) files.set(path, Buffer.concat(chunks))
    }
  }
  try {
    const unpacking = pipeline(Readable.from(bytes), createGunzip(), within(budget), tar)
    await Promise.all([unpacking, read()])
  } catch (cause) {
    tar.destroy()
    if (cause instanceof ReplicateError) throw cause
    throw new IntegrityError(`not a chart's archive: ${messageOf(cause)}`, { cause })
  }
  return { files, newest }
}

/** Headers and padding have no size of their own: all that is unpacked has a bound, too. */
function within(budget: Budget) {
  return async function* (chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of chunks) {
      budget.all -= chunk.byteLength
      if (budget.all < 0) throw tooLarge()
      yield chunk
    }
  }
}

function tooLarge(): IntegrityError {
  return new IntegrityError('the archive unpacks to more than 100 MiB, which Helm refuses')
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
export function textOf(bytes: Buffer): string {
  return bytes.toString('utf8').replace(/^\uFEFF/, '')
}
