/** A gate for blobs: closing it lets those in flight end and holds the next ones. */

import { abortReason } from '../core/cancel.ts'

export interface Gate {
  readonly closed: boolean
  /** Fulfilled while it is open, and when it is opened again. */
  readonly opened: Promise<void>
  close(): void
  open(): void
  /** Returns at once where it is open. Rejects with the signal's reason. */
  pass(signal: AbortSignal): Promise<void>
}

export function createGate(): Gate {
  let opened = Promise.resolve()
  let open: (() => void) | undefined
  return {
    get closed() {
      return open !== undefined
    },
    get opened() {
      return opened
    },
    close() {
      if (open) return
      opened = new Promise((resolve) => {
        open = resolve
      })
    },
    open() {
      open?.()
      open = undefined
    },
    async pass(signal) {
      // It may have been closed again before this waiter was woken.
      while (open) await untilOpen(opened, signal)
    },
  }
}

function untilOpen(opened: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(abortReason(signal))
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    void opened.then(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
  })
}
