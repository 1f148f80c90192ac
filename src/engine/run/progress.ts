/** How far an execution is, written into the history a few times a second, so that other processes can watch it. */

import type { Event } from '../../core/events.ts'
import type { BlobProgress, History } from '../../history/history.ts'
import { attempt } from './recording.ts'

export interface ProgressTeller {
  /** Costs next to nothing: nothing is written here. */
  see(event: Event): void
  /** Tells no more. */
  end(): void
}

/** In milliseconds. */
const INTERVAL = 500

/** Further blobs in flight are left out: no one could read that many, and each costs a write several times a second. */
const MOST_BLOBS = 64

/** Also writes the log lines that are waiting, so that other processes can follow them. */
export function tellProgress(history: Pick<History, 'progress' | 'logs'>, execution: number): ProgressTeller {
  const blobs = new Map<string, { -readonly [K in keyof BlobProgress]: BlobProgress[K] }>()
  let bytes = 0
  let settled = 0
  let received = 0
  let changed = false

  function see(event: Event): void {
    switch (event.type) {
      case 'planned':
        bytes += event.bytes
        break
      case 'blob-started':
        blobs.set(event.id, { id: event.id, name: event.name, size: event.size, bytes: 0 })
        break
      case 'blob-progress': {
        const blob = blobs.get(event.id)
        if (!blob) return
        // A blob that is begun again counts from where it is.
        received += event.bytes >= blob.bytes ? event.bytes - blob.bytes : event.bytes
        blob.bytes = event.bytes
        break
      }
      case 'blob-ended':
        blobs.delete(event.id)
        if (event.outcome !== 'failed') settled += event.size
        break
      default:
        return
    }
    changed = true
  }

  function tell(): void {
    history.logs.flush()
    if (!changed) return
    changed = false
    history.progress.tell(execution, { bytes, settled, received, blobs: [...blobs.values()].slice(0, MOST_BLOBS) })
  }

  // A history that cannot be used is told by the next task that ends; in a timer it would end the process.
  const timer = setInterval(() => attempt(tell), INTERVAL)
  return { see, end: () => clearInterval(timer) }
}
