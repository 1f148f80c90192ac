/** Blobs on their way into a layout: checked as they are written, and resumed where an earlier process stopped. */

import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { throwIfAborted } from '../../core/cancel.ts'
import type { Checkpoint, OpenBlob } from '../../core/content.ts'
import { digestParts } from '../../core/descriptor.ts'
import { IntegrityError } from '../../core/errors.ts'
import { formatBytes } from '../../core/size.ts'
import { CHUNK, fileError, fileSize, inFile, isFull, readExactly, replaceFile, writeAll } from './file.ts'
import type { Expected } from './files.ts'
import { isLockStale, tryLockFile } from './lock.ts'
import { roomIn } from './room.ts'
import { isLeftBehind, isOld, sweep, TEMPORARY } from './temporary.ts'

/** Smaller blobs are sent again instead of being resumed, in bytes. */
const RESUMED_FROM = 1024 * 1024
const PARTIAL = '.partial'
const LOCK = '.lock'

/** Writes the blob to `path` by way of a file in `directory`, which must be of the same file system. A large blob that is not finished
 *  stays there under its digest, and `openBlob` is then first called with its length. Throws an `IntegrityError` where length or digest is
 *  not what is expected; then nothing is kept. */
export async function ingest(
  path: string,
  directory: string,
  blob: Expected,
  openBlob: OpenBlob,
  signal: AbortSignal,
  checkpoint?: Checkpoint,
): Promise<void> {
  const { algorithm, hex } = digestParts(blob.digest)
  const partial = join(directory, `${TEMPORARY}${algorithm}-${hex}${PARTIAL}`)
  // One process resumes a blob; another that needs it at the same time writes a file of its own.
  const lock = blob.size < RESUMED_FROM ? undefined : await tryLockFile(partial + LOCK)
  if (!lock) {
    return replaceFile(path, directory, (handle) =>
      fill(handle, path, blob, 0, createHash(algorithm), openBlob, signal),
    )
  }
  try {
    await checkRoom(partial, blob)
    await resume(partial, blob, openBlob, signal)
    await inFile(rename(partial, path), path)
  } catch (error) {
    if (error instanceof IntegrityError || isFull(error)) await rm(partial, { force: true })
    checkpoint?.save('', (await fileSize(partial)) ?? 0)
    throw error
  } finally {
    await lock.release()
  }
}

/** Removes unfinished files from `directory`: those of processes that have ended, and blobs that no process is writing. Without `all`
 *  such a blob stays for a day, since a later run may resume it. */
export async function removeUnfinished(directory: string, all: boolean): Promise<void> {
  await sweep(directory, async (name) => {
    const file = join(directory, name)
    if (name.endsWith(LOCK)) return isLockStale(file)
    if (!name.endsWith(PARTIAL)) return isLeftBehind(directory, name)
    if (!all && !(await isOld(file))) return false
    const lock = await tryLockFile(file + LOCK)
    if (!lock) return false
    await rm(file, { force: true })
    await lock.release()
    return false
  })
}

/** Throws where the blob cannot fit, before a byte of it is sent. */
async function checkRoom(partial: string, blob: Expected): Promise<void> {
  const missing = blob.size - ((await fileSize(partial)) ?? 0)
  const room = await roomIn(dirname(partial))
  if (missing <= room) return
  const cause = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'statfs' })
  const advice = `${formatBytes(missing)} are needed and ${formatBytes(room)} are free`
  throw fileError(cause, 'write', dirname(partial), advice)
}

/** Completes the file at `partial`, and makes it last. */
async function resume(partial: string, blob: Expected, openBlob: OpenBlob, signal: AbortSignal): Promise<void> {
  const handle = await openPartial(partial)
  try {
    await complete(handle, partial, blob, openBlob, signal)
    await inFile(handle.sync(), partial)
  } finally {
    await handle.close()
  }
}

/** The bytes that are there are read again first: nothing else says that they are right. */
async function complete(
  handle: FileHandle,
  path: string,
  blob: Expected,
  openBlob: OpenBlob,
  signal: AbortSignal,
): Promise<void> {
  const { algorithm } = digestParts(blob.digest)
  const { size } = await handle.stat()
  if (size > 0 && size <= blob.size) {
    const hash = createHash(algorithm)
    for (let at = 0; at < size; at += CHUNK) {
      throwIfAborted(signal)
      hash.update(await readExactly(handle, at, Math.min(CHUNK, size - at), path))
    }
    try {
      return await fill(handle, path, blob, size, hash, openBlob, signal)
    } catch (error) {
      // What the earlier process left is damaged, or the source is: only the whole blob tells.
      if (!(error instanceof IntegrityError)) throw error
    }
  }
  await inFile(handle.truncate(0), path)
  await fill(handle, path, blob, 0, createHash(algorithm), openBlob, signal)
}

/** Only a plain file with no other name is resumed: anything else may lead out of the layout. */
async function openPartial(path: string): Promise<FileHandle> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats && !(stats.isFile() && stats.nlink === 1)) await rm(path, { recursive: true, force: true })
  return inFile(open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644), path)
}

/** Appends the blob's bytes from `start` on, and checks the whole. */
async function fill(
  handle: FileHandle,
  path: string,
  blob: Expected,
  start: number,
  hash: Hash,
  openBlob: OpenBlob,
  signal: AbortSignal,
): Promise<void> {
  let size = start
  if (start < blob.size || blob.size === 0) {
    for await (const chunk of await openBlob(start)) {
      throwIfAborted(signal)
      if (size + chunk.byteLength > blob.size) {
        throw new IntegrityError(`blob ${blob.digest} is longer than the ${blob.size} bytes its descriptor says`)
      }
      hash.update(chunk)
      await writeAll(handle, chunk, size, path)
      size += chunk.byteLength
    }
  }
  if (size !== blob.size) {
    throw new IntegrityError(`blob ${blob.digest} ended at ${size} of the ${blob.size} bytes its descriptor says`)
  }
  const { algorithm, hex } = digestParts(blob.digest)
  const actual = hash.digest('hex')
  if (actual !== hex) {
    throw new IntegrityError(
      `blob does not match its digest: expected ${blob.digest}, its ${size} bytes are ${algorithm}:${actual}`,
    )
  }
}
