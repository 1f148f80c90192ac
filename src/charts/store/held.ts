/** Content of a chart on its way: in memory while it is small, else in a file that ends with the process. */

import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bytes } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { IntegrityError, messageOf, StorageError } from '../../core/errors.ts'

/** In bytes: larger content is written to a file. */
const IN_MEMORY = 512 * 1024
const CHUNK = 64 * 1024

/** Content with its digest. Its owner drops it; a reader that has begun still reads it to its end. */
export interface Held {
  readonly digest: Digest
  readonly size: number
  /** `ctx` belongs to the reader. */
  open(offset: number, ctx: Context): Bytes
  drop(): void
}

/** Reads all of `bytes`, at most `limit`; `what` is for messages. */
export async function hold(bytes: Bytes, limit: number, what: string): Promise<Held> {
  const hash = createHash('sha256')
  const chunks: Buffer[] = []
  let file: FileHandle | undefined
  let size = 0
  let inMemory = 0
  const spill = async (): Promise<void> => {
    file ??= await temporaryFile()
    await file.writev(chunks.splice(0), size - inMemory)
    inMemory = 0
  }
  try {
    for await (const chunk of bytes) {
      size += chunk.byteLength
      if (size > limit) throw new IntegrityError(`${what} is larger than ${limit} bytes`)
      hash.update(chunk)
      chunks.push(Buffer.from(chunk))
      inMemory += chunk.byteLength
      if (inMemory > IN_MEMORY) await spill()
    }
    if (file) await spill()
  } catch (error) {
    await file?.close()
    throw error
  }
  const digest: Digest = `sha256:${hash.digest('hex')}`
  return file ? inFile(file, digest, size) : heldBytes(Buffer.concat(chunks), digest)
}

export function heldBytes(content: Buffer, digest: Digest): Held {
  return {
    digest,
    size: content.byteLength,
    async *open(offset) {
      if (offset < content.byteLength) yield content.subarray(offset)
    },
    drop() {},
  }
}

function inFile(file: FileHandle, digest: Digest, size: number): Held {
  let readers = 0
  let dropped = false
  const closeUnread = (): void => {
    if (dropped && readers === 0) void file.close().catch(() => {})
  }
  return {
    digest,
    size,
    async *open(offset) {
      readers += 1
      try {
        for (let position = offset; position < size; ) {
          const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position)
          if (bytesRead === 0) throw new StorageError('a temporary file was cut off')
          yield buffer.subarray(0, bytesRead)
          position += bytesRead
        }
      } finally {
        readers -= 1
        closeUnread()
      }
    },
    drop() {
      dropped = true
      closeUnread()
    },
  }
}

/** Without a name from the beginning: nothing is left behind, however the process ends. */
async function temporaryFile(): Promise<FileHandle> {
  const path = join(tmpdir(), `replicate-chart-${randomUUID()}`)
  try {
    const file = await open(path, 'wx+', 0o600)
    await unlink(path)
    return file
  } catch (cause) {
    throw new StorageError(`a temporary file for a chart cannot be made: ${messageOf(cause)}`, {
      cause,
      hint: 'set TMPDIR to a directory that can be written',
    })
  }
}
