/** A file's lines, a few at a time, for files that need not fit into memory. */

import { closeSync, openSync, readSync } from 'node:fs'

const CHUNK = 256 * 1024
const NEWLINE = 10

export interface Line {
  readonly text: string
  /** Where the next one begins, in bytes. */
  readonly end: number
}

/** Lines from byte `offset` on, without empty ones. Throws the system's error if the file cannot be read. */
export function* linesOf(path: string, offset: number): Generator<Line> {
  const file = openSync(path, 'r')
  try {
    let rest = Buffer.alloc(0)
    let end = offset
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK)
      const count = readSync(file, chunk, 0, CHUNK, end + rest.byteLength)
      const bytes = Buffer.concat([rest, chunk.subarray(0, count)])
      let from = 0
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
        const text = bytes.toString('utf8', from, at)
        from = at + 1
        if (text.trim() !== '') yield { text, end: end + from }
      }
      end += from
      rest = bytes.subarray(from)
      if (count > 0) continue
      const text = rest.toString('utf8')
      if (text.trim() !== '') yield { text, end: end + rest.byteLength }
      return
    }
  } finally {
    closeSync(file)
  }
}
