/** Opens a tar for reading at any place; a compressed one is first unpacked into a temporary file. */

import { close, constants, createReadStream, fstat, openSync, read, unlinkSync, write } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { IntegrityError, ReplicateError } from '../../../core/errors.ts'
import { fileError, isAbsent, type Readable, readExactly } from '../file.ts'
import { temporaryName } from '../temporary.ts'
import { type Member, type Others, scanTar } from './scan.ts'

/** A tar as it stood when it was opened, whatever happens to its name later. */
export interface Archive extends Readable {
  readonly members: ReadonlyMap<string, Member>
  readonly others: Others
  readonly compressed: boolean
  close(): Promise<void>
}

/** What a compressed tar may grow to: real ones hold compressed layers, and stay far below. */
const MAX_GROWTH = 200
const ALLOWANCE = 1024 ** 3

interface OpenFile extends Readable {
  readonly size: number
  close(): Promise<void>
}

/** Undefined where there is no file. Throws an `IntegrityError` for what is not a tar. */
export async function openArchive(path: string): Promise<Archive | undefined> {
  const file = await openTar(path)
  if (!file) return undefined
  const magic = (await readExactly(file, 0, Math.min(4, file.size), path)).toString('hex')
  const decompress = magic.startsWith('1f8b') ? createGunzip : magic === '28b52ffd' ? createZstdDecompress : undefined
  if (!decompress) return scanned(file, path, false)
  await file.close()
  return scanned(await unpacked(path, file.size, decompress()), path, true)
}

async function scanned(file: OpenFile, path: string, compressed: boolean): Promise<Archive> {
  try {
    const { members, others, cutOff } = await scanTar(file, file.size, path)
    if (cutOff !== undefined) throw new IntegrityError(cutOff)
    return { members, others, compressed, read: file.read, close: file.close }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** The uncompressed tar in a file without a name: the system removes it when this process ends, however it ends. */
async function unpacked(path: string, size: number, decompress: Transform): Promise<OpenFile> {
  const temporary = join(tmpdir(), temporaryName())
  const inTemporary = (error: unknown): unknown =>
    fileError(error, 'write', temporary, `${path} is unpacked there; set TMPDIR to a directory with enough room`)
  let fd: number
  try {
    fd = openSync(temporary, 'wx+', 0o600)
  } catch (error) {
    throw inTemporary(error)
  }
  const forget = namelessly(temporary)
  try {
    const limit = limited(size * MAX_GROWTH + ALLOWANCE, path)
    await pipeline(createReadStream(path), decompress, limit, async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks)
        await writeChunk(fd, chunk).catch((error: unknown) => Promise.reject(inTemporary(error)))
    })
    return await fileOf(fd, forget)
  } catch (error) {
    await promisify(close)(fd)
    forget()
    if (error instanceof ReplicateError) throw error
    const refused = fileError(error, 'read', path)
    throw refused === error
      ? new IntegrityError(`${path} cannot be decompressed: it is damaged`, { cause: error })
      : refused
  }
}

async function writeChunk(fd: number, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) done += (await promisify(write)(fd, chunk, done)).bytesWritten
}

/** Removes a file's name. Where the system does not allow that while it is open, the result does it later. */
function namelessly(path: string): () => void {
  try {
    unlinkSync(path)
    return () => {}
  } catch {
    return () => unlinkSync(path)
  }
}

async function openTar(path: string): Promise<OpenFile | undefined> {
  try {
    return await fileOf(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), () => {})
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw fileError(error, 'read', path)
  }
}

/** A descriptor of ours, not a `FileHandle`: one that a caller forgets to close ends with the process, without a complaint. */
async function fileOf(fd: number, closed: () => void): Promise<OpenFile> {
  const reading = promisify(read)
  let isOpen = true
  return {
    size: (await promisify(fstat)(fd)).size,
    read: (buffer, offset, length, position) => reading(fd, buffer, offset, length, position),
    async close() {
      if (!isOpen) return
      isOpen = false
      await promisify(close)(fd)
      closed()
    },
  }
}

export function limited(limit: number, path: string): (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array> {
  return async function* (source) {
    let size = 0
    for await (const chunk of source) {
      size += chunk.byteLength
      if (size > limit) throw new IntegrityError(`${path} grows to more than ${limit} bytes when it is decompressed`)
      yield chunk
    }
  }
}
