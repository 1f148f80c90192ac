/** The history: what ran, how it went, and who is running now; one SQLite file that any number of processes share. */

import { join } from 'node:path'
import { type Attempts, createAttempts } from './attempts.ts'
import { type BlobHomes, createBlobHomes } from './blob-homes.ts'
import { type Control, createControl } from './control.ts'
import { openDatabase } from './database.ts'
import { createExecutionListing, type ExecutionListing } from './execution-listing.ts'
import { createExecutions, type Executions } from './executions.ts'
import { createFirstSeen, type FirstSeen } from './first-seen.ts'
import { createLocks, type Locks } from './locks.ts'
import { createLogs, type Logs } from './logs.ts'
import { migrate } from './migrations.ts'
import { createNarrowedIndexes, type NarrowedIndexes } from './narrowed.ts'
import { createNotifications, type Notifications } from './notifications.ts'
import { type IsAlive, isProcessAlive } from './process.ts'
import { createProgressRecords, type ProgressRecords } from './progress.ts'
import { createPrune, type Prune } from './prune.ts'
import { createErrorText } from './recorded-error.ts'
import { createRegistryStatuses, type RegistryStatuses } from './registry-status.ts'
import { createTaskListing, type TaskListing } from './task-listing.ts'
import { createTasks, type Tasks } from './tasks.ts'
import { createUploads, type Uploads } from './uploads.ts'

export type { Beginning } from './attempts.ts'
export type { ExecutionFilter } from './execution-listing.ts'
export type { BeginRequest } from './executions.ts'
export type { FirstSeen } from './first-seen.ts'
export type { LockOwner } from './locks.ts'
export type { LogFilter, LogLine } from './logs.ts'
export type { NarrowedIndexes } from './narrowed.ts'
export type { OwedEnd } from './notifications.ts'
export type { BlobProgress, Progress } from './progress.ts'
export type { Pruned, PruneFilter } from './prune.ts'
export type { RegistryStatus } from './registry-status.ts'
export type { TaskFilter } from './task-listing.ts'
export type { PendingTask, TaskEnd, TaskKind } from './tasks.ts'
export type { AbandonedUpload, UploadKey } from './uploads.ts'

/** Every method is synchronous and throws `HistoryError` where the file cannot be used. */
export interface History
  extends Executions,
    Attempts,
    Control,
    ExecutionListing,
    Tasks,
    TaskListing,
    Uploads,
    Logs,
    BlobHomes,
    FirstSeen,
    NarrowedIndexes,
    RegistryStatuses,
    Notifications,
    ProgressRecords,
    Prune,
    Pick<Locks, 'markInterrupted'> {
  /** The file. */
  readonly file: string
  /** Says that this process still runs the execution, and writes its log lines; call it every few seconds. False where the lock was
   *  lost to another process. */
  heartbeat(execution: number): boolean
  /** Gives the policy's lock back, after the execution has ended. May be called twice. */
  release(execution: number): void
  close(): void
}

export interface HistoryOptions {
  /** Nothing is written, also no directory made. */
  readonly readonly?: boolean
  /** Removes secrets from log lines and errors. */
  readonly redact?: (text: string) => string
  readonly clock?: { now(): number }
  /** Asked for processes of this machine only. */
  readonly isAlive?: IsAlive
}

/** Opens `history.db` in the directory, both made where they are missing. */
export async function openHistory(directory: string, options: HistoryOptions = {}): Promise<History> {
  const { readonly = false, redact = (text) => text, clock = Date, isAlive = isProcessAlive } = options
  const database = await openDatabase(join(directory, 'history.db'), readonly)
  try {
    migrate(database)
    // Also where it stands for a file that does not exist.
    if (readonly) database.exec('PRAGMA query_only = ON')
  } catch (error) {
    database.close()
    throw error
  }
  const now = (): number => clock.now()
  const errorText = createErrorText(redact)
  const locks = createLocks(database, now, isAlive)
  const logs = createLogs(database, redact)
  const listing = createExecutionListing(database, locks)
  return {
    ...listing,
    ...createExecutions(database, locks, listing, now, errorText),
    ...createAttempts(database, locks, now),
    ...createControl(database, listing),
    ...createTasks(database, now, errorText),
    ...createTaskListing(database),
    ...createUploads(database, locks, now),
    ...createBlobHomes(database, now),
    ...logs,
    ...createFirstSeen(database, now),
    ...createNarrowedIndexes(database),
    ...createRegistryStatuses(database, now, redact),
    ...createNotifications(database, now),
    ...createProgressRecords(database, redact),
    ...createPrune(database, locks),
    file: database.file,
    markInterrupted: locks.markInterrupted,
    heartbeat(execution) {
      logs.flush()
      return locks.heartbeat(execution)
    },
    release(execution) {
      locks.release(execution)
      database.checkpoint()
    },
    close() {
      logs.flush()
      database.checkpoint()
      database.close()
    },
  }
}
