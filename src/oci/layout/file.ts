/** Files of a layout: read without following links, written so that a crash leaves either a whole file or no file. */

import { constants, statSync } from 'node:fs'
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Bytes } from '../../core/content.ts'
import { errorCode, IntegrityError, StorageError } from '../../core/errors.ts'
import { temporaryName } from './temporary.ts'

/** JSON files of a layout larger than this are refused, in bytes. */
export const MAX_JSON_SIZE = 16 * 1024 * 1024

export const CHUNK = 256 * 1024

/** What can be read at any place: an open file. */
export interface Readable {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
}

/** Opens a plain file; refuses links, pipes and devices. Undefined if the file does not exist. */
export async function openFile(path: string): Promise<FileHandle | undefined> {
  const handle = await openNamed(path)
  if (!handle || (await handle.stat()).isFile()) return handle
  await handle.close()
  throw new IntegrityError(`${path} is not a plain file`)
}

/** Opens whatever has this name, but not by way of a link. */
async function openNamed(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (isAbsent(error)) return undefined
    if (errorCode(error) === 'ELOOP') {
      throw new IntegrityError(`${path} is a symbolic link, which is not followed`, { cause: error })
    }
    throw fileError(error, 'read', path)
  }
}

/** The size of a plain file in bytes, or undefined if there is no such file. */
export async function fileSize(path: string): Promise<number | undefined> {
  try {
    const stats = await lstat(path)
    return stats.isFile() ? stats.size : undefined
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw fileError(error, 'read', path)
  }
}

/** A whole small file, or undefined if there is no such file. Throws an `IntegrityError` above `limit` bytes. */
export async function readSmall(path: string, limit: number = MAX_JSON_SIZE): Promise<Buffer | undefined> {
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
export async function readExactly(file: Readable, start: number, size: number, path: string): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(size)
  for (let position = 0; position < size; ) {
    const { bytesRead } = await file
      .read(buffer, position, size - position, start + position)
      .catch((error: unknown) => {
        throw fileError(error, 'read', path)
      })
    if (bytesRead === 0) throw new IntegrityError(`${path} ends at byte ${start + position}: it is cut off`)
    position += bytesRead
  }
  return buffer
}

/** The bytes from `start` up to `end` of an open file. */
export async function* readRange(file: Readable, start: number, end: number, path: string): Bytes {
  for (let position = start; position < end; ) {
    const chunk = await readExactly(file, position, Math.min(CHUNK, end - position), path)
    position += chunk.byteLength
    yield chunk
  }
}

/** The bytes from `start` up to `end` of a file whose size `fileSize` gave, opened when the first is asked for. */
export async function* readFileRange(path: string, start: number, end: number): Bytes {
  const handle = await openNamed(path)
  if (!handle) throw new IntegrityError(`${path} is gone`)
  try {
    yield* readRange(handle, start, end, path)
  } finally {
    await handle.close()
  }
}

/** Puts a new file in the place of `path` once `write` has returned and the bytes are on the disk. Until then it stands in `directory`,
 *  which must be of the same file system. */
export async function replaceFile(
  path: string,
  directory: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const unfinished = join(directory, temporaryName())
  try {
    const handle = await inFile(open(unfinished, 'wx', 0o644), path)
    try {
      await write(handle)
      await inFile(handle.sync(), path)
    } finally {
      await handle.close()
    }
    await inFile(rename(unfinished, path), path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

/** Writes all of `chunk` at `position`. */
export async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number, path: string): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) {
    const { bytesWritten } = await inFile(handle.write(chunk, done, chunk.byteLength - done, position + done), path)
    done += bytesWritten
  }
}

/** What `work` on a file throws, as a `StorageError`. Only the file's own work: a socket's error looks the same. */
export async function inFile<T>(work: Promise<T>, path: string): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw fileError(error, 'write', path)
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

const NO_SPACE = ['ENOSPC', 'EDQUOT']
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of its path is not a directory',
  EISDIR: 'it is a directory',
  ELOOP: 'it is a symbolic link, or its path has too many of them',
  EIO: 'the disk reports an error',
  EFBIG: 'the file would be larger than is allowed',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
}

const HINTS: Readonly<Record<string, string>> = {
  EFBIG: 'a FAT file system takes files up to 4 GiB: write a directory, whose files are single layers',
}

/** The system's refusal as a `StorageError`; any other error is returned unchanged. */
export function fileError(error: unknown, verb: 'read' | 'write', path: string, advice?: string): unknown {
  const code = error instanceof Error && 'syscall' in error ? errorCode(error) : ''
  if (code === '') return error
  const noSpace = NO_SPACE.includes(code)
  const mayNot = ['EACCES', 'EPERM', 'EROFS'].includes(code)
  const mount = noSpace ? mountOf(path) : ''
  const reason = noSpace ? `no space left on the file system of ${mount}` : (REASONS[code] ?? code)
  const hint = noSpace ? `free some space in ${mount}` : mayNot ? `give this user the right to ${verb} it` : HINTS[code]
  return new StorageError(`cannot ${verb} ${path}: ${reason}`, {
    cause: error,
    missing: code === 'ENOENT',
    hint: advice ?? hint,
  })
}

/** Where the file system is mounted that holds `path`, or the nearest parent that exists. */
function mountOf(path: string): string {
  const deviceOf = (directory: string): number | undefined => statSync(directory, { throwIfNoEntry: false })?.dev
  try {
    let mount = resolve(path)
    while (deviceOf(mount) === undefined) mount = dirname(mount)
    const device = deviceOf(mount)
    while (deviceOf(dirname(mount)) === device && dirname(mount) !== mount) mount = dirname(mount)
    return mount
  } catch {
    return dirname(path)
  }
}

export function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errorCode(error))
}

/** True if the disk is full: an unfinished file then only takes room that others need. */
export function isFull(error: unknown): boolean {
  const cause = error instanceof StorageError ? error.cause : error
  return NO_SPACE.includes(errorCode(cause))
}
