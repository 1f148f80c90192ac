/** The history's file and directory, readable by their owner only. */

import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { hasCode } from '../../core/errors.ts'

/** Creates the file, empty, unless it exists. SQLite gives the files that it puts beside this one the same permissions. */
export function createFile(file: string): void {
  makeDirectory(dirname(file))
  // An existing file must not be opened here: closing it again would drop the locks of this process's other connections.
  if (!existsSync(file)) {
    try {
      closeSync(openSync(file, 'wx', 0o600))
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }
  if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600)
}

/** One by one: of several at once, Node says ENOENT where the file system is read-only. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return
  makeDirectory(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  }
}
