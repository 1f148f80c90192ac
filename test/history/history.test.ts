import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { HistoryError } from '../../src/core/errors.ts'
import { openDatabase } from '../../src/history/database/database.ts'
import { migrate } from '../../src/history/database/migrations.ts'
import { MIGRATIONS } from '../../src/history/database/schema.ts'
import { openHistory } from '../../src/history/history.ts'
import { begin, open, temporaryDirectory } from './setup.ts'

const ADDED = 'CREATE TABLE added_later (id INTEGER PRIMARY KEY) STRICT'

test('makes a file that only its owner can read, and so are the files beside it', async () => {
  const directory = join(temporaryDirectory(), 'state', 'replicate')
  const history = await open(directory)
  begin(history)
  expect(mode(directory)).toBe('700')
  for (const name of ['history.db', 'history.db-wal', 'history.db-shm']) expect(mode(join(directory, name))).toBe('600')
})

test('closes a file that others could read', async () => {
  const directory = temporaryDirectory()
  const file = join(directory, 'history.db')
  writeFileSync(file, '')
  chmodSync(file, 0o644)
  await open(directory)
  expect(mode(file)).toBe('600')
})

test('keeps what was written', async () => {
  const directory = temporaryDirectory()
  const first = await openHistory(directory)
  first.executions.finish(begin(first))
  first.close()
  expect(existsSync(join(directory, 'history.db-wal'))).toBe(false)
  const second = await open(directory)
  expect(second.executions.list()).toMatchObject([{ id: 1, status: 'succeeded' }])
})

test.each([
  ['something else', Buffer.from('this is no database, and long enough to be seen as none'.repeat(20))],
  ['a header with rubbish behind it', Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(8000, 7)])],
])('refuses a damaged file, %s, and leaves it as it is', async (_, content) => {
  const directory = temporaryDirectory()
  const file = join(directory, 'history.db')
  writeFileSync(file, content)
  const error = await failure(openHistory(directory))
  expect(error.message).toContain(`the history ${file} cannot be used: the file is damaged`)
  expect(error.hint).toContain('move it away')
  expect(readFileSync(file).equals(content)).toBe(true)
})

test('says that a file is damaged also where this shows later', async () => {
  const directory = temporaryDirectory()
  const first = await openHistory(directory)
  const id = begin(first)
  for (let line = 0; line < 5000; line++) first.logs.add(id, undefined, 'info', `line ${line} ${'x'.repeat(100)}`, 0)
  first.executions.finish(id)
  first.close()
  const file = join(directory, 'history.db')
  const content = readFileSync(file)
  content.fill(0xff, 300_000)
  writeFileSync(file, content)
  const history = await open(directory)
  expect(() => [...history.logs.list(id)]).toThrow(/the file is damaged/)
})

test('refuses a file of a newer version, naming both', async () => {
  const directory = temporaryDirectory()
  ;(await openHistory(directory)).close()
  alter(directory, `PRAGMA user_version = ${MIGRATIONS.length + 1}`)
  const error = await failure(openHistory(directory))
  expect(error.message).toContain(`format ${MIGRATIONS.length + 1}; this one knows ${MIGRATIONS.length}`)
})

test('refuses a database of another program, and does not touch it', async () => {
  const directory = temporaryDirectory()
  alter(directory, 'CREATE TABLE bookmarks (url TEXT)')
  const before = readFileSync(join(directory, 'history.db'))
  expect((await failure(openHistory(directory))).message).toContain('not a history of replicate')
  expect(readFileSync(join(directory, 'history.db')).equals(before)).toBe(true)
})

test('brings an older file up to date, and keeps a copy of what it was', async () => {
  const directory = temporaryDirectory()
  const history = await open(directory)
  begin(history)
  const file = join(directory, 'history.db')
  const version = MIGRATIONS.length
  // The first connection is still open: what it wrote is in the log beside the file, and must be in the copy too.
  const database = await openDatabase(file, false)
  migrate(database, [...MIGRATIONS, ADDED])
  migrate(database, [...MIGRATIONS, ADDED])
  database.close()
  const copy = `${file}.v${version}.bak`
  expect(mode(copy)).toBe('600')
  expect(read(copy, 'SELECT count(*) FROM executions')).toBe(1)
  expect(read(copy, 'PRAGMA user_version')).toBe(version)
  expect(read(file, 'PRAGMA user_version')).toBe(version + 1)
  expect(read(file, 'SELECT count(*) FROM added_later')).toBe(0)
})

test('leaves the file as it was where a migration fails', async () => {
  const directory = temporaryDirectory()
  ;(await openHistory(directory)).close()
  const database = await openDatabase(join(directory, 'history.db'), false)
  expect(() => migrate(database, [...MIGRATIONS, `${ADDED}; SELECT * FROM nowhere`])).toThrow('no such table: nowhere')
  database.close()
  const history = await open(directory)
  expect(history.executions.list()).toEqual([])
})

test('is made once by many who open it at the same time', async () => {
  const directory = temporaryDirectory()
  const histories = await Promise.all(Array.from({ length: 8 }, () => open(directory)))
  for (const [index, history] of histories.entries()) expect(begin(history, `p${index}`)).toBe(index + 1)
})

test('writes nothing where it may only read', async () => {
  const directory = join(temporaryDirectory(), 'absent')
  const empty = await open(directory, { readonly: true })
  expect(empty.executions.list()).toEqual([])
  expect(() => begin(empty)).toThrow(HistoryError)
  expect(existsSync(directory)).toBe(false)
  begin(await open(directory))
  const reader = await open(directory, { readonly: true })
  expect(reader.executions.list()).toMatchObject([{ id: 1, status: 'preparing' }])
  expect(() => begin(reader)).toThrow('it cannot be written')
})

test('is read also where nothing can be written beside it', async () => {
  const directory = temporaryDirectory()
  const writer = await openHistory(directory)
  const id = begin(writer)
  writer.logs.add(id, undefined, 'info', 'said', 0)
  writer.executions.finish(id)
  writer.close()
  const before = readFileSync(join(directory, 'history.db'))
  // In the way of a file that SQLite makes for every reader, also where the tests may write everywhere.
  symlinkSync('nowhere', join(directory, 'history.db-shm'))
  const reader = await open(directory, { readonly: true })
  expect(reader.executions.list()).toMatchObject([{ id, status: 'succeeded' }])
  expect([...reader.logs.list(id)]).toMatchObject([{ text: 'said' }])
  expect(() => begin(reader)).toThrow('it cannot be written')
  expect(readFileSync(join(directory, 'history.db')).equals(before)).toBe(true)
  await expect(openHistory(directory)).rejects.toThrow('it cannot be written')
})

test('is not read without its log of recent writes', async () => {
  const directory = temporaryDirectory()
  const writer = await open(directory)
  begin(writer)
  const copy = temporaryDirectory()
  for (const name of ['history.db', 'history.db-wal']) copyFileSync(join(directory, name), join(copy, name))
  symlinkSync('nowhere', join(copy, 'history.db-shm'))
  await expect(openHistory(copy, { readonly: true })).rejects.toThrow(HistoryError)
})

test('says plainly where it cannot be made', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'file'), '')
  expect((await failure(openHistory(join(directory, 'file')))).message).toContain('its directory cannot be made')
  mkdirSync(join(directory, 'history.db'))
  expect((await failure(openHistory(directory))).hint).toContain('--home')
})

function mode(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}

function alter(directory: string, sql: string): void {
  const database = new Sqlite(join(directory, 'history.db'))
  database.exec(sql)
  database.close()
}

function read(file: string, sql: string): unknown {
  const database = new Sqlite(file, { readonly: true })
  try {
    return database.prepare(sql).pluck().get()
  } finally {
    database.close()
  }
}

async function failure(promise: Promise<unknown>): Promise<HistoryError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof HistoryError) return error
  throw new Error(`expected a HistoryError, got ${String(error)}`)
}
