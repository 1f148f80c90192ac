/** Opens a tar for reading at any place; a compressed one is first unpacked into a temporary file. */

import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { IntegrityError, ReplicateError } from '../../../core/errors.ts'
import { fileError, isAbsent } from '../file.ts'
import { type Member, scanTar } from './scan.ts'

export interface Archive {
  /** The uncompressed tar: the file itself or the temporary one. */
  readonly file: string
  readonly members: ReadonlyMap<string, Member>
  readonly compressed: boolean
  /** Removes the temporary file. */
  close(): Promise<void>
}

/** What a compressed tar may grow to: real ones hold compressed layers, and stay far below. */
const MAX_GROWTH = 200
const ALLOWANCE = 1024 ** 3

/** Undefined where there is no file. Throws an `IntegrityError` for what is not a tar. */
export async function openArchive(path: string): Promise<Archive | undefined> {
  const start = await readStart(path)
  if (!start) return undefined
  const { magic, size } = start
  const decompress = magic.startsWith('1f8b') ? createGunzip : magic === '28b52ffd' ? createZstdDecompress : undefined
  if (!decompress) {
    return { file: path, members: await scanTar(path), compressed: false, close: () => Promise.resolve() }
  }
  const directory = await mkdtemp(join(tmpdir(), 'replicate-'))
  const close = (): Promise<void> => rm(directory, { recursive: true, force: true })
  const file = join(directory, 'layout.tar')
  try {
    const limit = limited(size * MAX_GROWTH + ALLOWANCE, path)
    await pipeline(createReadStream(path), decompress(), limit, createWriteStream(file, { mode: 0o600 }))
    return { file, members: await scanTar(file), compressed: true, close }
  } catch (error) {
    await close()
    if (error instanceof ReplicateError) throw error
    const refused = fileError(error, 'read', path)
    throw refused === error
      ? new IntegrityError(`${path} cannot be decompressed: it is damaged`, { cause: error })
      : refused
  }
}

async function readStart(path: string): Promise<{ readonly magic: string; readonly size: number } | undefined> {
  try {
    const handle = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
      return { magic: buffer.toString('hex', 0, bytesRead), size: (await handle.stat()).size }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw fileError(error, 'read', path)
  }
}

function limited(limit: number, path: string): (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array> {
  return async function* (source) {
    let size = 0
    for await (const chunk of source) {
      size += chunk.byteLength
      if (size > limit) throw new IntegrityError(`${path} grows to more than ${limit} bytes when it is decompressed`)
      yield chunk
    }
  }
}
