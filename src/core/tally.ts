/** Adds up, from an execution's events, what there is to move and what has been moved: for the bars here, and for processes that watch. */

import type { Digest } from './descriptor.ts'
import type { Event } from './events.ts'
import type { Task } from './execution.ts'
import { FINAL_TASKS } from './states.ts'

export interface BlobInFlight {
  /** Unique among the blobs of the run. */
  readonly id: string
  /** The task that it belongs to. */
  readonly name: string
  readonly digest: Digest
  readonly size: number
  /** Bytes that the destination has, those of an earlier run included. */
  readonly bytes: number
  /** What carries it, where that is not the process of the run. */
  readonly worker?: string
}

/** Sizes in bytes. */
export interface Figures {
  /** Tasks that are to run. */
  readonly tasks: number
  /** To be sent by the tasks that have begun; what the destination has, or mounts, is not among it. */
  readonly bytes: number
  /** Of them, those that send nothing, such as deletes. */
  readonly bare: number
  /** Of the others, those of which it is known how many bytes they send; the rest has not begun. */
  readonly measured: number
  /** Of blobs that have been sent. */
  readonly settled: number
  /** What has passed through this run; what an earlier one sent is left out, what was sent twice counts twice. */
  readonly received: number
}

export interface Tally {
  /** False where the event changes nothing here. Costs next to nothing. */
  add(event: Event): boolean
  readonly figures: Figures
  /** Tasks that have ended, and those of them that have failed. */
  readonly ends: { readonly ended: number; readonly failed: number }
  readonly blobs: ReadonlyMap<string, BlobInFlight>
}

export function createTally(): Tally {
  let tasks = 0
  let bytes = 0
  let settled = 0
  let received = 0
  let bare = 0
  /** Those of which it is known and that have not ended, and how many have: a set of all would grow with the run. */
  const measured = new Set<number>()
  let ended = 0
  const failed = new Set<number>()
  const blobs = new Map<string, BlobInFlight>()

  function moveTo(id: string, offset: number, isReceived: boolean): void {
    const blob = blobs.get(id)
    if (!blob) return
    if (isReceived && offset > blob.bytes) received += offset - blob.bytes
    blobs.set(id, { ...blob, bytes: offset })
  }

  function note({ id, status }: Pick<Task, 'id' | 'status'>): void {
    // One that has failed may be tried again.
    if (failed.delete(id)) ended -= 1
    if (!FINAL_TASKS.includes(status)) return
    measured.delete(id)
    ended += 1
    if (status === 'failed') failed.add(id)
  }

  function add(event: Event): boolean {
    switch (event.type) {
      case 'planned':
        // Each says what it adds: graphs are known one after another.
        tasks += event.tasks
        bytes += event.bytes
        bare += event.bare ?? 0
        if (event.task !== undefined) measured.add(event.task)
        return true
      case 'task':
        note(event.task)
        return true
      case 'blob-started': {
        const { id, name, digest, size, worker } = event
        blobs.set(id, { id, name, digest, size, bytes: 0, ...(worker === undefined ? {} : { worker }) })
        return true
      }
      case 'blob-offset':
        moveTo(event.id, event.bytes, false)
        return true
      case 'blob-progress':
        moveTo(event.id, event.bytes, true)
        return true
      case 'blob-ended':
        blobs.delete(event.id)
        if (event.outcome === 'copied') settled += event.size
        return true
      default:
        return false
    }
  }

  return {
    add,
    get figures() {
      const known = Math.min(tasks - bare, measured.size + ended)
      return { tasks, bare, measured: known, bytes, settled, received }
    },
    get ends() {
      return { ended, failed: failed.size }
    },
    blobs,
  }
}
