/** Unfinished uploads in the history: where a blob's session is, so that a later execution goes on with it. */

import type { Checkpoint } from '../core/content.ts'
import type { Digest } from '../core/descriptor.ts'
import { ACTIVE_EXECUTIONS } from '../core/states.ts'
import type { Database } from './database/database.ts'
import { anyOf } from './database/sql.ts'
import { heldFor, type Locks } from './locks.ts'

/** A blob on its way to a repository. */
export interface UploadKey {
  /** What the registry is whatever a configuration calls it: its URL. */
  readonly registry: string
  readonly repository: string
  readonly digest: Digest
}

/** An upload that nobody will finish. */
export interface AbandonedUpload extends UploadKey {
  /** May be signed: for the registry only. */
  readonly location: string
}

export interface Uploads {
  /** What `execution` remembers of the blob. An upload that a living execution has begun is not shown and not touched: two that write
   *  into one session spoil it. */
  checkpoint(execution: number, key: UploadKey): Checkpoint
  /** Uploads to the registry that may be deleted, forgotten here: those that have not moved for a day, and, where `execution` has
   *  `brought` all that its policy names, also those that earlier executions of that very policy have left. */
  takeAbandoned(execution: number, registry: string, brought: boolean): readonly AbandonedUpload[]
  /** Whether the policy's last execution before this one may have left blobs that no manifest names yet. */
  mayHaveLeft(execution: number): boolean
}

/** In milliseconds. */
const FORGOTTEN_AFTER = 24 * 60 * 60 * 1000

export function createUploads(
  database: Database,
  locks: Pick<Locks, 'markInterrupted' | 'mine'>,
  now: () => number,
): Uploads {
  function find(execution: number, parameters: Readonly<Record<string, string>>): string | undefined {
    return database.get<{ location: string }>(FIND, { execution, ...parameters, ...locks.mine })?.location
  }

  return {
    checkpoint(execution, { registry, repository, digest }) {
      const key = { registry, repository, digest }
      return {
        load() {
          const found = find(execution, key)
          if (found !== undefined || database.get(ANY, key) === undefined) return found
          // Whoever has it may be dead, and nobody has looked since.
          locks.markInterrupted()
          return find(execution, key)
        },
        save: (location, offset) =>
          void database.run(SAVE, { ...key, execution, location, confirmed: offset, time: now(), ...locks.mine }),
        clear: () => void database.run(CLEAR, { ...key, execution, ...locks.mine }),
      }
    },
    takeAbandoned: (execution, registry, brought) =>
      database.all<AbandonedUpload>(TAKE, {
        execution,
        registry,
        brought: brought ? 1 : 0,
        old: now() - FORGOTTEN_AFTER,
        ...locks.mine,
      }),
    mayHaveLeft: (execution) => (database.get<{ status: string }>(BEFORE, { execution })?.status ?? DONE) !== DONE,
  }
}

const KEY = 'registry = @registry AND repository = @repository AND digest = @digest'

/** Of this execution, whose lock this process holds, or of one that has ended. */
const FREE = `${heldFor('@execution')} AND (uploads.execution_id = @execution OR NOT EXISTS (
    SELECT 1 FROM executions WHERE id = uploads.execution_id AND ${anyOf('status', ACTIVE_EXECUTIONS)}))`

const ANY = `SELECT 1 FROM uploads WHERE ${KEY}`

/** Looking is taking: of two executions that ask, one gets it. */
const FIND = `UPDATE uploads SET execution_id = @execution WHERE ${KEY} AND ${FREE} RETURNING location`

const SAVE = `
  INSERT INTO uploads (registry, repository, digest, location, confirmed, execution_id, time)
  VALUES (@registry, @repository, @digest, @location, @confirmed, @execution, @time)
  ON CONFLICT DO UPDATE SET location = excluded.location, confirmed = excluded.confirmed,
    execution_id = excluded.execution_id, time = excluded.time
  WHERE ${FREE}`

const CLEAR = `DELETE FROM uploads WHERE ${KEY} AND execution_id = @execution AND ${heldFor('@execution')}`

/** One-kick copies share a policy's name: what they copy is in the snapshot. */
const TAKE = `
  DELETE FROM uploads WHERE registry = @registry AND ${FREE} AND (time < @old OR @brought AND EXISTS (
    SELECT 1 FROM executions AS theirs JOIN executions AS mine USING (policy_id, snapshot)
    WHERE theirs.id = uploads.execution_id AND mine.id = @execution))
  RETURNING registry, repository, digest, location`

const DONE = 'succeeded'

const BEFORE = `
  SELECT status FROM executions WHERE id < @execution
    AND policy_id = (SELECT policy_id FROM executions WHERE id = @execution) ORDER BY id DESC LIMIT 1`
