/** Where the bytes of blobs are kept while they are copied, for clients that read them at their own pace: bounded in sum. */

import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'

export interface Spool {
  write(bytes: Uint8Array, at: number): Promise<void>
  /** At most `most` bytes from `at` on, of those that were written. The result is the caller's own. */
  read(at: number, most: number): Promise<Uint8Array>
  /** Gives its room back. May be called twice; a read that comes later fails. */
  close(): Promise<void>
}

export interface Spools {
  /** Room for `size` bytes; undefined where too much is kept already. */
  open(size: number): Spool | undefined
  /** Removes all of it. */
  close(): Promise<void>
}

/** Blobs up to this many bytes stay in memory. */
const SMALL = 1024 * 1024

export interface SpoolLimits {
  /** Bytes in memory. */
  readonly memory: number
  /** Bytes on disk. */
  readonly disk: number
}

/** Files stand in `directory`, which is emptied first: what another process has left there is of no use. */
export function createSpools(directory: string, limits: SpoolLimits): Spools {
  const kept = { memory: 0, disk: 0 }
  let ready: Promise<unknown> | undefined
  let last = 0

  function reserve(where: 'memory' | 'disk', size: number): (() => void) | undefined {
    if (kept[where] + size > limits[where]) return undefined
    kept[where] += size
    let isHeld = true
    return () => {
      if (isHeld) kept[where] -= size
      isHeld = false
    }
  }

  async function newPath(): Promise<string> {
    ready ??= rm(directory, { recursive: true, force: true }).then(() =>
      mkdir(directory, { recursive: true, mode: 0o700 }),
    )
    ready.catch(() => {
      ready = undefined
    })
    last += 1
    const name = String(last)
    await ready
    return join(directory, name)
  }

  return {
    open(size) {
      const isSmall = size <= SMALL
      const release = reserve(isSmall ? 'memory' : 'disk', size)
      if (!release) return undefined
      return isSmall ? inMemory(size, release) : inFile(newPath, release)
    },
    async close() {
      if (ready) await rm(directory, { recursive: true, force: true })
    },
  }
}

function inMemory(size: number, release: () => void): Spool {
  const buffer = Buffer.allocUnsafe(size)
  return {
    async write(bytes, at) {
      buffer.set(bytes, at)
    },
    // It is written once, so it may be shared.
    read: async (at, most) => buffer.subarray(at, at + most),
    async close() {
      release()
    },
  }
}

function inFile(newPath: () => Promise<string>, release: () => void): Spool {
  const opened = newPath().then(async (path) => {
    const handle = await open(path, 'wx+', 0o600)
    // Without a name it is gone with the process, however that ends. Windows does not allow that.
    await rm(path).catch(() => {})
    return handle
  })
  opened.catch(() => {})
  let closing: Promise<void> | undefined
  return {
    async write(bytes, at) {
      const handle = await opened
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, at + done)
        done += bytesWritten
      }
    },
    async read(at, most) {
      const handle = await opened
      const buffer = Buffer.allocUnsafe(most)
      const { bytesRead } = await handle.read(buffer, 0, most, at)
      return buffer.subarray(0, bytesRead)
    },
    close() {
      closing ??= opened
        .then(
          (handle) => handle.close(),
          () => {},
        )
        .finally(release)
      return closing
    },
  }
}
