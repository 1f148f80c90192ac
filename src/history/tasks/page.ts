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
   * Each step takes a few milliseconds, so that others get their turn between two of them: a text is looked for in every task (0.2 s for
   * 100,000). Without a text there is one step; another order than that of the plan reads every task too (30 to 60 ms for 100,000).
   */
  page(execution: number, request: TaskPageRequest): Generator<void, Page<Task>>
}

/** Tasks that are read in one step. */
const STEP = 4000

export function createTaskPages<Row>(database: Database, shown: (execution: number, row: Row) => Task): TaskPages {
  /** Their rows' own numbers, in the order of the plan. */
  function* found(execution: number, text: string, status: TaskStatus | undefined): Generator<void, readonly number[]> {
    const all: number[] = []
    for (let last = 0; ; ) {
      const parameters = { execution, text, last, limit: STEP, ...(status === undefined ? {} : { status }) }
      const step = database.get<{ last: number | null; ids: string }>(
        status === undefined ? FIND : FIND_BY_STATUS,
        parameters,
      )
      if (!step || step.last === null) return all
      last = step.last
      for (const id of JSON.parse(step.ids) as readonly number[]) all.push(id)
      yield
    }
  }

  return {
    *page(execution, { status, text, order, descending, offset, limit }) {
      const way = descending ? 'DESC' : 'ASC'
      const by = order === 'id' ? `ORDER BY number ${way}` : `ORDER BY ${order} ${way}, number ${way}`
      // Of the tasks that are passed over nothing is read but what the index has.
      const rowsOf = (ids: string, parameters: Parameters): readonly Task[] =>
        database
          .all<Row>(`SELECT * FROM tasks WHERE id IN (${ids}) ${by}`, parameters)
          .map((row) => shown(execution, row))
      const end = `${by} LIMIT @limit OFFSET @offset`
      if (text !== undefined) {
        const ids = yield* found(execution, text, status)
        const total = ids.length
        if (order === 'id') {
          const inOrder = descending ? ids.toReversed() : ids
          const some = JSON.stringify(inOrder.slice(offset, offset + limit))
          return { rows: rowsOf('SELECT value FROM json_each(@some)', { some }), total }
        }
        const some = JSON.stringify(ids)
        const sorted = `SELECT id FROM tasks WHERE id IN (SELECT value FROM json_each(@some)) ${end}`
        return { rows: rowsOf(sorted, { some, limit, offset }), total }
      }
      const { total = 0 } =
        database.get<{ total: number }>(
          `SELECT ${status ? COUNTS[status] : ALL} AS total FROM executions WHERE id = @id`,
          {
            id: execution,
          },
        ) ?? {}
      const narrowed = status === undefined ? '' : 'AND status = @status'
      const rows = rowsOf(`SELECT id FROM tasks WHERE execution_id = @execution ${narrowed} ${end}`, {
        execution,
        limit,
        offset,
        ...(status === undefined ? {} : { status }),
      })
      return { rows, total }
    },
  }
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

const find = (condition: string): string => `
  SELECT max(number) AS last, json_group_array(id) FILTER (
    WHERE instr(lower(${NAME('source')} || ' ' || ${NAME('destination')}), lower(@text)) > 0
  ) AS ids
  FROM (
    SELECT id, number, spec FROM tasks
    WHERE execution_id = @execution ${condition} AND number > @last ORDER BY number LIMIT @limit
  )`

const FIND = find('')

const FIND_BY_STATUS = find('AND status = @status')
