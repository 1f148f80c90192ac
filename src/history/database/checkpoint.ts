/** When the log of recent writes is moved into the file: this process waits for the disk then, and answers no one meanwhile. */

import { after } from '../../core/cancel.ts'
import type { Database } from './database.ts'

/** How long runs that end are gathered, in milliseconds. */
const GATHER_MS = 5000

export interface Checkpoints {
  /** A run has ended: what it has written is moved with what others write in the next seconds. */
  soon(): void
  /** Moves what is left, and no more after that. */
  end(): void
}

export function createCheckpoints(database: Database): Checkpoints {
  let stop: (() => void) | undefined
  return {
    soon() {
      stop ??= after(
        GATHER_MS,
        () => {
          stop = undefined
          database.checkpoint('what is free')
        },
        true,
      )
    },
    end() {
      stop?.()
      database.checkpoint('all')
    },
  }
}
