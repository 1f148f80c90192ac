/** The result of the last check of each registry, since when it is like that, and when it changed before. */

import type { RegistryChange, RegistryStatus } from '../core/registry.ts'
import type { Database } from './database/database.ts'
import { formatTime } from './database/sql.ts'

/** `address` is the registry's URL or path: under another one it is another registry. */
export interface RegistryStatuses {
  /** Undefined before the first check. */
  status(name: string, address: string): RegistryStatus | undefined
  /** The newest is kept. Without a reason it is healthy. `owed`: it must be notified. Returns the status before. */
  keepStatus(name: string, address: string, reason?: string, owed?: boolean): RegistryStatus | undefined
  /** The change that has yet to be notified: a process may have died before it did. */
  owed(name: string, address: string): RegistryChange | undefined
  /** Notified, or given up. */
  settle(name: string, address: string): void
  /** Newest first, the first check included; at most 100. */
  changes(name: string, address: string): readonly RegistryChange[]
}

export function createRegistryStatuses(
  database: Database,
  now: () => number,
  redact: (text: string) => string,
): RegistryStatuses {
  function status(name: string, address: string): RegistryStatus | undefined {
    const row = database.get<StatusRow>(LOOK, { name, address })
    if (!row) return undefined
    const { since, time } = row
    return { ...stateOf(row.reason), since: formatTime(since), checked_at: formatTime(time) }
  }

  return {
    status,
    keepStatus(name, address, reason, owed = false) {
      const kept = reason === undefined ? null : redact(reason)
      return database.transaction(() => {
        const before = status(name, address)
        const time = now()
        const isChange = before?.status !== stateOf(kept).status
        const since = before && !isChange ? Date.parse(before.since) : time
        database.run(KEEP, { name, address, reason: kept, since, time, owed: owed ? time : null })
        if (isChange) {
          database.run(ADD_CHANGE, { name, address, reason: kept, time })
          database.run(FORGET_OLD, { name, most: MOST_CHANGES })
        }
        return before
      })
    },
    owed(name, address) {
      const row = database.get<ChangeRow>(OWED, { name, address })
      return row && { ...stateOf(row.reason), time: formatTime(row.time) }
    },
    settle: (name, address) => void database.run(SETTLE, { name, address }),
    changes: (name, address) =>
      database
        .all<ChangeRow>(CHANGES, { name, address })
        .map(({ reason, time }) => ({ ...stateOf(reason), time: formatTime(time) })),
  }
}

interface ChangeRow {
  readonly reason: string | null
  readonly time: number
}

interface StatusRow extends ChangeRow {
  readonly since: number
}

function stateOf(reason: string | null): Pick<RegistryStatus, 'status' | 'reason'> {
  return { status: reason === null ? 'healthy' : 'unhealthy', reason: reason ?? undefined }
}

/** Kept of each name. */
const MOST_CHANGES = 100

const LOOK = 'SELECT reason, since, time FROM registry_status WHERE name = @name AND address = @address'

const KEEP = `
  INSERT INTO registry_status (name, address, reason, since, time, owed)
  VALUES (@name, @address, @reason, @since, @time, @owed)
  ON CONFLICT DO UPDATE SET address = excluded.address, reason = excluded.reason, since = excluded.since,
    time = excluded.time, owed = coalesce(excluded.owed, iif(address = excluded.address, owed, NULL))`

const OWED = `
  SELECT reason, owed AS time FROM registry_status WHERE name = @name AND address = @address AND owed IS NOT NULL`

const SETTLE = 'UPDATE registry_status SET owed = NULL WHERE name = @name AND address = @address'

const ADD_CHANGE = `
  INSERT INTO registry_changes (name, address, reason, time) VALUES (@name, @address, @reason, @time)`

const FORGET_OLD = `
  DELETE FROM registry_changes WHERE name = @name AND id <= (
    SELECT id FROM registry_changes WHERE name = @name ORDER BY id DESC LIMIT 1 OFFSET @most)`

const CHANGES = `
  SELECT reason, time FROM registry_changes WHERE name = @name AND address = @address ORDER BY id DESC`
