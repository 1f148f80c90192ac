/** Unfinished uploads: the location of a blob's upload session, so that a later execution can resume it. */

import type { Checkpoint } from '../core/content.ts'
import type { Digest } from '../core/descriptor.ts'
import { ACTIVE_EXECUTIONS } from '../core/states.ts'
import type { Database } from './database/database.ts'
import { anyOf } from './database/sql.ts'
import { heldFor, type Locks } from './locks.ts'

/** A blob on its way to a repository. */
export interface UploadKey {
  /** Its URL: the same registry may have different names in different configurations. */
  readonly registry: string
  readonly repository: string
  readonly digest: Digest
}

/** An upload that no execution will finish. */
export interface AbandonedUpload extends UploadKey {
  /** May be signed, so it is a secret. */
  readonly location: string
}

export interface Uploads {
  /** The blob's upload as `execution` may use it. An upload that a running execution has begun is neither shown nor changed: two writers
   *  would corrupt one session. */
  checkpoint(execution: number, key: UploadKey): Checkpoint
  /** Removes from the history, and returns, the sessions that should be deleted at the registry: those untouched for a day; and, if
   *  `brought` (every task of `execution` succeeded), those left by earlier executions of the same policy. */
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
          // Another execution has it, whose process may have died unnoticed.
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

/** A look-up claims the upload: of two executions that ask, one gets it. */
const FIND = `UPDATE uploads SET execution_id = @execution WHERE ${KEY} AND ${FREE} RETURNING location`

const SAVE = `
  INSERT INTO uploads (registry, repository, digest, location, confirmed, execution_id, time)
  VALUES (@registry, @repository, @digest, @location, @confirmed, @execution, @time)
  ON CONFLICT DO UPDATE SET location = excluded.location, confirmed = excluded.confirmed,
    execution_id = excluded.execution_id, time = excluded.time
  WHERE ${FREE}`

const CLEAR = `DELETE FROM uploads WHERE ${KEY} AND execution_id = @execution AND ${heldFor('@execution')}`

/** Copies without a policy file share one policy name, so their snapshots are compared, too. */
const TAKE = `
  DELETE FROM uploads WHERE registry = @registry AND ${FREE} AND (time < @old OR @brought AND EXISTS (
    SELECT 1 FROM executions AS theirs JOIN executions AS mine USING (policy_id, snapshot)
    WHERE theirs.id = uploads.execution_id AND mine.id = @execution))
  RETURNING registry, repository, digest, location`

const DONE = 'succeeded'

const BEFORE = `
  SELECT status FROM executions WHERE id < @execution
    AND policy_id = (SELECT policy_id FROM executions WHERE id = @execution) ORDER BY id DESC LIMIT 1`
