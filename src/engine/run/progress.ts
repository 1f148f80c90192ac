/** How far an execution is, written into the history a few times a second, so that other processes can watch it. */

import type { Event } from '../../core/events.ts'
import { createTally } from '../../core/tally.ts'
import type { History } from '../../history/history.ts'
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
export function tellProgress(
  history: Pick<History, 'progress' | 'samples' | 'logs'>,
  execution: number,
): ProgressTeller {
  const tally = createTally()
  let changed = false

  function tell(): void {
    history.logs.flush()
    history.samples.note(execution)
    if (!changed) return
    changed = false
    history.progress.tell(execution, { ...tally.figures, blobs: [...tally.blobs.values()].slice(0, MOST_BLOBS) })
  }

  // From its beginning on. A history that cannot be used is told by the next task that ends; in a timer it would end the process.
  attempt(tell)
  const timer = setInterval(() => attempt(tell), INTERVAL)
  return {
    see(event) {
      if (tally.add(event)) changed = true
    },
    end: () => clearInterval(timer),
  }
}
