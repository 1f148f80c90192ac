/** How far a running execution is, written by its process for the processes that watch it. */

import type { BlobInFlight, Figures } from '../../core/tally.ts'
import type { Database } from '../database/database.ts'
import { heldFor, type Locks } from '../locks.ts'

/** The blobs in flight are the first of them, where there are many. */
export interface Progress extends Figures {
  readonly blobs: readonly BlobInFlight[]
}

export interface ProgressRecords {
  /** Replaces the last progress; does nothing where the lock was lost. */
  tell(execution: number, progress: Progress): void
  /** Undefined before the first blob and after the end. */
  of(execution: number): Progress | undefined
}

export function createProgressRecords(
  database: Database,
  { mine }: Pick<Locks, 'mine'>,
  redact: (text: string) => string,
): ProgressRecords {
  return {
    tell(execution, progress) {
      const blobs = progress.blobs.map((blob) => ({ ...blob, name: redact(blob.name) }))
      database.run(TELL, { execution, state: JSON.stringify({ ...progress, blobs }), ...mine })
    },
    of(execution) {
      const row = database.get<{ state: string }>('SELECT state FROM progress WHERE execution_id = @execution', {
        execution,
      })
      // Our own column, written by `tell`.
      return row ? (JSON.parse(row.state) as Progress) : undefined
    },
  }
}

const TELL = `
  INSERT INTO progress (execution_id, state) SELECT @execution, @state WHERE ${heldFor('@execution')}
  ON CONFLICT DO UPDATE SET state = excluded.state`
