/** What a failure of SQLite or of the file system means for the history, and what to do about it. */

import { errorCode, HistoryError } from '../../core/errors.ts'

const REASONS: readonly (readonly [code: RegExp, reason: string, hint: string])[] = [
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    'the file is damaged',
    'move it away to begin a new history, or put a backup in its place',
  ],
  [
    /^(SQLITE_(CANTOPEN|READONLY|PERM|AUTH)|EACCES|EPERM|EROFS)/,
    'it cannot be written',
    'check its owner and permissions, or choose another directory with --home',
  ],
  [/^(ENOTDIR|EEXIST|EISDIR|ENOENT)/, 'its directory cannot be made', 'choose another directory with --home'],
  [/^SQLITE_(BUSY|LOCKED)/, 'another process keeps it busy', 'try again; if it lasts, look for a process that hangs'],
  // A full disk has no room for the index of recent writes either.
  [
    /^(SQLITE_FULL|SQLITE_IOERR_SHMSIZE|ENOSPC|EDQUOT)/,
    'the disk is full',
    'make room, or choose another directory with --home',
  ],
  [/^(SQLITE_IOERR|EIO)/, 'the disk cannot be read or written', 'check the disk it is on'],
]

/** The error as a `HistoryError` that says what is wrong with the file; an unknown error is a bug and is returned unchanged. */
export function explained(error: unknown, file: string): unknown {
  if (error instanceof HistoryError || !(error instanceof Error)) return error
  const found = REASONS.find(([pattern]) => pattern.test(errorCode(error)))
  if (!found) return error
  return new HistoryError(`the history ${file} cannot be used: ${found[1]} (${errorCode(error)})`, {
    cause: error,
    hint: found[2],
  })
}
