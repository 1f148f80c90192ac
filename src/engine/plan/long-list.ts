/** A list that goes to a file where it grows long: a plan of a million actions needs no memory. */

import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface LongList<T> {
  /** `item` must be plain JSON. */
  add(key: string, item: T): void
  /** All, in the order of their keys, and of their adding where the keys are the same. An array where they are few. May be read again
   *  and again, until the lists are closed. */
  items(): Iterable<T>
  /** The same, those of each key together; no more than they are in memory at once. */
  byKey(): Iterable<readonly T[]>
}

export interface LongLists {
  create<T>(): LongList<T>
  close(): void
}

/** So many stay in memory. */
const FEW = 10_000
/** Characters that are gathered before they are written. */
const GATHERED = 64 * 1024

interface Part<T> {
  readonly key: string
  items: T[]
  text: string
  /** Where its texts are in the file: offset and length, in turn. */
  readonly pieces: number[]
}

/** `few`: how many items a list keeps in memory. */
export function createLongLists(few = FEW): LongLists {
  const files: File[] = []
  return {
    create: () => createList(few, files),
    close() {
      for (const file of files.splice(0)) file.close()
    },
  }
}

function createList<T>(few: number, files: File[]): LongList<T> {
  const parts = new Map<string, Part<T>>()
  let count = 0
  let gathered = 0
  let file: File | undefined

  function partOf(key: string): Part<T> {
    const part = parts.get(key) ?? { key, items: [], text: '', pieces: [] }
    parts.set(key, part)
    return part
  }

  function append(part: Part<T>, item: T): void {
    const line = `${JSON.stringify(item)}\n`
    part.text += line
    gathered += line.length
  }

  function flush(into: File): void {
    for (const part of parts.values()) {
      if (part.text !== '') part.pieces.push(...into.write(part.text))
      part.text = ''
    }
    gathered = 0
  }

  function spill(): File {
    const opened = openFile()
    files.push(opened)
    for (const part of parts.values()) {
      for (const item of part.items) append(part, item)
      part.items = []
    }
    return opened
  }

  function sorted(): readonly Part<T>[] {
    if (file) flush(file)
    return [...parts.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /** Of a part that is flushed. */
  function itemsOf(part: Part<T>): Iterable<T> {
    return file ? read(part, file) : part.items
  }

  return {
    add(key, item) {
      const part = partOf(key)
      count += 1
      if (count <= few) {
        part.items.push(item)
        return
      }
      file ??= spill()
      append(part, item)
      if (gathered > GATHERED) flush(file)
    },
    items() {
      const all = sorted()
      if (!file) return all.flatMap((part) => part.items)
      return {
        *[Symbol.iterator]() {
          for (const part of all) yield* itemsOf(part)
        },
      }
    },
    byKey() {
      const all = sorted()
      return {
        *[Symbol.iterator]() {
          for (const part of all) yield [...itemsOf(part)]
        },
      }
    },
  }
}

function* read<T>({ pieces }: Part<T>, file: File): Generator<T> {
  for (let at = 0; at < pieces.length; at += 2) {
    const text = file.read(pieces[at] ?? 0, pieces[at + 1] ?? 0)
    for (const line of text.split('\n')) if (line !== '') yield JSON.parse(line)
  }
}

interface File {
  /** Offset and length. */
  write(text: string): readonly [number, number]
  read(offset: number, length: number): string
  close(): void
}

/** For this user alone, and gone with the process however that ends, where the system allows it. */
function openFile(): File {
  const path = join(tmpdir(), `replicate-list-${randomUUID()}`)
  const descriptor = openSync(path, 'wx+', 0o600)
  const remove = (): void => rmSync(path, { force: true })
  try {
    remove()
  } catch {}
  let end = 0
  return {
    write(text) {
      const bytes = Buffer.from(text)
      const offset = end
      for (let done = 0; done < bytes.length; )
        done += writeSync(descriptor, bytes, done, bytes.length - done, end + done)
      end += bytes.length
      return [offset, bytes.length]
    },
    read(offset, length) {
      const bytes = Buffer.allocUnsafe(length)
      for (let done = 0; done < length; ) {
        const count = readSync(descriptor, bytes, done, length - done, offset + done)
        if (count === 0) throw new Error('a temporary file of this process has been cut short')
        done += count
      }
      return bytes.toString('utf8')
    },
    close() {
      closeSync(descriptor)
      remove()
    },
  }
}
