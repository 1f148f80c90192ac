/** Where the bytes of blobs are kept while they are copied, for clients that read them at their own pace: bounded in sum. */

import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'

export interface Spool {
  /** The bytes that follow those before; they are copied. */
  write(bytes: Uint8Array): Promise<void>
  /** At most `most` bytes from `at` on, of those that were written; not to be changed. */
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

export interface SpoolLimits {
  /** Bytes in memory. */
  readonly memory: number
  /** Bytes on disk. */
  readonly disk: number
}

/** Bytes that are written to disk together. */
const BATCH = 1024 * 1024
/** Batches of one blob that stay in memory, the newest: clients that keep up read no file. */
const KEPT = 8

/** Files stand in `directory`, which is emptied first: what another process has left there is of no use. */
export function createSpools(directory: string, limits: SpoolLimits): Spools {
  const kept = { memory: 0, disk: 0 }
  let ready: Promise<unknown> | undefined
  let last = 0

  /** Takes so many bytes of the limit, if they are free; the result gives them back. */
  function reserve(where: keyof SpoolLimits, size: number): (() => void) | undefined {
    if (kept[where] + size > limits[where]) return undefined
    kept[where] += size
    let isHeld = true
    return () => {
      if (isHeld) kept[where] -= size
      isHeld = false
    }
  }

  async function newFile(): Promise<FileHandle> {
    ready ??= rm(directory, { recursive: true, force: true }).then(() =>
      mkdir(directory, { recursive: true, mode: 0o700 }),
    )
    ready.catch(() => {
      ready = undefined
    })
    last += 1
    const path = join(directory, String(last))
    await ready
    const file = await open(path, 'wx+', 0o600)
    // Without a name it is gone with the process, however that ends. Windows does not allow that.
    await rm(path).catch(() => {})
    return file
  }

  return {
    open(size) {
      const release = reserve('disk', size)
      return release && new BlobSpool(size, newFile, (bytes) => reserve('memory', bytes), release)
    },
    async close() {
      if (ready) await rm(directory, { recursive: true, force: true })
    },
  }
}

interface Batch {
  readonly at: number
  readonly buffer: Buffer
  filled: number
  /** Set once it is full. */
  written?: Promise<void>
  readonly release: () => void
}

/** The bytes of one blob: the newest in memory, those before in a file, which is made when it is needed. */
class BlobSpool implements Spool {
  readonly #size: number
  readonly #newFile: () => Promise<FileHandle>
  readonly #reserve: (bytes: number) => (() => void) | undefined
  readonly #release: () => void
  /** One after the other, the newest last. */
  readonly #batches: Batch[] = []
  #end = 0
  #file: Promise<FileHandle> | undefined
  #closing: Promise<void> | undefined

  constructor(
    size: number,
    newFile: () => Promise<FileHandle>,
    reserve: (bytes: number) => (() => void) | undefined,
    release: () => void,
  ) {
    this.#size = size
    this.#newFile = newFile
    this.#reserve = reserve
    this.#release = release
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const batch = this.#open()
      if (!batch) {
        // No memory is free: the disk sets the pace.
        await this.#toFile(bytes.subarray(done), this.#end)
        this.#end += bytes.byteLength - done
        break
      }
      const part = bytes.subarray(done, done + batch.buffer.byteLength - batch.filled)
      batch.buffer.set(part, batch.filled)
      batch.filled += part.byteLength
      this.#end += part.byteLength
      done += part.byteLength
    }
    while (this.#batches.length > KEPT) {
      const [oldest] = this.#batches
      if (!oldest) break
      await oldest.written
      this.#batches.shift()
      oldest.release()
    }
  }

  /** The batch that has room. */
  #open(): Batch | undefined {
    const newest = this.#batches.at(-1)
    if (newest && newest.filled < newest.buffer.byteLength) return newest
    if (newest) this.#flush(newest)
    const size = Math.min(BATCH, this.#size - this.#end)
    const release = size > 0 ? this.#reserve(size) : undefined
    if (!release) return undefined
    const batch = { at: this.#end, buffer: Buffer.allocUnsafeSlow(size), filled: 0, release }
    this.#batches.push(batch)
    return batch
  }

  #flush(batch: Batch): void {
    if (batch.written) return
    batch.written = this.#toFile(batch.buffer, batch.at)
    // Thrown where it is waited for.
    batch.written.catch(() => {})
  }

  async #toFile(bytes: Uint8Array, at: number): Promise<void> {
    this.#file ??= this.#newFile()
    const file = await this.#file
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, at + done)
      done += bytesWritten
    }
  }

  async read(at: number, most: number): Promise<Uint8Array> {
    if (this.#closing) throw new Error('the spool is closed')
    for (const batch of this.#batches) {
      const from = at - batch.at
      if (from >= 0 && from < batch.filled) return batch.buffer.subarray(from, Math.min(from + most, batch.filled))
    }
    // What is still in memory may not have been written yet.
    const next = this.#batches.find((batch) => batch.at > at)
    const buffer = Buffer.allocUnsafe(next ? Math.min(most, next.at - at) : most)
    const file = await this.#file
    const { bytesRead = 0 } = (await file?.read(buffer, 0, buffer.byteLength, at)) ?? {}
    return buffer.subarray(0, bytesRead)
  }

  close(): Promise<void> {
    this.#closing ??= this.#give()
    return this.#closing
  }

  async #give(): Promise<void> {
    await Promise.allSettled(this.#batches.map(({ written }) => written))
    for (const { release } of this.#batches.splice(0)) release()
    const file = await this.#file?.catch(() => undefined)
    await file?.close().catch(() => {})
    this.#release()
  }
}
