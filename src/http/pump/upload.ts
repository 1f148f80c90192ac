/** Sends a request with a body from a source, and listens meanwhile: the answer may come before the body is sent. */

import { NetworkError } from '../../core/errors.ts'
import type { BodySource } from '../../core/http.ts'
import type { Connection, Patience } from './connection.ts'

export class Upload {
  readonly size: number
  /** A byte of it went out: it cannot be sent again from here. */
  begun = false
  readonly #source: BodySource
  #bytes: AsyncIterator<Uint8Array> | undefined
  #first: Promise<IteratorResult<Uint8Array>> | undefined

  constructor(source: BodySource) {
    this.#source = source
    this.size = source.size
  }

  /** True where all was sent; false where `answer` settled before. Throws what the source threw or the connection broke with. */
  async send(head: Uint8Array, connection: Connection, answer: Promise<unknown>, patience: Patience): Promise<boolean> {
    const early = listen(answer)
    this.#first ??= this.#open()
    let next = await early.or(this.#first)
    if (next === undefined) return false
    // An idle connection may have been closed while the source was opened. Nothing was sent, so the caller takes another one.
    if (!connection.usable) throw connection.ended()
    if (next.done && this.size > 0) throw wrongLength()
    this.begun = true
    if (next.done) await early.or(connection.write([head], patience))
    for (let sent = 0; !next.done; ) {
      const { value } = next
      if (sent + value.byteLength > this.size) throw wrongLength()
      const written = connection.write(sent === 0 ? [head, value] : [value], patience)
      if ((await early.or(written.then(() => true))) === undefined) return false
      sent += value.byteLength
      next = await early.or(this.#next())
      if (next === undefined) return sent === this.size
      if (next.done && sent < this.size) throw wrongLength()
    }
    return true
  }

  /** Not awaited: a source that hangs would hold up the request that gives up on it. */
  close(): void {
    this.#bytes?.return?.().catch(() => {})
    this.#bytes = undefined
  }

  async #open(): Promise<IteratorResult<Uint8Array>> {
    this.#bytes = (await this.#source.open())[Symbol.asyncIterator]()
    return this.#next()
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      const next = await this.#bytes?.next()
      if (!next) return { done: true, value: undefined }
      if (next.done || next.value.byteLength > 0) return next
    }
  }
}

interface Early {
  /** What `work` gives; undefined where the answer came before or with it. */
  or<T>(work: Promise<T>): Promise<T | undefined>
}

/** One reaction to the answer serves all waits. `Promise.race` would add one for each wait and keep it until the answer comes. */
function listen(answer: Promise<unknown>): Early {
  let settled = false
  let wake: (() => void) | undefined
  const settle = () => {
    settled = true
    wake?.()
  }
  answer.then(settle, settle)
  return {
    or(work) {
      return new Promise((resolve, reject) => {
        if (settled) {
          work.catch(() => {})
          return resolve(undefined)
        }
        wake = () => resolve(undefined)
        work.then(resolve, reject)
        return undefined
      })
    },
  }
}

function wrongLength(): NetworkError {
  return new NetworkError('the body to send does not have the length that was announced')
}
