/** Watches the locks of the tasks that a worker has: a task is aborted before another worker may have got it. */

import type { Job, Worker } from 'bullmq'
import type { QueueServer } from '../server.ts'

/** How long a lock lasts, and how often it is renewed, in milliseconds. A task whose worker is gone is found within `LOCK` and
 *  `STALLED_CHECK` together. */
export const LOCK = 20_000
export const RENEW = 5000
export const STALLED_CHECK = 5000
/** So long before the lock has run out the task is aborted. */
const MARGIN = 3000

export interface Locks {
  begin(job: Job, token: string): void
  /** Renews the lock of one that is about to end: one that ran out while the server was away would give a finished task to another worker. */
  keep(job: Job): Promise<void>
  finish(job: Job): void
  end(): void
}

interface Held {
  readonly token: string
  renewed: number
}

/** `lost` is told once of each. */
export function watchLocks(worker: Worker, server: QueueServer, queue: string, lost: (job: string) => void): Locks {
  const held = new Map<string, Held>()

  function lose(id: string): void {
    if (held.delete(id)) lost(id)
  }

  worker.on('locksRenewed', ({ jobIds }) => {
    for (const id of jobIds) {
      const one = held.get(id)
      if (one) one.renewed = performance.now()
    }
  })
  worker.on('lockRenewalFailed', (jobIds) => {
    for (const id of jobIds) void takeAgain(id).catch(() => {})
  })

  /** A lock that ran out while the server was away is free, unless another worker was faster. */
  async function takeAgain(id: string): Promise<void> {
    const one = held.get(id)
    if (!one) return
    const key = `${server.keys.prefix}:${queue}:${id}`
    const lock = `${key}:lock`
    const { client } = server
    const holder = await client.get(lock)
    const isMine =
      holder === one.token ||
      (holder === null && (await client.exists(key)) === 1 && (await client.set(lock, one.token, 'PX', LOCK, 'NX')))
    if (isMine) one.renewed = performance.now()
    else lose(id)
  }

  const timer = setInterval(() => {
    const now = performance.now()
    for (const [id, one] of held) {
      // A server that is down gives the task to no one else; once it is back the lock is renewed before anything else is judged.
      if (server.isDown) one.renewed = Math.max(one.renewed, now - LOCK + MARGIN + 2 * RENEW)
      if (now - one.renewed >= LOCK - MARGIN) lose(id)
    }
  }, 500)

  return {
    begin: ({ id }, token) => {
      if (id !== undefined) held.set(id, { token, renewed: performance.now() })
    },
    keep: async ({ id }) => {
      if (id !== undefined) await takeAgain(id)
    },
    finish: ({ id }) => {
      if (id !== undefined) held.delete(id)
    },
    end: () => clearInterval(timer),
  }
}
