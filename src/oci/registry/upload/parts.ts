/** Reads a blob's stream in parts of known length, each of which can be read again. */

import type { Bytes, OpenBlob } from '../../../core/content.ts'
import type { Descriptor } from '../../../core/descriptor.ts'
import { IntegrityError, NetworkError } from '../../../core/errors.ts'

/** One stream serves all parts that are read in a row.
 *
 *  A stream belongs to one reader at a time. `close`, and a `read` that begins before the one before it has ended, take the stream away
 *  from its reader and close it: that reader fails at its next step, is never taken for complete, and changes nothing here any more. So a
 *  byte that an abandoned request has taken is read again for the next one. */
export class BlobParts {
  /** How far the blob was handed out at most, in bytes: no registry can hold more. */
  sent = 0
  readonly #blob: Descriptor
  readonly #open: OpenBlob
  #stream: PartStream | undefined
  #failure: unknown

  constructor(blob: Descriptor, open: OpenBlob) {
    this.#blob = blob
    this.#open = open
  }

  /** `length` bytes from `start` on. The blob's last bytes are held back until its stream has ended well, so that a registry never
   *  gets the whole of a blob that is wrong. */
  async *read(start: number, length: number): Bytes {
    const stream = await this.#streamAt(start)
    try {
      for (let left = length; left > 0; ) {
        const chunk = await this.#next(stream, left)
        if (!chunk) {
          const { digest, size } = this.#blob
          throw this.#fail(
            stream,
            new NetworkError(`the stream of ${digest} ended at ${stream.position} of ${size} bytes`),
          )
        }
        left -= chunk.byteLength
        const isLast = left === 0 && start + length === this.#blob.size
        if (isLast) await this.#expectEnd(stream)
        stream.position += chunk.byteLength
        this.sent = Math.max(this.sent, stream.position)
        // A reader that has all its bytes may not ask again.
        stream.isRead = left > 0
        if (isLast) this.#drop(stream)
        yield chunk
      }
    } finally {
      if (stream.isRead) this.#drop(stream)
    }
  }

  /** `length` bytes from `start` on, in memory of their own. */
  async readWhole(start: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafe(length)
    let filled = 0
    for await (const chunk of this.read(start, length)) {
      bytes.set(chunk, filled)
      filled += chunk.byteLength
    }
    // What was not filled is memory of something else.
    if (filled !== length) throw new TypeError(`${filled} of ${length} bytes were read`)
    return bytes
  }

  /** Opens the stream of a blob of no bytes and checks that it has none. */
  async expectEmpty(): Promise<void> {
    await this.#expectEnd(await this.#streamAt(0))
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

  /** Gives up the open stream, also one that is being read. The next part opens another one. */
  close(): void {
    if (this.#stream) this.#drop(this.#stream)
  }

  /** The stream at `offset`, lent to one reader. */
  async #streamAt(offset: number): Promise<PartStream> {
    const open = this.#stream
    if (open && !open.isRead && open.position === offset) {
      open.isRead = true
      return open
    }
    this.close()
    const stream: PartStream = { position: offset, isRead: true, bytes: undefined, rest: undefined }
    this.#stream = stream
    try {
      stream.bytes = (await this.#open(offset))[Symbol.asyncIterator]()
    } catch (error) {
      throw this.#fail(stream, error)
    }
    if (this.#stream !== stream) end(stream)
    return stream
  }

  /** The next bytes, at least one and at most `most`; undefined at the end. */
  async #next(stream: PartStream, most: number): Promise<Uint8Array | undefined> {
    if (this.#stream !== stream) throw givenUp()
    let chunk = stream.rest
    try {
      while (!chunk || chunk.byteLength === 0) {
        const result = await stream.bytes?.next()
        if (this.#stream !== stream) throw givenUp()
        if (!result || result.done) return undefined
        chunk = result.value
      }
    } catch (error) {
      throw this.#fail(stream, error)
    }
    stream.rest = chunk.byteLength > most ? chunk.subarray(most) : undefined
    return stream.rest ? chunk.subarray(0, most) : chunk
  }

  async #expectEnd(stream: PartStream): Promise<void> {
    if (!(await this.#next(stream, 1))) return
    const { digest, size } = this.#blob
    throw this.#fail(stream, new IntegrityError(`${digest} is longer than its ${size} bytes`))
  }

  /** What a stream fails with after it was given up concerns no one. */
  #fail(stream: PartStream, error: unknown): unknown {
    if (this.#stream === stream) this.#failure = error
    this.#drop(stream)
    return error
  }

  #drop(stream: PartStream): void {
    if (this.#stream === stream) this.#stream = undefined
    end(stream)
  }
}

interface PartStream {
  /** Where the next byte stands in the blob. */
  position: number
  /** A reader has it. */
  isRead: boolean
  /** Undefined until it is open. */
  bytes: AsyncIterator<Uint8Array> | undefined
  /** Of the chunk that came last, what the part before had no room for. */
  rest: Uint8Array | undefined
}

/** Not awaited: a stream that hangs would hold up the upload that gives up on it. */
function end(stream: PartStream): void {
  stream.rest = undefined
  stream.bytes?.return?.().catch(() => {})
}

function givenUp(): NetworkError {
  return new NetworkError('the request that wanted these bytes was given up')
}
