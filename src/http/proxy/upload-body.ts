/** A request's body for undici: opened once the connection is established, watched while the server reads it, never copied. */

import type { Bytes } from '../../core/content.ts'
import type { BodySource } from '../../core/http.ts'

export interface UploadBody extends AsyncIterableIterator<Uint8Array> {
  /** Stops the watch. */
  finish(): void
}

/** `onIdle` is called when the server has taken no byte for `idle` milliseconds. A silent source has its own time limit. */
export function uploadBody(source: BodySource, idle: number, onIdle: () => void): UploadBody {
  let bytes: AsyncIterator<Uint8Array> | undefined
  let timer: NodeJS.Timeout | undefined
  let reading = false

  const finish = () => clearTimeout(timer)
  const check = () => {
    if (reading) timer?.refresh()
    else onIdle()
  }

  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      reading = true
      bytes ??= iterate(await source.open())
      const result = await bytes.next()
      reading = false
      if (result.done) finish()
      else if (timer) timer.refresh()
      else timer = setTimeout(check, idle)
      return result
    },
    async return() {
      finish()
      await bytes?.return?.()
      return { done: true, value: undefined }
    },
    finish,
  }
}

function iterate(bytes: Bytes): AsyncIterator<Uint8Array> {
  return bytes[Symbol.asyncIterator]()
}
