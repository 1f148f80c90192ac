/** Slots: a bounded number of works at once, shared fairly between their owners; blob streams between tasks, for one. */

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

  /** Waits for a slot, runs `work`, gives the slot back. `owner` shares fairly with other owners: a task. Once `urgent` is aborted, nothing is
   *  waited for: the work runs without a slot. */
  async use<T>(owner: unknown, signal: AbortSignal, work: () => Promise<T>, urgent?: AbortSignal): Promise<T> {
    if (urgent?.aborted || !(await this.#take(owner, signal, urgent))) return work()
    try {
      return await work()
    } finally {
      this.#give()
    }
  }

  /** False where `urgent` was aborted before a slot was free. */
  async #take(owner: unknown, signal: AbortSignal, urgent: AbortSignal | undefined): Promise<boolean> {
    if (signal.aborted) throw abortReason(signal)
    if (this.#free > 0) {
      this.#free -= 1
      return true
    }
    return new Promise<boolean>((resolve, reject) => {
      const queue = this.#queues.get(owner) ?? []
      const leave = (): void => {
        queue.splice(queue.indexOf(waiter), 1)
        if (queue.length === 0) this.#queues.delete(owner)
        forget()
      }
      const onAbort = (): void => {
        leave()
        reject(abortReason(signal))
      }
      const onUrgent = (): void => {
        leave()
        resolve(false)
      }
      const forget = (): void => {
        signal.removeEventListener('abort', onAbort)
        urgent?.removeEventListener('abort', onUrgent)
      }
      const waiter: Waiter = {
        grant: () => {
          forget()
          resolve(true)
        },
      }
      queue.push(waiter)
      this.#queues.set(owner, queue)
      signal.addEventListener('abort', onAbort, { once: true })
      urgent?.addEventListener('abort', onUrgent, { once: true })
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
