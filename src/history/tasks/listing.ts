/** Tasks as they are shown, read page by page. */

import type { Digest } from '../../core/descriptor.ts'
import { HistoryError } from '../../core/errors.ts'
import { logPath, type Task, type TaskResource } from '../../core/execution.ts'
import type { Location, TaskSpec } from '../../core/plan.ts'
import { formatResource, namespaceOf } from '../../core/reference.ts'
import { ACTIVE_TASKS, type TaskStatus } from '../../core/states.ts'
import type { Database } from '../database/database.ts'
import { readError } from '../database/recorded-error.ts'
import { formatTime } from '../database/sql.ts'
import type { Locks } from '../locks.ts'
import { createTaskPages, type TaskPages } from './page.ts'

export interface TaskFilter {
  readonly status?: TaskStatus
  /** Only tasks with a larger `id`. */
  readonly after?: number
  /** Default: all. */
  readonly limit?: number
}

export interface TaskListing extends TaskPages {
  /** In the order they were added, page by page, so that the table may be written at the same time. */
  list(execution: number, filter?: TaskFilter): Generator<Task>
  /** Throws a `HistoryError` for an unknown task. */
  get(execution: number, task: number): Task
  /** Those that ended at `since` (milliseconds since 1970) or later, in the order of their ends. Reads every task, 30 ms for 100,000: an
   *  index would slow down every run. */
  endedSince(execution: number, since: number): readonly Task[]
}

export interface TaskRow
  extends Omit<
    Task,
    | 'resource_type'
    | 'action'
    | 'src_resource'
    | 'dest_resource'
    | 'source'
    | 'destination'
    | 'digest'
    | 'dest_digest'
    | 'reason'
    | 'named_by'
    | 'log_data_path'
    | 'start_time'
    | 'end_time'
    | 'error'
  > {
  /** `id` is the row's own. */
  readonly number: number
  readonly spec: string
  readonly start_time: number | null
  readonly end_time: number | null
  readonly error: string | null
}

const PAGE = 1000

export function createTaskListing(database: Database, locks: Pick<Locks, 'abandoned'>): TaskListing {
  /** In a history that cannot be written, the tasks of a process that died are still as it left them. */
  function shown(row: TaskRow, isDead: boolean): Task {
    const task = toTask(row)
    return isDead && ACTIVE_TASKS.some((status) => status === task.status) ? { ...task, status: 'stopped' } : task
  }

  return {
    ...createTaskPages<TaskRow>(database, (execution, row) =>
      shown(row, database.readonly && locks.abandoned().includes(execution)),
    ),
    *list(execution, { status, after = 0, limit = Number.POSITIVE_INFINITY } = {}) {
      const isDead = database.readonly && locks.abandoned().includes(execution)
      for (let last = after, left = limit; left > 0; ) {
        const wanted = Math.min(PAGE, left)
        const parameters = { execution, last, limit: wanted, ...(status === undefined ? {} : { status }) }
        const rows = database.all<TaskRow>(status === undefined ? LIST : LIST_BY_STATUS, parameters)
        for (const row of rows) yield shown(row, isDead)
        left -= rows.length
        last = rows.at(-1)?.number ?? last
        if (rows.length < wanted) return
      }
    },
    get(execution, task) {
      const row = database.get<TaskRow>('SELECT * FROM tasks WHERE execution_id = @execution AND number = @task', {
        execution,
        task,
      })
      if (row) return shown(row, database.readonly && locks.abandoned().includes(execution))
      throw new HistoryError(`execution ${execution} has no task ${task}`, { missing: true })
    },
    endedSince: (execution, since) => database.all<TaskRow>(ENDED, { execution, since }).map(toTask),
  }
}

export interface StoredSpec extends TaskSpec {
  /** Of a task that succeeded: what the destination's tag points at, where that is not `digest`, or the task was `unresolved`. */
  readonly written?: Digest
  /** Of an index that was copied: what it was copied for. */
  readonly platforms?: readonly string[]
}

export function readSpec(text: string): StoredSpec {
  // Our own column, written by `Tasks.add` and `Tasks.finish`.
  return JSON.parse(text) as StoredSpec
}

export function toTask(row: TaskRow): Task {
  const spec = readSpec(row.spec)
  const { number, execution_id, status, attempts, bytes_copied, bytes_mounted, bytes_present } = row
  const size = status === 'succeeded' ? bytes_copied + bytes_mounted + bytes_present : undefined
  // Of a task that was compared only when it ran, `written` alone says whether it wrote anything.
  const isWritten = status === 'succeeded' && spec.action !== 'delete' && !spec.unresolved
  const dest_digest = spec.written ?? (isWritten ? (spec.digest ?? null) : null)
  return {
    id: number,
    execution_id,
    resource_type: spec.resource_type,
    action: spec.action,
    src_resource: formatResource({ ...spec.source, digest: spec.digest }),
    dest_resource: formatResource({ ...spec.destination, digest: spec.digest }),
    source: resourceAt(spec.source, spec.digest, size, spec),
    destination: resourceAt(spec.destination, dest_digest ?? spec.previous_digest, size, spec),
    digest: spec.digest ?? null,
    dest_digest,
    reason: spec.reason ?? null,
    named_by: spec.named_by ?? null,
    status,
    attempts,
    bytes_copied,
    bytes_mounted,
    bytes_present,
    start_time: row.start_time === null ? null : formatTime(row.start_time),
    end_time: row.end_time === null ? null : formatTime(row.end_time),
    log_data_path: logPath(execution_id, number),
    error: readError(row.error),
  }
}

function resourceAt(
  location: Location,
  digest: string | undefined,
  size: number | undefined,
  { action, resource_type, media_type, labels = [], platforms = [] }: StoredSpec,
): TaskResource {
  const { registry, repository, tag } = location
  const namespace = namespaceOf(repository)
  const isDelete = action === 'delete'
  return {
    resource_type,
    uri: formatResource({ ...location, digest }),
    registry,
    metadata: {
      namespace: namespace ?? null,
      name: namespace === undefined ? repository : repository.slice(namespace.length + 1),
      v_tag: tag ?? null,
      labels,
    },
    deleted: isDelete,
    extended_info: {
      digest: digest ?? null,
      media_type: media_type ?? null,
      size: isDelete ? null : (size ?? null),
      platforms,
    },
  }
}

const list = (condition: string): string => `
  SELECT * FROM tasks WHERE execution_id = @execution ${condition} AND number > @last ORDER BY number LIMIT @limit`

const LIST = list('')

const LIST_BY_STATUS = list('AND status = @status')

const ENDED = `
  SELECT * FROM tasks WHERE execution_id = @execution AND end_time IS NOT NULL AND end_time >= @since
  ORDER BY end_time, id`
