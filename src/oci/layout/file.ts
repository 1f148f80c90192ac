/** Files of a layout: read without following links, written so that a crash leaves either all of a file or none. */

import { createHash, randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { throwIfAborted } from '../../core/cancel.ts'
import type { Bytes } from '../../core/content.ts'
import { type Digest, digestParts } from '../../core/descriptor.ts'
import { IntegrityError, NetworkError, RegistryError } from '../../core/errors.ts'

/** What a written blob must turn out to be. */
export interface Expected {
  readonly digest: Digest
  readonly size: number
}

/** JSON files of a layout larger than this are refused, in bytes. */
export const MAX_JSON_SIZE = 16 * 1024 * 1024

const CHUNK = 256 * 1024

/** Begins the names of unfinished files, which stand beside the layout's own and never among its blobs. */
export const TEMPORARY = '.replicate-'

/** Opens a plain file: no link, no pipe, no device. Undefined where there is none. */
export async function openFile(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (isAbsent(error)) return undefined
    if (errorCode(error) === 'ELOOP') {
      throw new IntegrityError(`${path} is a symbolic link, which is not followed`, { cause: error })
    }
    throw fileError(error, 'read', path)
  }
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw new IntegrityError(`${path} is not a plain file`)
}

/** The size of a plain file in bytes, or undefined where there is none. */
export async function fileSize(path: string): Promise<number | undefined> {
  try {
    const stats = await lstat(path)
    return stats.isFile() ? stats.size : undefined
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw fileError(error, 'read', path)
  }
}

/** A whole small file, or undefined where there is none. Throws an `IntegrityError` above `limit` bytes. */
export async function readSmall(path: string, limit: number = MAX_JSON_SIZE): Promise<Uint8Array | undefined> {
  const handle = await openFile(path)
  if (!handle) return undefined
  try {
    const { size } = await handle.stat()
    if (size > limit) throw new IntegrityError(`${path} has ${size} bytes, more than the ${limit} that are read`)
    return await readExactly(handle, 0, size, path)
  } finally {
    await handle.close()
  }
}

/** `size` bytes from `start`. Throws an `IntegrityError` where the file ends before. */
export async function readExactly(handle: FileHandle, start: number, size: number, path: string): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(size)
  for (let position = 0; position < size; ) {
    const { bytesRead } = await handle.read(buffer, position, size - position, start + position)
    if (bytesRead === 0) throw new IntegrityError(`${path} ends at byte ${start + position}: it is cut off`)
    position += bytesRead
  }
  return buffer
}

/** The bytes from `start` up to `end` of a file, opened when the first is asked for. */
export async function* readRange(path: string, start: number, end: number): Bytes {
  const handle = await openFile(path)
  if (!handle) throw new IntegrityError(`${path} is gone`)
  try {
    for (let position = start; position < end; ) {
      const chunk = await readExactly(handle, position, Math.min(CHUNK, end - position), path)
      position += chunk.byteLength
      yield chunk
    }
  } finally {
    await handle.close()
  }
}

/** Writes `path` from `bytes`, by way of a temporary file in `temporary` (a directory of the same file system).
 *  Throws an `IntegrityError` where length or digest is not what is expected; then nothing is kept. */
export async function writeVerified(
  path: string,
  temporary: string,
  expected: Expected,
  bytes: Bytes,
  signal: AbortSignal,
): Promise<void> {
  const { algorithm, hex } = digestParts(expected.digest)
  const hash = createHash(algorithm)
  await replaceFile(path, temporary, async (handle) => {
    let size = 0
    for await (const chunk of bytes) {
      throwIfAborted(signal)
      size += chunk.byteLength
      if (size > expected.size) break
      hash.update(chunk)
      await writeAll(handle, chunk)
    }
    if (size !== expected.size) {
      const got = size > expected.size ? 'is longer than' : `ended at ${size} of`
      throw new IntegrityError(`blob ${expected.digest} ${got} the ${expected.size} bytes its descriptor says`)
    }
    const actual = hash.digest('hex')
    if (actual !== hex) {
      throw new IntegrityError(
        `blob is not its digest: expected ${expected.digest}, its ${size} bytes are ${algorithm}:${actual}`,
      )
    }
  })
}

/** Puts a new file in the place of `path` once `write` has returned and the bytes are on the disk. */
export async function replaceFile(
  path: string,
  temporary: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const unfinished = join(temporary, `${TEMPORARY}${process.pid}-${randomUUID()}`)
  try {
    const handle = await open(unfinished, 'wx', 0o644)
    try {
      await write(handle)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw fileError(error, 'write', path)
  }
}

export async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let position = 0; position < chunk.byteLength; ) {
    position += (await handle.write(chunk, position, chunk.byteLength - position)).bytesWritten
  }
}

/** Makes the names in a directory last. Not every system lets a directory be opened for it. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!['EISDIR', 'EPERM', 'EINVAL', 'EACCES', 'ENOTSUP'].includes(errorCode(error))) {
      throw fileError(error, 'write', path)
    }
  }
}

/** The system's refusal as an error of this program; whatever it does not name is returned as it came. */
export function fileError(error: unknown, verb: 'read' | 'write', path: string): unknown {
  const code = error instanceof Error && 'syscall' in error ? errorCode(error) : ''
  const method = verb === 'read' ? 'GET' : 'PUT'
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new RegistryError(`cannot ${verb} ${path}: no space left`, {
      status: 507,
      method,
      path,
      cause: error,
      hint: `free some space beside ${dirname(path)}`,
    })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const why = code === 'EROFS' ? 'the file system is read-only' : 'permission denied'
    const hint = `give this user the right to ${verb} it`
    return new RegistryError(`cannot ${verb} ${path}: ${why}`, { status: 403, method, path, cause: error, hint })
  }
  return code === '' ? error : new NetworkError(`cannot ${verb} ${path}: ${code}`, { cause: error, retryable: false })
}

export function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errorCode(error))
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
