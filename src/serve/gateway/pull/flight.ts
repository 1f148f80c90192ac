/** One blob on its way from the source to the destination, followed by any number of clients, each at its own pace. */

import type { Listener } from '../../../core/audience.ts'
import type { Descriptor } from '../../../core/descriptor.ts'
import { NetworkError } from '../../../core/errors.ts'
import type { Held } from '../../../core/held.ts'
import type { Spool } from './spool.ts'
import { unlessAborted } from './waiting.ts'

/** How much is read at once, in bytes. */
const READ_BYTES = 256 * 1024

/** What one client has got of a flight: owned by its request. */
export interface Reader {
  /** The stream that its bytes are of; absent where it has none yet. Only one and the same stream is checked as a whole. */
  stream?: number
}

/** Owned by a pull. The run writes it; clients only read it. */
export class Flight implements Listener {
  readonly blob: Descriptor
  #state: 'waiting' | 'arrived' | 'failed' = 'waiting'
  #error: unknown
  #spool: Spool | undefined
  /** Counts what was begun from the first byte on, or given up. */
  #stream = 0
  /** The spool has all bytes before this one. */
  #end = 0
  /** Where the run's stream is. */
  #position = 0
  /** What is being written to the spool: one chunk after the other. Never rejects. */
  #keeping = Promise.resolve()
  #changed = Promise.withResolvers<void>()

  constructor(blob: Descriptor) {
    this.blob = blob
  }

  /** The destination has it: what is not in the spool is there. */
  get hasArrived(): boolean {
    return this.#state === 'arrived'
  }

  get isOver(): boolean {
    return this.#state !== 'waiting'
  }

  /** Bytes can be had before the blob has arrived. */
  get isLive(): boolean {
    return this.#spool !== undefined
  }

  /** The run begins to read it; without a spool clients wait until it has arrived. */
  listen(spool: Spool | undefined): Listener | undefined {
    if (!spool) return undefined
    void this.#spool?.close()
    this.#spool = spool
    this.#end = 0
    this.#stream += 1
    return this
  }

  begin(offset: number): void {
    this.#position = offset
    // The beginning was sent by an earlier run.
    if (offset > this.#end) void this.closeSpool()
  }

  async hear(chunk: Uint8Array): Promise<boolean> {
    const at = this.#position
    this.#position += chunk.byteLength
    const spool = this.#spool
    if (!spool) return false
    // A stream that was given up may still be writing what the next one reads again.
    this.#keeping = this.#keeping.then(() => this.#keep(chunk, at, spool))
    await this.#keeping
    return this.#spool !== undefined
  }

  async #keep(chunk: Uint8Array, at: number, spool: Spool): Promise<void> {
    const skipped = this.#end - at
    if (this.#spool !== spool || skipped >= chunk.byteLength) return
    try {
      await spool.write(chunk.subarray(skipped))
      if (this.#spool === spool) this.#end = at + chunk.byteLength
    } catch {
      // The disk is full, or the like: clients wait for the destination's copy.
      if (this.#spool === spool) await this.closeSpool()
    }
    this.#tell()
  }

  async heard(offset: number, signal: AbortSignal): Promise<Held | undefined> {
    while (this.#spool) {
      const held = await this.#fromSpool(offset)
      if (held) return held
      if (this.#spool) await unlessAborted(this.#changed.promise, signal)
    }
    return undefined
  }

  /** Bytes from `offset` on, once there are any. Undefined: the destination has them, and this has not. Throws why the blob did not arrive,
   *  or where what the reader has got is of a stream that was given up. */
  async read(offset: number, reader: Reader, signal: AbortSignal): Promise<Held | undefined> {
    for (;;) {
      this.#checkStream(reader)
      const held = await this.#fromSpool(offset)
      if (held) {
        reader.stream ??= this.#stream
        if (reader.stream === this.#stream) return held
        held.release(true)
        continue
      }
      if (this.#state === 'arrived') return undefined
      if (this.#state === 'failed') throw this.#error
      await unlessAborted(this.#changed.promise, signal)
    }
  }

  #checkStream({ stream }: Reader): void {
    if (stream === undefined || stream === this.#stream) return
    throw this.#error ?? new NetworkError(`blob ${this.blob.digest} is read once more, as its first reading failed`)
  }

  async #fromSpool(offset: number): Promise<Held | undefined> {
    const spool = this.#spool
    if (!spool || offset >= this.#end) return undefined
    try {
      const held = await spool.read(offset, Math.min(READ_BYTES, this.#end - offset))
      if (this.#spool === spool && held.bytes.byteLength > 0) return held
      held.release(true)
    } catch {
      // It was closed meanwhile, or cannot be read: the destination will have the bytes.
    }
    if (this.#spool === spool) await this.closeSpool()
    return undefined
  }

  /** Resolves once `read` need not wait. */
  async ready(offset: number, signal: AbortSignal): Promise<void> {
    while (!(this.#spool && offset < this.#end) && this.#state === 'waiting') {
      await unlessAborted(this.#changed.promise, signal)
    }
  }

  arrive(): void {
    this.#state = 'arrived'
    this.#spool?.settle()
    this.#tell()
  }

  fail(error: unknown): void {
    if (this.#state !== 'waiting') return
    this.#state = 'failed'
    this.#error = error
    this.#stream += 1
    void this.closeSpool()
    this.#tell()
  }

  /** From now on only the destination has its bytes. A read that is under way ends first. */
  async closeSpool(): Promise<void> {
    const spool = this.#spool
    this.#spool = undefined
    this.#tell()
    await spool?.close()
  }

  #tell(): void {
    const changed = this.#changed
    this.#changed = Promise.withResolvers()
    changed.resolve()
  }
}
