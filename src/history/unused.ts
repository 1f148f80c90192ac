/** What is remembered but has not been used for long is forgotten, so that the history does not grow for ever. */

import type { Database } from './database/database.ts'

const DAY = 24 * 60 * 60 * 1000

/** Milliseconds after which an entry that nothing has used is forgotten. */
const KEPT_FOR = 90 * DAY

export interface Usage {
  /** Whether an entry last noted as used at `used` must be noted again: once a day, since each note is a write. */
  isStale(used: number): boolean
  /** Call it before adding an entry: forgets what is unused, once for each process. */
  forget(): void
}

/** `column` has the time of the last use, in milliseconds since 1970. */
export function createUsage(database: Database, table: string, column: string, now: () => number): Usage {
  let forgotten = database.readonly
  return {
    isStale: (used) => !database.readonly && used < now() - DAY,
    forget() {
      if (!forgotten) database.run(`DELETE FROM ${table} WHERE ${column} < @before`, { before: now() - KEPT_FOR })
      forgotten = true
    },
  }
}
