/** Log lines of executions, written in batches. */

import type { Level } from '../core/events.ts'
import type { Database } from './database.ts'
import { anyOf, formatTime } from './sql.ts'

export interface LogLine {
  readonly id: number
  readonly execution_id: number
  readonly task_id: number | null
  readonly level: Level
  readonly text: string
  /** RFC 3339, UTC. */
  readonly time: string
}

export interface LogFilter {
  readonly task?: number
  /** This level and what is graver. */
  readonly level?: Level
  /** Only lines with a larger number: what is new since the last look. */
  readonly after?: number
}

export interface Logs {
  /** Kept in memory until `flush`, or until there are enough. `time` in milliseconds since 1970. */
  log(execution: number, task: number | undefined, level: Level, text: string, time: number): void
  /** Writes what `log` has kept. */
  flush(): void
  /** In the order they were written. */
  logs(execution: number, filter?: LogFilter): Generator<LogLine>
}

interface LogRow extends Omit<LogLine, 'time'> {
  readonly time: number
}

const BATCH = 100
const PAGE = 1000
const LEVELS: readonly Level[] = ['debug', 'info', 'warning', 'error']

export function createLogs(database: Database, redact: (text: string) => string): Logs {
  let waiting: Omit<LogRow, 'id'>[] = []

  function flush(): void {
    if (waiting.length === 0) return
    const lines = waiting
    // Emptied first: lines that cannot be written must not be tried again with every line that follows.
    waiting = []
    database.transaction(() => {
      for (const line of lines) database.run(ADD, { ...line })
    })
  }

  return {
    log(execution, task, level, text, time) {
      waiting.push({ execution_id: execution, task_id: task ?? null, level, text: redact(text), time })
      if (waiting.length >= BATCH) flush()
    },
    flush,
    *logs(execution, { task, level = 'debug', after = 0 } = {}) {
      flush()
      const sql = `SELECT * FROM logs WHERE execution_id = @execution ${task === undefined ? '' : 'AND task_id = @task'}
        AND id > @after AND ${anyOf('level', LEVELS.slice(LEVELS.indexOf(level)))} ORDER BY id LIMIT ${PAGE}`
      for (let last = after; ; ) {
        const rows = database.all<LogRow>(sql, { execution, after: last, ...(task === undefined ? {} : { task }) })
        for (const row of rows) yield { ...row, time: formatTime(row.time) }
        if (rows.length < PAGE) return
        last = rows.at(-1)?.id ?? last
      }
    },
  }
}

const ADD = `
  INSERT INTO logs (execution_id, task_id, level, text, time) VALUES (@execution_id, @task_id, @level, @text, @time)`
