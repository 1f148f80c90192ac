/** Log lines of executions, written in batches. */

import type { Event, Level } from '../core/events.ts'
import type { Database } from './database/database.ts'
import { anyOf, formatTime } from './database/sql.ts'

export interface LogLine {
  readonly id: number
  readonly execution_id: number
  readonly task_id: number | null
  readonly level: Level
  readonly text: string
  /** RFC 3339, UTC. */
  readonly time: string
  /** The event that the line was made of; undefined for a plain line. */
  readonly event: Event | undefined
}

export interface LogFilter {
  readonly task?: number
  /** This level and above. */
  readonly level?: Level
  /** Only lines with a larger number: those since the last look. */
  readonly after?: number
}

export interface Logs {
  /** Kept in memory until `flush`, or until there are enough. `time` in milliseconds since 1970; `event` is flat. */
  add(execution: number, task: number | undefined, level: Level, text: string, time: number, event?: Event): void
  /** Writes what `add` has kept. */
  flush(): void
  /** In the order they were written. */
  list(execution: number, filter?: LogFilter): Generator<LogLine>
  /** The number to list after for the last `count` lines. */
  beforeLast(execution: number, count: number, filter?: LogFilter): number
}

interface LogRow extends Omit<LogLine, 'time' | 'event'> {
  readonly time: number
  readonly event: string | null
}

const BATCH = 100
const PAGE = 1000
const LEVELS: readonly Level[] = ['debug', 'info', 'warning', 'error']

export function createLogs(database: Database, redact: (text: string) => string): Logs {
  let waiting: Omit<LogRow, 'id'>[] = []

  function flush(): void {
    if (waiting.length === 0) return
    const lines = waiting
    // Emptied first: lines that cannot be written must not be tried again with every later line.
    waiting = []
    database.transaction(() => {
      for (const line of lines) database.run(ADD, { ...line })
    })
  }

  return {
    add(execution, task, level, text, time, event) {
      const kept = event === undefined ? null : eventText(event, redact)
      waiting.push({ execution_id: execution, task_id: task ?? null, level, text: redact(text), time, event: kept })
      if (waiting.length >= BATCH) flush()
    },
    flush,
    *list(execution, filter = {}) {
      flush()
      const { where, values } = narrowed(execution, filter)
      const sql = `SELECT * FROM logs WHERE ${where} ORDER BY id LIMIT ${PAGE}`
      for (let last = filter.after ?? 0; ; ) {
        const rows = database.all<LogRow>(sql, { ...values, after: last })
        for (const row of rows) yield toLine(row)
        if (rows.length < PAGE) return
        last = rows.at(-1)?.id ?? last
      }
    },
    beforeLast(execution, count, filter = {}) {
      flush()
      const { where, values } = narrowed(execution, filter)
      const after = filter.after ?? 0
      const sql = `SELECT id FROM logs WHERE ${where} ORDER BY id DESC LIMIT 1 OFFSET @count`
      return database.get<{ id: number }>(sql, { ...values, after, count })?.id ?? after
    },
  }
}

function narrowed(execution: number, { task, level = 'debug' }: LogFilter) {
  const levels = anyOf('level', LEVELS.slice(LEVELS.indexOf(level)))
  return {
    where: `execution_id = @execution ${task === undefined ? '' : 'AND task_id = @task'} AND id > @after AND ${levels}`,
    values: { execution, ...(task === undefined ? {} : { task }) },
  }
}

/** Redacts each text before it becomes JSON, which may spell a secret differently. */
function eventText(event: Event, redact: (text: string) => string): string {
  return JSON.stringify(event, (_, value: unknown) => (typeof value === 'string' ? redact(value) : value))
}

function toLine(row: LogRow): LogLine {
  // Our own column, written by `eventText`.
  const event = row.event === null ? undefined : (JSON.parse(row.event) as Event)
  return { ...row, time: formatTime(row.time), event }
}

const ADD = `
  INSERT INTO logs (execution_id, task_id, level, text, time, event)
  VALUES (@execution_id, @task_id, @level, @text, @time, @event)`
