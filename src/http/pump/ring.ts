/** A few large buffers that a connection fills again and again while its reader works on another. */

/** What most answers fit into. A body that fills a buffer gets one four times as large next: each costs time to make, and very many
 *  connections carry nothing large. */
const SMALL = 16 * 1024
const GROWTH = 4
/** The most that one read takes. Each read costs the program more than its bytes do. */
const LARGE = 512 * 1024
/** Where a buffer is filled by several reads. */
const LARGE_GATHERED = 256 * 1024
const COUNT = 4

interface Filled {
  readonly bytes: Uint8Array
  /** The buffer behind it, to be used again; undefined where someone may hold it longer. */
  readonly buffer: Uint8Array | undefined
}

export interface RingOptions {
  /** The buffers are shared with other threads. Passing one on costs the same whatever it holds, so several reads fill it. */
  readonly shared?: boolean | undefined
  /** Each read brings little, as those of TLS do: a buffer is filled by several. */
  readonly gather?: boolean | undefined
}

/** The result of `shift` is valid until the next `shift`, which reuses its buffer. */
export class Ring {
  readonly #shared: boolean
  readonly #gather: boolean
  readonly #free: Uint8Array[] = []
  readonly #filled: Filled[] = []
  #made = 0
  #size = SMALL
  /** The buffer that is filled next or now. */
  #armed: Uint8Array | undefined
  /** How much of it is filled, and how much of that `shift` has given. */
  #length = 0
  #given = 0
  #held: Uint8Array | undefined
  #rest: Uint8Array | undefined
  /** The part of the armed buffer that was given out must not be overwritten. */
  #retired = false

  constructor({ shared = false, gather = false }: RingOptions) {
    this.#shared = shared
    this.#gather = shared || gather
  }

  /** What the socket reads into next; the same until it was `fill`ed. */
  arm(): Uint8Array {
    const buffer = this.#buffer()
    return this.#length === 0 ? buffer : buffer.subarray(this.#length)
  }

  /** The socket has read `count` bytes. False: it must stop until `room`, as it will ask for the last buffer. */
  fill(count: number): boolean {
    const buffer = this.#buffer()
    this.#length += count
    if (this.#length === buffer.byteLength) this.#grow()
    else if (this.#gather && this.#length * 2 < buffer.byteLength) return true
    this.#finish()
    return this.#available > 1
  }

  /** The next bytes; undefined if none have arrived yet. */
  shift(): Uint8Array | undefined {
    if (this.#rest) {
      const rest = this.#rest
      this.#rest = undefined
      return rest
    }
    if (this.#held) this.#free.push(this.#held)
    this.#held = undefined
    const next = this.#filled.shift()
    if (next) {
      this.#held = next.buffer
      return next.bytes
    }
    if (!this.#armed || this.#given === this.#length) return undefined
    // The rest of the buffer is filled meanwhile.
    const bytes = this.#armed.subarray(this.#given, this.#length)
    this.#given = this.#length
    return bytes
  }

  /** Gives back the end of what `shift` gave. */
  unshift(rest: Uint8Array): void {
    if (rest.byteLength > 0) this.#rest = rest
  }

  /** The buffer of what `shift` gave last is never used again: someone may hold it longer. */
  retire(): void {
    if (this.#given > 0) this.#retired = true
    if (!this.#held) return
    this.#held = undefined
    this.#made -= 1
  }

  get empty(): boolean {
    return !this.#rest && this.#filled.length === 0 && this.#length === this.#given
  }

  /** True where a buffer is free to read into. */
  get room(): boolean {
    return this.#available > 0
  }

  clear(): void {
    this.#rest = undefined
    this.#given = this.#length
    this.#filled.length = 0
  }

  #finish(): void {
    const buffer = this.#buffer()
    const bytes = buffer.subarray(this.#given, this.#length)
    this.#filled.push({ bytes, buffer: this.#retired ? undefined : buffer })
    if (this.#retired) this.#made -= 1
    this.#armed = undefined
    this.#length = 0
    this.#given = 0
    this.#retired = false
  }

  get #available(): number {
    return this.#free.length + COUNT - this.#made
  }

  #grow(): void {
    this.#size = Math.min(this.#size * GROWTH, this.#gather ? LARGE_GATHERED : LARGE)
  }

  #buffer(): Uint8Array {
    this.#armed ??= this.#take()
    return this.#armed
  }

  #take(): Uint8Array {
    for (let free = this.#free.pop(); free; free = this.#free.pop()) {
      if (free.byteLength === this.#size) return free
      this.#made -= 1
    }
    this.#made += 1
    return this.#shared ? new Uint8Array(new SharedArrayBuffer(this.#size)) : Buffer.allocUnsafeSlow(this.#size)
  }
}
