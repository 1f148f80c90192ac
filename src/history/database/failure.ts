/** What a failure of SQLite or of the file system means for the history, and what to do about it. */

import { errorCode, HistoryError } from '../../core/errors.ts'

const ELSEWHERE = 'choose another directory with --home or REPLICATE_HOME'

const REASONS: readonly (readonly [code: RegExp, reason: string, hint: string])[] = [
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    'the file is damaged',
    'move it away to begin a new history, or put a backup in its place',
  ],
  [/^EROFS/, 'it is on a read-only file system', `${ELSEWHERE} that is kept between runs`],
  [
    /^(SQLITE_(CANTOPEN|READONLY|PERM|AUTH)|EACCES|EPERM)/,
    'it cannot be written',
    `check its owner and permissions, or ${ELSEWHERE}`,
  ],
  [/^(ENOTDIR|EEXIST|EISDIR|ENOENT)/, 'its directory cannot be made', ELSEWHERE],
  [/^SQLITE_(BUSY|LOCKED)/, 'another process keeps it busy', 'try again; if it lasts, look for a process that hangs'],
  // A full disk has no room for the index of recent writes either.
  [/^(SQLITE_FULL|SQLITE_IOERR_SHMSIZE|ENOSPC|EDQUOT)/, 'the disk is full', `make room, or ${ELSEWHERE}`],
  [/^(SQLITE_IOERR|EIO)/, 'the disk cannot be read or written', 'check the disk it is on'],
]

/** Of a history that is only read. */
const READING: typeof REASONS = [
  [/^(SQLITE_CANTOPEN|EACCES|EPERM)/, 'it cannot be read', `check its owner and permissions, or ${ELSEWHERE}`],
]

/** The error as a `HistoryError` that says what is wrong with the file; an unknown error is a bug and is returned unchanged. */
export function explained(error: unknown, file: string, readonly = false): unknown {
  if (error instanceof HistoryError || !(error instanceof Error)) return error
  const reasons = readonly ? [...READING, ...REASONS] : REASONS
  const found = reasons.find(([pattern]) => pattern.test(errorCode(error)))
  if (!found) return error
  return new HistoryError(`the history ${file} cannot be used: ${found[1]} (${errorCode(error)})`, {
    cause: error,
    hint: found[2],
  })
}
