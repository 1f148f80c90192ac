/** Lists that leave memory where they grow long, so that a plan of a million actions needs none: in a private temporary database. */

import { createRequire } from 'node:module'
import type Sqlite from 'better-sqlite3'

export interface LongList<T> {
  /** `item` must be plain JSON. */
  add(key: string, item: T): void
  /** All items by key, and in the order of adding within a key; an array while they are few. May be read again and again, until the
   *  lists are closed. */
  items(): Iterable<T>
  /** As `items`, those of each key together. The items of one key are in memory at once. */
  byKey(): Iterable<readonly T[]>
}

export interface LongLists {
  create<T>(): LongList<T>
  close(): void
}

/** How many items of a list stay in memory. */
const FEW = 10_000
/** How many are read from the database at once. */
const PAGE = 1000

/** `few`: how many items a list keeps in memory. */
export function createLongLists(few = FEW): LongLists {
  let scratch: Sqlite.Database | undefined
  let lists = 0
  const opened = (): Sqlite.Database => {
    scratch ??= openScratch()
    return scratch
  }
  return {
    create: () => {
      lists += 1
      return createList(few, lists, opened)
    },
    close() {
      scratch?.close()
      scratch = undefined
    },
  }
}

interface Entry<T> {
  readonly key: string
  readonly item: T
}

function createList<T>(few: number, list: number, opened: () => Sqlite.Database): LongList<T> {
  const kept: Entry<T>[] = []
  let insert: Sqlite.Statement | undefined

  function* entries(): Generator<Entry<T>> {
    if (!insert) {
      yield* sorted(kept)
      return
    }
    const database = opened()
    database.exec('CREATE INDEX IF NOT EXISTS by_key ON items (list, key)')
    const next = database.prepare<[number, string, number, number], Entry<string> & { readonly id: number }>(
      'SELECT rowid AS id, key, item FROM items WHERE list = ? AND (key, rowid) > (?, ?) ORDER BY key, rowid LIMIT ?',
    )
    for (let last = { key: '', id: 0 }; ; ) {
      const page = next.all(list, last.key, last.id, PAGE)
      for (const { key, item } of page) yield { key, item: JSON.parse(item) }
      last = page.at(-1) ?? last
      if (page.length < PAGE) return
    }
  }

  return {
    add(key, item) {
      if (insert) {
        insert.run(list, key, JSON.stringify(item))
        return
      }
      kept.push({ key, item })
      if (kept.length <= few) return
      insert = opened().prepare('INSERT INTO items (list, key, item) VALUES (?, ?, ?)')
      for (const one of kept.splice(0)) insert.run(list, one.key, JSON.stringify(one.item))
    },
    items() {
      if (!insert) return sorted(kept).map(({ item }) => item)
      return {
        *[Symbol.iterator]() {
          for (const { item } of entries()) yield item
        },
      }
    },
    byKey() {
      return {
        *[Symbol.iterator]() {
          let group: { readonly key: string; readonly items: T[] } | undefined
          for (const { key, item } of entries()) {
            if (group?.key === key) group.items.push(item)
            else {
              if (group) yield group.items
              group = { key, items: [item] }
            }
          }
          if (group) yield group.items
        },
      }
    },
  }
}

function sorted<T>(items: readonly Entry<T>[]): readonly Entry<T>[] {
  return items.toSorted((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)))
}

/** SQLite makes its file where the system keeps temporary files, and unlinks it at once. */
function openScratch(): Sqlite.Database {
  const Native: typeof Sqlite = createRequire(import.meta.url)('better-sqlite3')
  try {
    return prepared(new Native(''), true)
  } catch {
    // No directory for temporary files can be written, as in a container with a read-only root.
    return prepared(new Native(':memory:'), false)
  }
}

function prepared(database: Sqlite.Database, probe: boolean): Sqlite.Database {
  database.pragma('journal_mode = OFF')
  database.exec('BEGIN; CREATE TABLE items (list INTEGER, key TEXT, item TEXT)')
  if (!probe) return database
  // Makes SQLite write its file, which it would otherwise put off until memory is short.
  const size = database.pragma('cache_size', { simple: true })
  database.exec(`PRAGMA cache_size = 1; INSERT INTO items (item) VALUES (zeroblob(65536)); DELETE FROM items`)
  database.pragma(`cache_size = ${size}`)
  return database
}
