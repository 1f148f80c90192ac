/** Reads a blob's stream in parts of known length, each of which can be read again. */

import { LARGEST_CHUNK, type Pass, type Passing, withPass } from '../../../core/carrier.ts'
import type { Bytes, OpenBlob } from '../../../core/content.ts'
import type { Descriptor } from '../../../core/descriptor.ts'
import { CancelledError, IntegrityError, NetworkError } from '../../../core/errors.ts'

/** One stream serves all parts that are read in a row.
 *
 *  A stream belongs to one reader at a time. `close`, and a `read` that begins before the previous one has ended, take the stream away from its
 *  reader and close it. That reader fails at its next step instead of ending, and no longer changes anything here. A byte that an abandoned
 *  request has taken is read again for the next one. */
export class BlobParts {
  /** The end of the furthest byte that may have been handed out: the registry cannot have more. */
  sent = 0
  readonly #blob: Descriptor
  readonly #open: OpenBlob
  readonly #run: AbortSignal
  #stream: PartStream | undefined
  #failure: unknown

  /** `run`: the signal that ends every stream. */
  constructor(blob: Descriptor, open: OpenBlob, run: AbortSignal) {
    this.#blob = blob
    this.#open = open
    this.#run = run
  }

  /** `length` bytes from `start` on. The blob's last bytes are held back until its stream has ended well, so that a registry never
   *  gets the whole of a blob that is wrong. */
  read(start: number, length: number): Bytes {
    const part: Part = { left: length, stream: undefined }
    return withPass(this.#chunks(part, start, length), (order) => this.#pass(part, order))
  }

  async *#chunks(part: Part, start: number, length: number): AsyncGenerator<Uint8Array> {
    const stream = await this.#streamAt(start)
    part.stream = stream
    try {
      while (part.left > 0) {
        const chunk = await this.#next(stream, part.left)
        if (!chunk) {
          const { digest, size } = this.#blob
          throw this.#fail(
            stream,
            new NetworkError(`the stream of ${digest} ended at ${stream.position} of ${size} bytes`),
          )
        }
        part.left -= chunk.byteLength
        const isLast = part.left === 0 && start + length === this.#blob.size
        if (isLast) await this.#expectEnd(stream)
        this.#advance(stream, chunk.byteLength)
        // A reader that has all its bytes may never ask again.
        stream.isRead = part.left > 0
        if (isLast) this.#drop(stream)
        yield chunk
      }
    } finally {
      if (stream.isRead) this.#drop(stream)
    }
  }

  async #pass(part: Part, order: Passing): Promise<number> {
    const { stream } = part
    if (!stream || this.#stream !== stream || stream.rest) return 0
    const { sent } = this
    // A pass that is given up does not tell how far it came. Until it ends, the registry may have all of it.
    this.sent = Math.max(sent, Math.min(stream.position + order.limit + LARGEST_CHUNK, this.#blob.size))
    const passed = (await stream.pass?.(order)) ?? 0
    if (passed > 0 && this.#stream === stream) this.sent = sent
    part.left -= passed
    this.#advance(stream, passed)
    return passed
  }

  #advance(stream: PartStream, count: number): void {
    stream.position += count
    this.sent = Math.max(this.sent, stream.position)
  }

  /** `length` bytes from `start` on, copied. */
  async readWhole(start: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafe(length)
    let filled = 0
    for await (const chunk of this.read(start, length)) {
      bytes.set(chunk, filled)
      filled += chunk.byteLength
    }
    // The rest of the buffer may hold anything this process had in memory.
    if (filled !== length) throw new TypeError(`${filled} of ${length} bytes were read`)
    return bytes
  }

  /** Opens the stream of a blob of no bytes and checks that it has none. */
  async expectEmpty(): Promise<void> {
    await this.#expectEnd(await this.#streamAt(0))
  }

  /** True while a stream, and with it a request to the source, is open. */
  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  /** The stream's own failure since the last call, if any: then the request failed because of it. */
  takeFailure(): unknown {
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }

  /** Gives up the open stream, even while it is being read. The next part opens a new one. */
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
    const stop = linkedTo(this.#run)
    const stream: PartStream = {
      position: offset,
      isRead: true,
      isOver: false,
      bytes: undefined,
      pass: undefined,
      rest: undefined,
      stop,
    }
    this.#stream = stream
    try {
      const opened = await this.#open(offset, stop.signal)
      stream.bytes = opened[Symbol.asyncIterator]()
      stream.pass = opened.pass
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
        stream.isOver = !result || result.done === true
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

  /** A failure of a stream that was given up is ignored. */
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

/** A part that is being read. */
interface Part {
  /** Bytes that are still to be read. */
  left: number
  /** Undefined until the first of them is asked for. */
  stream: PartStream | undefined
}

interface PartStream {
  /** The next byte's offset in the blob. */
  position: number
  /** A reader owns it. */
  isRead: boolean
  /** All its bytes have been read. */
  isOver: boolean
  /** Undefined until the stream is open. */
  bytes: AsyncIterator<Uint8Array> | undefined
  pass: Pass | undefined
  /** The end of the last chunk, which belongs to the next part. */
  rest: Uint8Array | undefined
  readonly stop: Stop
}

/** Does not wait for a stream that hangs. The signal ends its request at once; a generator that waits for bytes would notice `return` only after
 *  they have come. */
function end(stream: PartStream): void {
  stream.rest = undefined
  if (stream.isOver) stream.stop.unlink()
  else stream.stop.abort()
  stream.bytes?.return?.().catch(() => {})
}

interface Stop {
  readonly signal: AbortSignal
  abort(): void
  unlink(): void
}

/** A signal that fires when `run` does, or when it is told to. Call `abort` or `unlink` in the end. */
function linkedTo(run: AbortSignal): Stop {
  const controller = new AbortController()
  const follow = (): void => controller.abort(run.reason)
  const unlink = (): void => run.removeEventListener('abort', follow)
  run.addEventListener('abort', follow, { once: true })
  if (run.aborted) follow()
  return {
    signal: controller.signal,
    unlink,
    abort() {
      unlink()
      // Not a failure to retry.
      controller.abort(new CancelledError(GIVEN_UP, 1))
    },
  }
}

const GIVEN_UP = 'the request that wanted these bytes was given up'

function givenUp(): NetworkError {
  return new NetworkError(GIVEN_UP)
}
