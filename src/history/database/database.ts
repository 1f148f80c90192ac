/** The history's SQLite file: opened with safe permissions, read and written by plain SQL, its errors said plainly. */

import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import type Sqlite from 'better-sqlite3'
import { errorCode, HistoryError } from '../../core/errors.ts'
import { explained } from './failure.ts'
import { createFile } from './file.ts'

export type Parameters = Readonly<Record<string, string | number | null>>

/** Every method throws `HistoryError` where the file is damaged, busy for too long or cannot be written. */
export interface Database {
  readonly file: string
  readonly readonly: boolean
  get<Row>(sql: string, parameters?: Parameters): Row | undefined
  all<Row>(sql: string, parameters?: Parameters): readonly Row[]
  /** Returns how many rows changed. */
  run(sql: string, parameters?: Parameters): number
  /** Several statements without parameters. */
  exec(sql: string): void
  /** All or nothing, with the write lock from the start; may be nested. */
  transaction<T>(work: () => T): T
  /** Writes the last committed state into another file, also while this connection is in a transaction. */
  copyTo(path: string): void
  /** Another one after each write, of whichever process. */
  version(): string
  /** Moves the log of recent writes into the file itself, as far as other processes allow. `all` waits a moment for those that read. */
  checkpoint(what: 'all' | 'what is free'): void
  close(): void
}

/** How long to wait for another process's write, in milliseconds. */
const BUSY_TIMEOUT = 10_000

const VERSION = `SELECT data_version || '.' || total_changes() AS version FROM pragma_data_version`

/** A read-only history that does not exist yet is an empty one. */
export async function openDatabase(file: string, readonly: boolean): Promise<Database> {
  const Native = await load(file)
  try {
    const native = readonly ? openReadonly(file, Native) : openWritable(file, Native)
    native.pragma('synchronous = NORMAL')
    native.pragma('foreign_keys = ON')
    return wrap(native, Native, file, readonly)
  } catch (error) {
    throw explained(error, file, readonly)
  }
}

function openWritable(file: string, Native: typeof Sqlite): Sqlite.Database {
  createFile(file)
  return new Native(file, { fileMustExist: true, timeout: BUSY_TIMEOUT })
}

function openReadonly(file: string, Native: typeof Sqlite): Sqlite.Database {
  if (isMissing(file)) return new Native(':memory:')
  const native = new Native(file, { readonly: true, timeout: BUSY_TIMEOUT })
  try {
    native.pragma('schema_version')
    return native
  } catch (error) {
    native.close()
    // To read it, SQLite puts an index of recent writes beside the file, also where there are none.
    const isUnwritable = /^SQLITE_(CANTOPEN|READONLY)/.test(errorCode(error))
    if (!isUnwritable || (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) throw error
    return new Native(snapshotOf(file), { readonly: true })
  }
}

/** False also for what may not be looked at, or lies below a file: that is not an empty history. */
function isMissing(file: string): boolean {
  try {
    statSync(file)
    return false
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true
    throw error
  }
}

/** The file as a database in memory, which has no log of recent writes. */
function snapshotOf(file: string): Buffer {
  const bytes = readFileSync(file)
  // Both version numbers of the header (sqlite.org/fileformat2.html, 1.3.3): a rollback journal instead of a write-ahead log.
  return bytes.fill(1, 18, 20)
}

/** Loaded late: `--help` does not need the native library. */
async function load(file: string): Promise<typeof Sqlite> {
  try {
    return (await import('better-sqlite3')).default
  } catch (cause) {
    throw new HistoryError(`the history ${file} cannot be opened: the SQLite library did not load`, {
      cause,
      hint: 'install the package again on this machine: its native part differs per system',
    })
  }
}

function wrap(native: Sqlite.Database, Native: typeof Sqlite, file: string, readonly: boolean): Database {
  const statements = new Map<string, Sqlite.Statement<[Parameters], unknown>>()
  const guarded = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw explained(error, file)
    }
  }
  function prepared<Row>(sql: string): Sqlite.Statement<[Parameters], Row> {
    let statement = statements.get(sql)
    if (!statement) {
      statement = native.prepare<[Parameters], unknown>(sql)
      statements.set(sql, statement)
    }
    // The shape of the rows is declared beside the SQL.
    return statement as Sqlite.Statement<[Parameters], Row>
  }
  return {
    file,
    readonly,
    get: <Row>(sql: string, parameters: Parameters = {}) => guarded(() => prepared<Row>(sql).get(parameters)),
    all: <Row>(sql: string, parameters: Parameters = {}) => guarded(() => prepared<Row>(sql).all(parameters)),
    run: (sql, parameters = {}) => guarded(() => prepared(sql).run(parameters).changes),
    exec: (sql) => guarded(() => void native.exec(sql)),
    transaction: (work) => guarded(() => native.transaction(work).immediate()),
    copyTo: (path) =>
      guarded(() => {
        const partial = `${path}.${process.pid}`
        rmSync(partial, { force: true })
        closeSync(openSync(partial, 'wx', 0o600))
        const other = new Native(file, { readonly: true, timeout: BUSY_TIMEOUT })
        try {
          other.prepare('VACUUM INTO ?').run(partial)
        } finally {
          other.close()
        }
        renameSync(partial, path)
      }),
    version: () =>
      guarded(() => {
        // The first tells writes of other connections, the second those of this one.
        const row = prepared<{ version: string }>(VERSION).get({})
        return row?.version ?? ''
      }),
    checkpoint: (what) => {
      if (readonly) return
      try {
        native.pragma('busy_timeout = 1000')
        native.pragma(`wal_checkpoint(${what === 'all' ? 'FULL' : 'PASSIVE'})`)
      } catch {
        // Nothing is lost: the log stays beside the file, and the next process moves it.
      } finally {
        native.pragma(`busy_timeout = ${BUSY_TIMEOUT}`)
      }
    },
    close: () => void native.close(),
  }
}
