/** Looks at the history's file without changing it: what wrote it, how large it is, whether it is whole. */

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from './database/database.ts'
import { MIGRATIONS } from './database/schema.ts'

export interface Inspection {
  readonly file: string
  /** The version of the library. */
  readonly sqlite: string
  /** Absent while the file does not exist. */
  readonly found?: {
    /** In bytes, with the log of recent writes. */
    readonly size: number
    readonly format: number
    /** What SQLite reports as wrong; empty for a sound file. */
    readonly damage: readonly string[]
  }
  /** The format that this program writes. */
  readonly currentFormat: number
}

/** Reads the whole file. Throws a `HistoryError` where that cannot be done. */
export async function inspectHistory(directory: string): Promise<Inspection> {
  const file = join(directory, 'history.db')
  const exists = existsSync(file)
  const database = await openDatabase(file, true)
  try {
    const sqlite = database.get<{ value: string }>('SELECT sqlite_version() AS value')?.value ?? 'unknown'
    const about = { file, sqlite, currentFormat: MIGRATIONS.length }
    if (!exists) return about
    const format = database.get<{ value: number }>('SELECT user_version AS value FROM pragma_user_version')?.value ?? 0
    const lines = database.all<{ quick_check: string }>('PRAGMA quick_check(5)').map((row) => row.quick_check)
    const size = [file, `${file}-wal`].filter(existsSync).reduce((sum, path) => sum + statSync(path).size, 0)
    return { ...about, found: { size, format, damage: lines.filter((line) => line !== 'ok') } }
  } finally {
    database.close()
  }
}
