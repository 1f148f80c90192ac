/** Bytes over time: samples of what an execution has copied, of its whole life in a bounded number of them. */

import type { Database } from '../database/database.ts'
import { formatTime } from '../database/sql.ts'
import { heldFor, type Locks } from '../locks.ts'

export interface Sample {
  /** RFC 3339, UTC. */
  readonly time: string
  /** Copied until then, by all attempts. */
  readonly bytes: number
}

export interface Samples {
  /** Notes what has been copied so far, blobs in flight included, unless the last sample is too young; does nothing where the lock was lost. Call
   *  it once a second. */
  note(execution: number): void
  /** The last sample, however young the one before is. */
  end(execution: number): void
  /** Oldest first, at most `MOST_SAMPLES`. */
  of(execution: number): readonly Sample[]
}

export const MOST_SAMPLES = 600

export function createSamples(database: Database, { mine }: Pick<Locks, 'mine'>, now: () => number): Samples {
  function add(execution: number): void {
    const added = database.run(ADD, { execution, time: now(), ...mine })
    if (added === 0) return
    const { count = 0 } =
      database.get<{ count: number }>('SELECT count(*) AS count FROM samples WHERE execution_id = @execution', {
        execution,
      }) ?? {}
    if (count < MOST_SAMPLES) return
    // Half of them, and from now on half as often.
    database.run(THIN, { execution })
    database.run('UPDATE executions SET sample_step = sample_step * 2 WHERE id = @execution', { execution })
  }

  return {
    note(execution) {
      // First without the write lock: mostly it is not time yet.
      if (database.get(YOUNG, { execution, time: now() })) return
      database.transaction(() => add(execution))
    },
    end: (execution) => database.transaction(() => add(execution)),
    of: (execution) =>
      database
        .all<{ time: number; bytes: number }>(
          'SELECT time, bytes FROM samples WHERE execution_id = @execution ORDER BY time',
          { execution },
        )
        .map(({ time, bytes }) => ({ time: formatTime(time), bytes })),
  }
}

const ADD = `
  INSERT INTO samples (execution_id, time, bytes)
  SELECT id, @time, bytes_copied FROM executions WHERE id = @execution AND ${heldFor('@execution')}
  ON CONFLICT DO UPDATE SET bytes = excluded.bytes`

/** A timer may be a little early. A clock that was set back has nothing noted until it has caught up. */
const YOUNG = `
  SELECT 1 FROM samples JOIN executions ON executions.id = execution_id
  WHERE execution_id = @execution AND time > @time - sample_step * 9 / 10 LIMIT 1`

/** The first stays. */
const THIN = `
  DELETE FROM samples WHERE execution_id = @execution AND time IN (
    SELECT time FROM (
      SELECT time, row_number() OVER (ORDER BY time) AS place FROM samples WHERE execution_id = @execution
    ) WHERE place % 2 = 0
  )`
