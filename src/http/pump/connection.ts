/** One connection: reads into a few buffers, writes without a copy, and notices silence. */

import { connect as connectPlain, isIP, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'
import { NetworkError } from '../../core/errors.ts'
import { hostWithPort } from '../failure.ts'
import { hearLastWords } from '../last-words.ts'
import { Ring } from './ring.ts'

export interface ConnectOptions {
  readonly insecure?: boolean | undefined
  readonly secureContext?: SecureContext | undefined
  readonly shared?: boolean | undefined
  /** Absent: as always. */
  readonly lookup?: LookupFunction | undefined
  /** Milliseconds until the connection must stand. */
  readonly connectTimeout: number
}

/** How long the other side may be silent, and the error when it is silent longer. */
export interface Patience {
  /** Milliseconds. */
  readonly idle: number
  readonly error: () => Error
}

/** Milliseconds of silence until the system asks whether the other machine still lives; it gives up ten seconds later. */
const PROBE_AFTER = 50_000

export class Connection {
  /** This connection has carried a request before. */
  reused = false
  /** A byte of the answer to the current request has arrived. */
  answered = false
  /** The other side has closed or broken it. */
  closed = false
  /** With the port. */
  readonly host: string
  readonly #socket: Socket
  readonly #ring: Ring
  #failure: unknown
  #ended = false
  #waiting: { resolve(bytes: Uint8Array | undefined): void; reject(error: unknown): void } | undefined
  #patience: Patience | undefined
  #onSilence: (() => void) | undefined
  /** Set while it lies idle: it broke, or the server said something unasked. */
  #onGone: (() => void) | undefined

  private constructor(host: string, socket: Socket, ring: Ring) {
    this.host = host
    this.#socket = socket
    this.#ring = ring
    hearLastWords(socket)
    socket.on('end', () => {
      this.closed = true
      this.#ended = true
      this.#wake()
    })
    socket.on('error', (error) => this.#onBroken(error))
    socket.on('close', () => this.#onBroken(this.ended()))
    socket.on('timeout', () => this.#onSilence?.())
  }

  /** Resolves when the connection stands, with TLS where the URL says so. Rejects with what the socket failed with. */
  static open(url: URL, options: ConnectOptions): { connection: Connection; ready: Promise<void> } {
    const secure = url.protocol === 'https:'
    const ring = new Ring({ shared: options.shared, gather: secure })
    const host = url.hostname.replace(/^\[|\]$/g, '')
    let came = () => {}
    const common = {
      host,
      port: Number(url.port || (secure ? 443 : 80)),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_AFTER,
      ...(options.lookup ? { lookup: options.lookup } : {}),
      onread: {
        buffer: () => ring.arm(),
        callback(count: number) {
          const more = ring.fill(count)
          came()
          return more
        },
      },
    }
    const socket = secure
      ? connectTls({
          ...common,
          ...(isIP(host) ? {} : { servername: host }),
          ALPNProtocols: ['http/1.1'],
          rejectUnauthorized: !options.insecure,
          ...(options.secureContext ? { secureContext: options.secureContext } : {}),
        })
      : connectPlain(common)
    const made = new Connection(hostWithPort(url), socket, ring)
    came = secure ? soon(() => made.#wake()) : () => made.#wake()
    const ready = new Promise<void>((resolve, reject) => {
      const tooLate = () => made.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }))
      const timer = setTimeout(tooLate, options.connectTimeout)
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer)
        socket.off('close', failed)
        resolve()
      })
      const failed = () => {
        clearTimeout(timer)
        reject(made.#failure)
      }
      socket.once('close', failed)
    })
    return { connection: made, ready }
  }

  /** False where nothing can be asked of it any more. */
  get usable(): boolean {
    return !this.#ended && this.#failure === undefined && this.#socket.writable
  }

  /** True where every byte that arrived was taken. */
  get drained(): boolean {
    return this.#ring.empty
  }

  /** The next bytes, at least one; undefined at the end. Valid until the next call. Rejects with the error that broke the connection. */
  take(): Promise<Uint8Array | undefined> {
    const bytes = this.#ring.shift()
    this.#readOn()
    if (bytes) {
      this.answered = true
      return Promise.resolve(bytes)
    }
    if (this.#ended) return Promise.resolve(undefined)
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      if (this.#patience) this.#listen(this.#patience)
    })
  }

  /** Gives back bytes that belong to the next message. */
  putBack(bytes: Uint8Array): void {
    this.#ring.unshift(bytes)
  }

  /** From now on silence breaks the connection while `take` is waiting. */
  expect(patience: Patience): void {
    this.#patience = patience
    if (this.#waiting) this.#listen(patience)
  }

  /** Resolves when the kernel has all bytes. Until then the buffers must not be reused. */
  write(pieces: readonly Uint8Array[], patience: Patience): Promise<void> {
    const socket = this.#socket
    return new Promise((resolve, reject) => {
      const last = pieces.length - 1
      if (last > 0) socket.cork()
      for (const [index, piece] of pieces.entries()) {
        if (index < last) socket.write(piece)
        else
          socket.write(piece, (error) => {
            if (error) return reject(this.#failure ?? error)
            this.#listen(this.#waiting && this.#patience)
            return resolve()
          })
      }
      if (last > 0) socket.uncork()
      if (socket.writableLength > 0) this.#listen(patience)
    })
  }

  /** The answer is over. Its reader may still hold the last bytes, so their buffer is not reused. */
  finish(): void {
    this.#ring.retire()
    this.#patience = undefined
    this.#listen(undefined)
  }

  /** Stays open without a request for at most `keep` milliseconds; `gone` is called when the connection ends. */
  park(keep: number, gone: () => void): void {
    this.reused = true
    this.answered = false
    this.#onGone = gone
    this.#socket.unref()
    this.#socket.setTimeout(keep)
    this.#onSilence = () => this.#wake()
  }

  unpark(): void {
    this.#onGone = undefined
    this.#listen(undefined)
    this.#socket.ref()
  }

  /** Closes at once. A waiting `take` rejects with `error`; bytes that were not taken are thrown away. */
  destroy(error?: Error): void {
    this.#failure ??= error ?? this.ended()
    this.#ended = false
    this.#ring.clear()
    this.#socket.destroy()
    this.#wake()
  }

  /** What to throw where the other side has closed the connection. */
  ended(): NetworkError {
    return new NetworkError(`connection closed by ${this.host}`)
  }

  #onBroken(error: Error): void {
    if (this.#failure === undefined) this.closed = true
    this.#failure ??= error
    this.#wake()
  }

  /** The socket's own timer is used, as it knows of a long write that makes progress. */
  #listen(patience: Patience | undefined): void {
    this.#socket.setTimeout(patience?.idle ?? 0)
    this.#onSilence = patience && (() => this.destroy(patience.error()))
  }

  #readOn(): void {
    if (this.#ring.room) this.#socket.resume()
  }

  #wake(): void {
    if (this.#onGone) {
      const gone = this.#onGone
      this.#onGone = undefined
      this.destroy()
      gone()
      return
    }
    const waiting = this.#waiting
    if (!waiting) return
    const bytes = this.#ring.shift()
    if (!bytes && !this.#ended && this.#failure === undefined) return
    this.#waiting = undefined
    if (this.#patience) this.#listen(undefined)
    if (bytes) {
      this.answered = true
      waiting.resolve(bytes)
    } else if (this.#ended) waiting.resolve(undefined)
    else waiting.reject(this.#failure)
  }
}

/** Calls `act` once for all calls in one turn of the event loop. TLS delivers 16 KiB at a time, and each chunk costs its way through the program. */
function soon(act: () => void): () => void {
  let waiting = false
  return () => {
    if (waiting) return
    waiting = true
    setImmediate(() => {
      waiting = false
      act()
    })
  }
}
