/** Writes what registries are sent and answer into files, where `REPLICATE_RECORD` names a directory. */

import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { messageOf } from '../core/errors.ts'
import type { Recording } from '../http/record/record.ts'

export interface RecorderOptions {
  /** What a relative directory is relative to. */
  readonly cwd: string
  /** Told once that nothing more is written, and why. */
  readonly warn: (text: string) => void
  readonly now: () => number
  /** Files in the directory, whoever wrote them; default 5,000. */
  readonly most?: number
  /** Of all of them, in bytes; default 64 MiB. */
  readonly largest?: number
}

const MOST = 5000
const LARGEST = 64 * 1024 * 1024

/** A file for each exchange, numbered as they end; undefined where no directory is given. What cannot be written is said and does no harm. */
export function recorderAt(given: string | undefined, options: RecorderOptions): Recording | undefined {
  if (given === undefined || given === '') return undefined
  const { cwd, warn, now, most = MOST, largest = LARGEST } = options
  const directory = resolve(cwd, given)
  // Two processes may write into one directory.
  const began = `${new Date(now()).toISOString().replace(/\D/g, '').slice(0, 14)}-${process.pid}`
  /** What is there, once it is known. */
  let there: { count: number; bytes: number } | undefined
  let isOver = false
  let number = 0

  /** Why it cannot be written; undefined where it is. */
  function write(text: string): string | undefined {
    there ??= prepared(directory)
    const bytes = Buffer.byteLength(text)
    if (there.count >= most) return `there are ${there.count} files`
    if (there.bytes + bytes > largest) return `${there.bytes} bytes are there, and the next file would be too much`
    number += 1
    const name = `${began}-${String(number).padStart(4, '0')}.json`
    writeFileSync(join(directory, name), text, { mode: 0o600, flag: 'wx' })
    there.count += 1
    there.bytes += bytes
    return undefined
  }

  return (exchange) => {
    if (isOver) return
    let why: string | undefined
    try {
      why = write(`${JSON.stringify(exchange, undefined, 2)}\n`)
    } catch (error) {
      why = messageOf(error)
    }
    if (why === undefined) return
    isOver = true
    warn(`REPLICATE_RECORD: ${why}; nothing more is recorded in ${directory}`)
  }
}

function prepared(directory: string): { count: number; bytes: number } {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const files = readdirSync(directory)
  return { count: files.length, bytes: files.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0) }
}
