/** Reads a blob's stream in parts of known length, each of which can be read again. */

import type { Bytes, OpenBlob } from '../../../core/content.ts'
import type { Descriptor } from '../../../core/descriptor.ts'
import { IntegrityError, NetworkError } from '../../../core/errors.ts'

/** One stream serves all parts as long as they are read in a row; a part that is read again reopens it where that part begins. */
export class BlobParts {
  /** How far the blob was handed out at most, in bytes: no registry can hold more. */
  sent = 0
  readonly #blob: Descriptor
  readonly #open: OpenBlob
  #stream: AsyncIterator<Uint8Array> | undefined
  #position = 0
  #rest: Uint8Array | undefined
  #reader = 0
  #failure: unknown

  constructor(blob: Descriptor, open: OpenBlob) {
    this.#blob = blob
    this.#open = open
  }

  /** `length` bytes from `start` on. The blob's last bytes are held back until its stream has ended well, so that a registry never
   *  gets the whole of a blob that is wrong. */
  async *read(start: number, length: number): Bytes {
    this.#reader += 1
    const reader = this.#reader
    if (!this.#stream || this.#position !== start) await this.#reopen(start)
    for (let left = length; left > 0; ) {
      let chunk = await this.#next()
      if (reader !== this.#reader) return
      if (!chunk) {
        throw this.#fail(
          new NetworkError(`the stream of ${this.#blob.digest} ended at ${this.#position} of ${this.#blob.size} bytes`),
        )
      }
      if (chunk.byteLength > left) {
        this.#rest = chunk.subarray(left)
        chunk = chunk.subarray(0, left)
      }
      left -= chunk.byteLength
      if (left === 0 && start + length === this.#blob.size) await this.#expectEnd()
      this.#position += chunk.byteLength
      this.sent = Math.max(this.sent, this.#position)
      yield chunk
    }
  }

  /** A small blob, whole and at hand; its stream is over then. */
  async readAll(): Promise<Uint8Array> {
    const { size } = this.#blob
    const all = Buffer.allocUnsafe(size)
    let at = 0
    // `read` sees to length and end.
    for await (const chunk of this.read(0, size)) {
      all.set(chunk, at)
      at += chunk.byteLength
    }
    this.close()
    return all
  }

  /** Opens the stream of a blob of no bytes and sees that it has none. */
  async expectEmpty(): Promise<void> {
    await this.#reopen(0)
    await this.#expectEnd()
  }

  /** A stream of the source is open, and so is what that costs there. */
  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  /** What the stream itself failed with since the last call: the cause of any request that failed with it. */
  takeFailure(): unknown {
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }

  close(): void {
    const stream = this.#stream
    this.#stream = undefined
    this.#rest = undefined
    // Not awaited: a stream that hangs would hold up the upload that gives up on it.
    stream?.return?.().catch(() => {})
  }

  async #reopen(offset: number): Promise<void> {
    this.close()
    try {
      this.#stream = (await this.#open(offset))[Symbol.asyncIterator]()
    } catch (error) {
      throw this.#fail(error)
    }
    this.#position = offset
  }

  /** The next bytes, never none; undefined at the end. */
  async #next(): Promise<Uint8Array | undefined> {
    const rest = this.#rest
    this.#rest = undefined
    if (rest) return rest
    try {
      for (;;) {
        const result = await this.#stream?.next()
        if (!result || result.done) return undefined
        if (result.value.byteLength > 0) return result.value
      }
    } catch (error) {
      throw this.#fail(error)
    }
  }

  async #expectEnd(): Promise<void> {
    if (!(await this.#next())) return
    const { digest, size } = this.#blob
    throw this.#fail(new IntegrityError(`${digest} is longer than its ${size} bytes`))
  }

  #fail(error: unknown): unknown {
    this.#failure = error
    // The stream is of no more use; the next part opens a new one.
    this.close()
    return error
  }
}
