/** Who made the registries and policies of each configuration file, and when. */

import type { Definition, DefinitionChange, DefinitionKey } from '../core/definition.ts'
import type { Database } from './database/database.ts'
import { formatTime } from './database/sql.ts'

/** All that a file defines, by name. */
export interface Defined {
  readonly policies: readonly string[]
  readonly registries: readonly string[]
}

export interface Definitions {
  /** Undefined for one that has not been seen yet. */
  get(key: DefinitionKey): Definition | undefined
  /** What one write of the file did, and by whom. */
  note(file: string, changes: readonly DefinitionChange[], by: string): void
  /** What is new in the file was written by hand and is seen now; what is no longer in it is forgotten. Writes only where something is. */
  seen(file: string, defined: Defined): void
}

export function createDefinitions(database: Database, now: () => number): Definitions {
  function note(file: string, { kind, name, what }: DefinitionChange, by: string): void {
    const key = { kind, file, name }
    if (what === 'removed') database.run(REMOVE, key)
    else if (what === 'created') database.run(CREATE, { ...key, by, time: now() })
    else database.run(CHANGE, { ...key, time: now() })
  }

  return {
    get(key) {
      const row = database.get<Row>(LOOK, { ...key })
      if (!row) return undefined
      const { creator, creation_time, update_time } = row
      return { creator, creation_time: formatTime(creation_time), update_time: formatTime(update_time) }
    },
    note(file, changes, by) {
      database.transaction(() => {
        for (const change of changes) note(file, change, by)
      })
    },
    seen(file, { policies, registries }) {
      const keys = [
        ...policies.map((name) => ({ kind: 'policy', name })),
        ...registries.map((name) => ({ kind: 'registry', name })),
      ]
      const found = { file, keys: JSON.stringify(keys) }
      if (!database.get(IS_DIFFERENT, found)) return
      database.transaction(() => {
        database.run(FORGET, found)
        database.run(ADD, { ...found, time: now() })
      })
    },
  }
}

interface Row {
  readonly creator: string | null
  readonly creation_time: number
  readonly update_time: number
}

const LOOK = `
  SELECT creator, creation_time, update_time FROM definitions WHERE file = @file AND kind = @kind AND name = @name`

const CREATE = `
  INSERT INTO definitions (file, kind, name, creator, creation_time, update_time)
  VALUES (@file, @kind, @name, @by, @time, @time)
  ON CONFLICT DO UPDATE SET creator = excluded.creator, creation_time = excluded.creation_time,
    update_time = excluded.update_time`

const CHANGE = `
  INSERT INTO definitions (file, kind, name, creator, creation_time, update_time)
  VALUES (@file, @kind, @name, NULL, @time, @time)
  ON CONFLICT DO UPDATE SET update_time = excluded.update_time`

const REMOVE = 'DELETE FROM definitions WHERE file = @file AND kind = @kind AND name = @name'

const KEYS = "SELECT value ->> 'kind', value ->> 'name' FROM json_each(@keys)"
const KNOWN = 'SELECT kind, name FROM definitions WHERE file = @file'

const IS_DIFFERENT = `
  SELECT 1 WHERE EXISTS (SELECT * FROM (${KEYS} EXCEPT ${KNOWN})) OR EXISTS (SELECT * FROM (${KNOWN} EXCEPT ${KEYS}))`

const FORGET = `DELETE FROM definitions WHERE file = @file AND (kind, name) NOT IN (${KEYS})`

const ADD = `
  INSERT OR IGNORE INTO definitions (file, kind, name, creator, creation_time, update_time)
  SELECT @file, value ->> 'kind', value ->> 'name', NULL, @time, @time FROM json_each(@keys)`
