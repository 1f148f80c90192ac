/** Brings a new or older file to the current format. */

import { HistoryError } from '../../core/errors.ts'
import type { Database } from './database.ts'
import { MIGRATIONS } from './schema.ts'

/** Marks the file as ours: "repl" in ASCII. */
const APPLICATION_ID = 0x7265706c

/**
 * Brings the file to the current version; what it was is kept beside it first, as `history.db.vN.bak`. Throws `HistoryError` for a
 * newer file, for one that is not a history, and for an older one that may only be read.
 */
export function migrate(database: Database, migrations: readonly string[] = MIGRATIONS): void {
  const current = migrations.length
  const isNew = database.get('SELECT 1 FROM sqlite_schema') === undefined
  if (!isNew && pragma(database, 'application_id') !== APPLICATION_ID) throw foreign(database)
  const found = version(database)
  if (found > current) throw newer(database, found, current)
  if (found === current) return
  if (database.readonly && !isNew) throw older(database, found, current)
  database.exec('PRAGMA journal_mode = WAL')
  database.transaction(() => {
    // Another process may have migrated it while this one waited for the write lock.
    const from = version(database)
    if (from > current) throw newer(database, from, current)
    if (from === 0) database.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
    else if (from < current) database.copyTo(`${database.file}.v${from}.bak`)
    for (const sql of migrations.slice(from)) database.exec(sql)
    database.exec(`PRAGMA user_version = ${current}`)
  })
}

function version(database: Database): number {
  return pragma(database, 'user_version')
}

function pragma(database: Database, name: 'user_version' | 'application_id'): number {
  return database.get<{ value: number }>(`SELECT ${name} AS value FROM pragma_${name}`)?.value ?? 0
}

function newer(database: Database, found: number, current: number): HistoryError {
  return new HistoryError(
    `the history ${database.file} was written by a newer version of replicate (format ${found}; this one knows ${current})`,
    { hint: 'use that version, or another directory with --home' },
  )
}

function older(database: Database, found: number, current: number): HistoryError {
  return new HistoryError(
    `the history ${database.file} has an older format (${found}, now ${current}) and may only be read`,
    {
      hint: 'make it writable once, so that it can be brought up to date',
    },
  )
}

function foreign(database: Database): HistoryError {
  return new HistoryError(`${database.file} is an SQLite file, but not a history of replicate`, {
    hint: 'move it away, or choose another directory with --home',
  })
}
