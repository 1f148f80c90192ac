/** Slots for blob streams: a bounded number at once, shared fairly between tasks. */

import { abortReason } from '../core/cancel.ts'

interface Waiter {
  readonly grant: () => void
}

/** Taken round robin between owners, so that a task of a thousand blobs cannot starve a task of one. */
export class Slots {
  #free: number
  readonly #queues = new Map<unknown, Waiter[]>()

  constructor(count: number) {
    this.#free = count
  }

  /** Waits for a slot, runs `work`, gives the slot back. `owner` shares fairly with other owners: a task. */
  async use<T>(owner: unknown, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(owner, signal)
    try {
      return await work()
    } finally {
      this.#give()
    }
  }

  async #take(owner: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw abortReason(signal)
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const queue = this.#queues.get(owner) ?? []
      const onAbort = (): void => {
        queue.splice(queue.indexOf(waiter), 1)
        if (queue.length === 0) this.#queues.delete(owner)
        reject(abortReason(signal))
      }
      const waiter: Waiter = {
        grant: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      queue.push(waiter)
      this.#queues.set(owner, queue)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  #give(): void {
    for (const [owner, queue] of this.#queues) {
      const waiter = queue.shift()
      // An owner that was served goes to the end of the round.
      this.#queues.delete(owner)
      if (queue.length > 0) this.#queues.set(owner, queue)
      if (waiter) {
        waiter.grant()
        return
      }
    }
    this.#free += 1
  }
}
