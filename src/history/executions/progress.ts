/** How far a running execution is, told to other processes by the one that runs it; and how that one ended. */

import type { Database } from '../database/database.ts'
import { heldFor, type Locks } from '../locks.ts'

/** Sizes in bytes. */
export interface Progress {
  /** Of all that is known to be moved or looked at; grows while the plan is carried out. */
  readonly bytes: number
  /** Of blobs that have ended: copied, mounted, or there before. */
  readonly settled: number
  /** What has gone over the wire; what came twice counts twice. */
  readonly received: number
  readonly blobs: readonly BlobProgress[]
}

export interface BlobProgress {
  /** Unique among the blobs of the run. */
  readonly id: string
  readonly name: string
  readonly size: number
  readonly bytes: number
}

export interface ProgressRecords {
  /** Replaces what was told before; nothing where the lock was lost. */
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
