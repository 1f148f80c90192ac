/** What running tasks have moved so far, written into the history every second: other processes see it grow, and a killed process
 *  leaves it behind. */

import type { Moved } from '../../core/execution.ts'
import type { History } from '../../history/history.ts'
import { attempt } from './recording.ts'

export interface Figures {
  /** `moved` grows while the task runs. */
  begin(task: number, moved: Moved): void
  /** What has not been written yet, to be written with the end of the task. */
  rest(task: number): Moved
  /** Writes nothing more. */
  end(): void
}

/** In milliseconds. */
const INTERVAL = 1000
const NOTHING: Moved = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }

export function tellFigures({ tasks }: Pick<History, 'tasks'>): Figures {
  const running = new Map<number, { readonly moved: Moved; told: Moved }>()

  function tell(): void {
    for (const [id, one] of running) {
      const more = difference(one.moved, one.told)
      if (more.bytes_copied === 0 && more.bytes_mounted === 0 && more.bytes_present === 0) continue
      tasks.addMoved(id, more)
      one.told = difference(one.moved, NOTHING)
    }
  }

  // A history that cannot be used is told by the next task that ends.
  const timer = setInterval(() => attempt(tell), INTERVAL)
  return {
    begin: (task, moved) => void running.set(task, { moved, told: NOTHING }),
    rest(task) {
      const one = running.get(task)
      running.delete(task)
      return one ? difference(one.moved, one.told) : NOTHING
    },
    end: () => clearInterval(timer),
  }
}

function difference(all: Moved, part: Moved): Moved {
  return {
    bytes_copied: all.bytes_copied - part.bytes_copied,
    bytes_mounted: all.bytes_mounted - part.bytes_mounted,
    bytes_present: all.bytes_present - part.bytes_present,
  }
}
