/** Where the bytes of blobs are kept while they are copied, for readers that each have a pace of their own: bounded in sum. */

import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Held } from '../../../core/held.ts'
import { Buffers, PIECE, Reads } from './buffers.ts'
import { Room } from './room.ts'

export interface Spool {
  /** The bytes that follow those before; they are copied. */
  write(bytes: Uint8Array): Promise<void>
  /** At most `most` bytes from `at` on, of those that were written. */
  read(at: number, most: number): Promise<Held>
  /** The bytes can be had elsewhere, too: they may go where others need the room. */
  settle(): void
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

/** What spools share. */
interface Shared {
  readonly buffers: Buffers
  readonly disk: Room
  /** Those whose bytes can be had elsewhere, the first of them first. */
  readonly settled: Set<Spool>
  readonly reads: Reads
  newFile(): Promise<FileHandle>
}

/** Files stand in `directory`, which is emptied first: what another process has left there is of no use. */
export function createSpools(directory: string, limits: SpoolLimits): Spools {
  let ready: Promise<unknown> | undefined
  let last = 0

  const shared: Shared = {
    buffers: new Buffers(limits.memory),
    disk: new Room(limits.disk),
    settled: new Set(),
    reads: new Reads(),
    async newFile() {
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
    },
  }

  return {
    open(size) {
      return whereRoom(shared, () => (shared.disk.take(size) ? new BlobSpool(size, shared) : undefined))
    },
    async close() {
      if (ready) await rm(directory, { recursive: true, force: true })
    },
  }
}

/** What `take` gives; where it has no room, settled spools are closed until it has. */
function whereRoom<T>({ settled }: Shared, take: () => T | undefined): T | undefined {
  for (;;) {
    const taken = take()
    const [oldest] = settled
    if (taken !== undefined || !oldest) return taken
    void oldest.close()
  }
}

interface Batch {
  readonly at: number
  readonly buffer: Buffer
  filled: number
  /** How many read it or write it to the file. */
  users: number
  isReusable: boolean
  /** It is kept here no more: the last user gives its memory back. */
  isOut: boolean
}

/** The bytes of one blob: in memory while there is room, and otherwise in a file, the first ones first. */
class BlobSpool implements Spool {
  readonly #size: number
  readonly #shared: Shared
  /** One after the other, the newest last. */
  readonly #batches: Batch[] = []
  #end = 0
  #file: Promise<FileHandle> | undefined
  #closing: Promise<void> | undefined

  constructor(size: number, shared: Shared) {
    this.#size = size
    this.#shared = shared
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const batch = this.#newest() ?? (await this.#spill())
      if (this.#closing) throw closed()
      if (!batch) {
        // No memory is free: the disk sets the pace.
        await this.#toFile(bytes.subarray(done), this.#end)
        this.#end += bytes.byteLength - done
        return
      }
      const part = bytes.subarray(done, done + batch.buffer.byteLength - batch.filled)
      batch.buffer.set(part, batch.filled)
      batch.filled += part.byteLength
      this.#end += part.byteLength
      done += part.byteLength
    }
  }

  /** The batch that has room: a new one where memory is free. */
  #newest(): Batch | undefined {
    const newest = this.#batches.at(-1)
    if (newest && newest.filled < newest.buffer.byteLength) return newest
    const size = Math.min(PIECE, this.#size - this.#end)
    const buffer = size > 0 ? whereRoom(this.#shared, () => this.#shared.buffers.take(size)) : undefined
    if (!buffer) return undefined
    const batch = { at: this.#end, buffer, filled: 0, users: 0, isReusable: true, isOut: false }
    this.#batches.push(batch)
    return batch
  }

  /** Moves the oldest batch to the file, and takes its memory for what comes next. */
  async #spill(): Promise<Batch | undefined> {
    const [oldest] = this.#batches
    if (!oldest) return undefined
    oldest.users += 1
    try {
      await this.#toFile(oldest.buffer.subarray(0, oldest.filled), oldest.at)
    } finally {
      this.#leave(oldest, true)
    }
    if (this.#batches[0] === oldest) this.#batches.shift()
    this.#drop(oldest)
    return this.#closing ? undefined : this.#newest()
  }

  async #toFile(bytes: Uint8Array, at: number): Promise<void> {
    this.#file ??= this.#shared.newFile()
    const file = await this.#file
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, at + done)
      done += bytesWritten
    }
  }

  async read(at: number, most: number): Promise<Held> {
    if (this.#closing) throw closed()
    const batch = this.#batches.findLast((one) => one.at <= at)
    if (batch && at < batch.at + batch.filled) return this.#held(batch, at - batch.at, most)
    // What is still in memory is not in the file.
    const next = this.#batches.find((one) => one.at > at)
    const { reads } = this.#shared
    const buffer = reads.take()
    try {
      const length = Math.min(most, buffer.byteLength, next ? next.at - at : most)
      const { bytesRead = 0 } = (await (await this.#file)?.read(buffer, 0, length, at)) ?? {}
      return { bytes: buffer.subarray(0, bytesRead), release: (reusable) => reads.give(buffer, reusable) }
    } catch (error) {
      reads.give(buffer, false)
      throw error
    }
  }

  #held(batch: Batch, from: number, most: number): Held {
    batch.users += 1
    const bytes = batch.buffer.subarray(from, Math.min(from + most, batch.filled))
    return { bytes, release: (reusable) => this.#leave(batch, reusable) }
  }

  #leave(batch: Batch, reusable: boolean): void {
    batch.users -= 1
    batch.isReusable &&= reusable
    if (batch.isOut && batch.users === 0) this.#shared.buffers.give(batch.buffer, batch.isReusable)
  }

  #drop(batch: Batch): void {
    if (batch.isOut) return
    batch.isOut = true
    if (batch.users === 0) this.#shared.buffers.give(batch.buffer, batch.isReusable)
  }

  settle(): void {
    if (!this.#closing) this.#shared.settled.add(this)
  }

  close(): Promise<void> {
    this.#closing ??= this.#give()
    return this.#closing
  }

  async #give(): Promise<void> {
    this.#shared.settled.delete(this)
    this.#shared.disk.give(this.#size)
    for (const batch of this.#batches.splice(0)) this.#drop(batch)
    const file = await this.#file?.catch(() => undefined)
    await file?.close().catch(() => {})
  }
}

function closed(): Error {
  return new Error('the spool is closed')
}
