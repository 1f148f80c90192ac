/** The result of the last check of each registry. */

import type { Database } from './database/database.ts'
import { formatTime } from './database/sql.ts'

export interface RegistryStatus {
  readonly status: 'healthy' | 'unhealthy'
  /** Why it is unhealthy. */
  readonly reason: string | undefined
  /** RFC 3339. */
  readonly checked_at: string
}

/** `address` is the registry's URL or path: under another one it is another registry. */
export interface RegistryStatuses {
  /** Undefined before the first check. */
  status(name: string, address: string): RegistryStatus | undefined
  /** The newest is kept. Without a reason it is healthy. */
  keepStatus(name: string, address: string, reason?: string): void
}

export function createRegistryStatuses(
  database: Database,
  now: () => number,
  redact: (text: string) => string,
): RegistryStatuses {
  return {
    status(name, address) {
      const row = database.get<{ reason: string | null; time: number }>(LOOK, { name, address })
      if (!row) return undefined
      const status = row.reason === null ? 'healthy' : 'unhealthy'
      return { status, reason: row.reason ?? undefined, checked_at: formatTime(row.time) }
    },
    keepStatus(name, address, reason) {
      const kept = reason === undefined ? null : redact(reason)
      database.run(KEEP, { name, address, reason: kept, time: now() })
    },
  }
}

const LOOK = 'SELECT reason, time FROM registry_status WHERE name = @name AND address = @address'

const KEEP = `
  INSERT INTO registry_status (name, address, reason, time) VALUES (@name, @address, @reason, @time)
  ON CONFLICT DO UPDATE SET address = excluded.address, reason = excluded.reason, time = excluded.time`
