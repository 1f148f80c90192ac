/** Reads a blob at the pace of its source and of those who listen, while the destination is written from what they keep: a slow destination
 *  holds up no client. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Listener } from '../core/audience.ts'
import type { Bytes } from '../core/content.ts'
import { isBusy } from './busy.ts'
import type { BlobHash } from './stream.ts'

/** The source's bytes from `offset` on. */
export type OpenSource = (offset: number, signal: AbortSignal) => Promise<Bytes>

/** How far the destination stays behind where this process has all it can do, in bytes. */
const LAG = 512 * 1024 * 1024
/** How long it then waits each time, in milliseconds. */
const PAUSE = 10

interface Reading {
  /** Fires with the failure of the source. */
  readonly failed: AbortSignal
  /** Resolves at the end of the blob, or where its bytes are not kept. Rejects with the failure. */
  readonly done: Promise<void>
}

/** Owned by one attempt to write the blob, which ends it. */
export class Ahead {
  readonly #size: number
  readonly #listener: Listener
  readonly #open: OpenSource
  readonly #stop: AbortController
  #reading: Reading | undefined
  /** How far the source was read. */
  #position = 0

  constructor(size: number, listener: Listener, open: OpenSource) {
    this.#size = size
    this.#listener = listener
    this.#open = open
    this.#stop = new AbortController()
  }

  /** Begins to read, before the destination asks for it where it is known to want all. */
  start(): Reading {
    this.#reading ??= this.#read()
    return this.#reading
  }

  /** For the destination, as often as it begins again. What is not kept is read from the source, at the destination's pace. */
  async *from(offset: number, signal: AbortSignal): Bytes {
    // The beginning was sent by an earlier run: the listener cannot keep the rest.
    if (!this.#reading && offset > 0) return yield* this.#behind(offset, signal)
    const { failed, done } = this.start()
    const waiting = AbortSignal.any([signal, failed])
    let at = offset
    while (at < this.#size) {
      while (!waiting.aborted && this.#mayLag(at) && isBusy()) await sleep(PAUSE)
      const held = await this.#listener.heard(at, waiting)
      if (!held) return yield* this.#behind(at, signal)
      at += held.bytes.byteLength
      let isTaken = false
      try {
        yield held.bytes
        isTaken = true
      } finally {
        held.release(isTaken)
      }
    }
    await done
  }

  /** Those who listen come first. */
  #mayLag(at: number): boolean {
    return this.#position < this.#size && this.#position - at < LAG
  }

  async *#behind(offset: number, signal: AbortSignal): Bytes {
    yield* overheard(await this.#open(offset, signal), offset, this.#listener)
  }

  /** Resolves when the source is not read any more. */
  async end(): Promise<void> {
    this.#stop.abort()
    await this.#reading?.done.catch(() => {})
  }

  #read(): Reading {
    const failed = new AbortController()
    const read = async (): Promise<void> => {
      const bytes = await this.#open(0, this.#stop.signal)
      this.#listener.begin(0)
      for await (const chunk of bytes) {
        if (!(await this.#listener.hear(chunk))) break
        this.#position += chunk.byteLength
      }
      // Nothing more is heard.
      this.#position = this.#size
    }
    const done = read()
    done.catch((error: unknown) => failed.abort(error))
    return { failed: failed.signal, done }
  }
}

/** The same bytes, which `listener` hears. `hash`: of what is heard, where another one checks the bytes. */
export function overheard(bytes: Bytes, offset: number, listener: Listener | undefined, hash?: BlobHash): Bytes {
  if (!listener) return bytes
  listener.begin(offset)
  return told(bytes, offset, listener, hash)
}

async function* told(bytes: Bytes, offset: number, listener: Listener, hash: BlobHash | undefined): Bytes {
  let at = offset
  for await (const chunk of bytes) {
    hash?.update(chunk, at)
    at += chunk.byteLength
    await listener.hear(chunk)
    yield chunk
  }
}
