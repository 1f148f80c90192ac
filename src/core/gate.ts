/** The gate that bytes of a run pass: a pause closes it, and everything that moves them waits. */

import { abortReason, after } from './cancel.ts'
import { PausedError } from './errors.ts'

export interface Gate {
  readonly closed: boolean
  /** Returns at once where it is open. Rejects with the signal's reason. */
  pass(signal: AbortSignal): Promise<void>
  /** Fire when the gate has been closed for so long that connections are to be let go; they are opened again after `pass`. New ones each
   *  time the gate opens. */
  readonly letGo: { readonly reading: AbortSignal; readonly writing: AbortSignal }
}

/** Milliseconds from the closing of the gate. */
export interface Grace {
  readonly reading: number
  readonly writing: number
}

/** The side of its owner. */
export interface GateControl extends Gate {
  close(): void
  open(): void
}

/** A server goes on sending until the buffers of both systems are full, which are megabytes; reading again from any byte costs a request. An
 *  upload sends nothing of its own accord, and some registries drop one whose connection ends: it is kept for as long as the server will. */
const GRACE: Grace = { reading: 500, writing: 10 * 60_000 }

export function createGate(grace = GRACE): GateControl {
  let opened = Promise.resolve()
  let open: (() => void) | undefined
  const reading = lettingGo(grace.reading)
  const writing = lettingGo(grace.writing)
  return {
    get closed() {
      return open !== undefined
    },
    get letGo() {
      return { reading: reading.signal, writing: writing.signal }
    },
    close() {
      if (open) return
      opened = new Promise((resolve) => {
        open = resolve
      })
      reading.arm()
      writing.arm()
    },
    open() {
      if (!open) return
      reading.disarm()
      writing.disarm()
      open()
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

interface LettingGo {
  readonly signal: AbortSignal
  arm(): void
  disarm(): void
}

function lettingGo(grace: number): LettingGo {
  let controller = new AbortController()
  let stop: (() => void) | undefined
  return {
    get signal() {
      return controller.signal
    },
    arm() {
      stop = after(grace, () => controller.abort(new PausedError('paused')), true)
    },
    disarm() {
      stop?.()
      if (controller.signal.aborted) controller = new AbortController()
    },
  }
}
