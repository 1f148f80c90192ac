/** A page of an execution's tasks, in any order, and found by a text: quickly, also among a hundred thousand. */

import type { Task } from '../../core/execution.ts'
import type { TaskStatus } from '../../core/states.ts'
import type { Database, Parameters } from '../database/database.ts'
import type { Page, PageRequest } from '../executions/listing.ts'

export interface TaskPageRequest extends PageRequest<'id' | 'start_time' | 'end_time' | 'bytes_copied'> {
  readonly status?: TaskStatus | undefined
  /** In the name of either side, upper and lower case alike. */
  readonly text?: string | undefined
}

export interface TaskPages {
  /**
   * Each step takes a few milliseconds, so that others get their turn between two of them: a text, and another order than that of the plan,
   * are looked for in every task (0.2 s for 100,000). Without either there is one step.
   */
  page(execution: number, request: TaskPageRequest): Generator<void, Page<Task>>
}

/** Tasks that are read in one step. */
const STEP = 4000

/** What a task is put in order by, and its row's own number, which grows in the order of the plan. */
type Placed = readonly [key: number | null, id: number]

export function createTaskPages<Row>(database: Database, shown: (execution: number, row: Row) => Task): TaskPages {
  /** How many there are, and the first `most` of them in their order: no more are held at a time. */
  function* found(
    execution: number,
    { status, text, order, descending }: TaskPageRequest,
    most: number,
  ): Generator<void, { readonly total: number; readonly ids: readonly number[] }> {
    const way = descending ? -1 : 1
    const inOrder = ([key, id]: Placed, [other, of]: Placed): number => way * (compare(key, other) || id - of)
    let first: readonly Placed[] = []
    let total = 0
    for (let last = 0; ; ) {
      const parameters = {
        execution,
        text: text ?? null,
        last,
        limit: STEP,
        ...(status === undefined ? {} : { status }),
      }
      const step = database.get<{ last: number | null; found: string }>(find(order, status), parameters)
      if (!step || step.last === null) return { total, ids: first.map(([, id]) => id) }
      last = step.last
      // Our own statement's.
      const more = JSON.parse(step.found) as readonly Placed[]
      total += more.length
      first = [...first, ...more].sort(inOrder).slice(0, most)
      yield
    }
  }

  return {
    *page(execution, request) {
      const { status, text, order, descending, offset, limit } = request
      const way = descending ? 'DESC' : 'ASC'
      // Of the tasks that are passed over nothing is read but what the index has.
      const rowsOf = (ids: string, parameters: Parameters): readonly Task[] =>
        database
          .all<Row>(
            `SELECT * FROM tasks WHERE id IN (${ids}) ORDER BY ${keyOf(order)} ${way}, number ${way}`,
            parameters,
          )
          .map((row) => shown(execution, row))
      if (text !== undefined || order !== 'id') {
        const { total, ids } = yield* found(execution, request, offset + limit)
        const some = JSON.stringify(ids.slice(offset))
        return { rows: rowsOf('SELECT value FROM json_each(@some)', { some }), total }
      }
      const { total = 0 } =
        database.get<{ total: number }>(
          `SELECT ${status ? COUNTS[status] : ALL} AS total FROM executions WHERE id = @id`,
          {
            id: execution,
          },
        ) ?? {}
      const narrowed = status === undefined ? '' : 'AND status = @status'
      const rows = rowsOf(
        `SELECT id FROM tasks WHERE execution_id = @execution ${narrowed} ORDER BY number ${way} LIMIT @limit OFFSET @offset`,
        { execution, limit, offset, ...(status === undefined ? {} : { status }) },
      )
      return { rows, total }
    },
  }
}

/** What is not known yet comes first. */
function compare(a: number | null, b: number | null): number {
  return a === b ? 0 : (a ?? Number.NEGATIVE_INFINITY) < (b ?? Number.NEGATIVE_INFINITY) ? -1 : 1
}

function keyOf(order: TaskPageRequest['order']): string {
  return order === 'id' ? 'number' : order
}

/** Where an execution counts its tasks. */
const COUNTS: Readonly<Record<TaskStatus, string>> = {
  pending: 'pending',
  in_progress: 'running',
  succeeded: 'succeed',
  failed: 'failed',
  stopped: 'stopped',
  skipped: 'skipped',
}

const ALL = Object.values(COUNTS).join(' + ')

const NAME = (side: string): string =>
  `(spec ->> '$.${side}.registry') || '/' || (spec ->> '$.${side}.repository') || ':' || coalesce(spec ->> '$.${side}.tag', '')`

const find = (order: TaskPageRequest['order'], status: TaskStatus | undefined): string => `
  SELECT max(number) AS last, json_group_array(json_array(${keyOf(order)}, id)) FILTER (
    WHERE @text IS NULL OR instr(lower(${NAME('source')} || ' ' || ${NAME('destination')}), lower(@text)) > 0
  ) AS found
  FROM (
    SELECT id, number, ${order === 'id' ? '' : `${order},`} spec FROM tasks
    WHERE execution_id = @execution ${status === undefined ? '' : 'AND status = @status'} AND number > @last
    ORDER BY number LIMIT @limit
  )`
