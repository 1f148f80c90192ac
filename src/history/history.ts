/** The history: what ran, how it went, and which process runs what now, in one SQLite file that any number of processes share. */

import { join } from 'node:path'
import { currentProcess, type IsAlive, isProcessAlive, type ProcessIdentity } from '../process/identity.ts'
import { type Audit, createAudit } from './audit.ts'
import { type BlobHomes, createBlobHomes } from './blob-homes.ts'
import { type BroughtTags, createBroughtTags } from './brought.ts'
import { type ChartImageRecords, createChartImageRecords } from './chart-images.ts'
import { type ContentNames, createContentNames } from './content-names.ts'
import { createDaemonRecords, type DaemonRecords } from './daemon.ts'
import { createCheckpoints } from './database/checkpoint.ts'
import { openDatabase } from './database/database.ts'
import { migrate } from './database/migrations.ts'
import { createErrorText } from './database/recorded-error.ts'
import { createDefinitions, type Definitions } from './definitions.ts'
import { createEventRecords, type EventRecords } from './events/events.ts'
import { createReactions, type Reactions } from './events/reactions.ts'
import { type Attempts, createAttempts } from './executions/attempts.ts'
import { type Control, createControl } from './executions/control.ts'
import { createExecutions, type Executions } from './executions/executions.ts'
import { createExecutionListing, type ExecutionListing } from './executions/listing.ts'
import { createProgressRecords, type ProgressRecords } from './executions/progress.ts'
import { createPrune, type Prune } from './executions/prune.ts'
import { createSamples, type Samples } from './executions/samples.ts'
import { createFirstSeen, type FirstSeen } from './first-seen.ts'
import { createLocks, type Locks } from './locks.ts'
import { createLogs, type Logs } from './logs.ts'
import { createNarrowedIndexes, type NarrowedIndexes } from './narrowed.ts'
import { createNotifications, type Notifications } from './notifications.ts'
import { createPolls, type Polls } from './polls.ts'
import { createRegistryStatuses, type RegistryStatuses } from './registry-status.ts'
import { createScheduleRuns, type ScheduleRuns } from './schedules.ts'
import { createTaskListing, type TaskListing } from './tasks/listing.ts'
import { createTasks, type Tasks } from './tasks/tasks.ts'
import { createUploads, type Uploads } from './uploads.ts'

export type { DaemonOwner, DaemonRecords } from './daemon.ts'
export type { EventOrigin, EventRecords, EventWay, SettledEvent, SettleTimes, ShownEvent } from './events/events.ts'
export type { Reaction, Reactions } from './events/reactions.ts'
export type { Beginning } from './executions/attempts.ts'
export type { BeginRequest } from './executions/executions.ts'
export type { ExecutionFilter } from './executions/listing.ts'
export type { Progress } from './executions/progress.ts'
export type { Pruned, PruneFilter } from './executions/prune.ts'
export type { Sample } from './executions/samples.ts'
export type { FirstSeen } from './first-seen.ts'
export type { LockOwner } from './locks.ts'
export type { LogFilter, LogLine } from './logs.ts'
export type { NarrowedIndexes } from './narrowed.ts'
export type { OwedEnd } from './notifications.ts'
export type { Poll, PollChange } from './polls.ts'
export type { NewScheduleRun, ScheduleRun, WaitingRun } from './schedules.ts'
export type { TaskFilter } from './tasks/listing.ts'
export type { PendingTask, TaskEnd, TaskKind } from './tasks/tasks.ts'
export type { AbandonedUpload, UploadKey } from './uploads.ts'

/** Every method is synchronous and throws `HistoryError` where the file cannot be used. */
export interface History {
  /** The file. */
  readonly file: string
  readonly executions: Executions & Attempts & ExecutionListing
  readonly control: Control
  readonly progress: ProgressRecords
  readonly samples: Samples
  readonly tasks: Tasks & TaskListing
  readonly logs: Logs
  readonly locks: ExecutionLocks
  readonly uploads: Uploads
  readonly notifications: Notifications
  readonly blobHomes: BlobHomes
  readonly brought: BroughtTags
  readonly firstSeen: FirstSeen
  readonly narrowed: NarrowedIndexes
  readonly names: ContentNames
  readonly chartImages: ChartImageRecords
  readonly registries: RegistryStatuses
  readonly definitions: Definitions
  readonly audit: Audit
  readonly events: EventRecords
  readonly reactions: Reactions
  readonly schedules: ScheduleRuns
  readonly polls: Polls
  readonly daemon: DaemonRecords
  readonly prune: Prune
  /** Another one after each write, of whichever process. Costs a few microseconds. */
  version(): string
  /** Tells this history from every other one. */
  identity(): string
  close(): void
}

/** The policy's lock, which `executions.begin`, `resume` and `retry` take. */
export interface ExecutionLocks extends Pick<Locks, 'markInterrupted'> {
  /** Says that this process still runs the execution, and writes its log lines; call it every few seconds. False where the lock was
   *  lost to another process. */
  heartbeat(execution: number): boolean
  /** Gives the policy's lock back, after the execution has ended. May be called twice. */
  release(execution: number): void
}

export interface HistoryOptions {
  /** Nothing is written, also no directory made. */
  readonly readonly?: boolean
  /** Removes secrets from log lines and errors. */
  readonly redact?: (text: string) => string
  readonly clock?: { now(): number }
  /** Default: this process. */
  readonly me?: ProcessIdentity
  /** Asked for processes of this machine only. */
  readonly isAlive?: IsAlive
}

/** Opens `history.db` in the directory, both made where they are missing. */
export async function openHistory(directory: string, options: HistoryOptions = {}): Promise<History> {
  const { readonly = false, redact = (text) => text, clock = Date, me = currentProcess() } = options
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
  const { isAlive = isProcessAlive } = options
  const locks = createLocks(database, now, me, isAlive)
  const logs = createLogs(database, redact)
  const checkpoints = createCheckpoints(database)
  const listing = createExecutionListing(database, locks)
  return {
    file: database.file,
    executions: {
      ...listing,
      ...createExecutions(database, locks, listing, now, errorText),
      ...createAttempts(database, locks, now),
    },
    control: createControl(database, listing),
    progress: createProgressRecords(database, locks, redact),
    samples: createSamples(database, locks, now),
    tasks: { ...createTasks(database, locks, now, errorText), ...createTaskListing(database, locks) },
    logs,
    locks: {
      markInterrupted: locks.markInterrupted,
      heartbeat(execution) {
        logs.flush()
        return locks.heartbeat(execution)
      },
      release(execution) {
        locks.release(execution)
        checkpoints.soon()
      },
    },
    uploads: createUploads(database, locks, now),
    notifications: createNotifications(database, now),
    blobHomes: createBlobHomes(database, now),
    brought: createBroughtTags(database),
    firstSeen: createFirstSeen(database, now),
    narrowed: createNarrowedIndexes(database, now),
    names: createContentNames(database, now),
    chartImages: createChartImageRecords(database, now),
    registries: createRegistryStatuses(database, now, redact),
    definitions: createDefinitions(database, now),
    audit: createAudit(database, now, redact),
    events: createEventRecords(database),
    reactions: createReactions(database),
    schedules: createScheduleRuns(database, now),
    polls: createPolls(database),
    daemon: createDaemonRecords(database, now, me, isAlive, locks.markInterrupted),
    prune: createPrune(database, locks),
    version: () => database.version(),
    identity: () => database.get<{ id: string }>('SELECT id FROM identity')?.id ?? '',
    close() {
      try {
        logs.flush()
      } catch {
        // An earlier write has already reported why the history fails; these lines are lost, too.
      }
      checkpoints.end()
      database.close()
    },
  }
}
