/** Sends the log of an execution or of one of its tasks, line by line as it is written. */

import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../../core/cancel.ts'
import { HistoryError } from '../../../core/errors.ts'
import type { Level } from '../../../core/events.ts'
import { isFinal } from '../../../core/states.ts'
import type { History, LogLine } from '../../../history/history.ts'
import type { LogLineData } from '../schema/log.ts'
import type { Stream } from './sse.ts'

export interface Followed {
  readonly execution: number
  readonly task?: number | undefined
  /** This level and above. */
  readonly level: Level
  /** The number of the last line that the client has. */
  readonly after: number
}

export interface Following {
  /** False once the client is gone. */
  line(line: LogLineData): boolean
  /** The execution has ended, and all of its log was sent. False: lines of a later attempt are sent too. */
  ended(): boolean
}

/** How often a log is looked at, in milliseconds. */
const INTERVAL = 500
/** Looks after an end until its last lines are there, which are written after it. */
const LOOKS = 2
/** Milliseconds after an end by which they are there in any case. */
const SURELY_WRITTEN = 10_000
/** Lines that are sent before others get their turn. */
const AT_ONCE = 500

/** Resolves when the stream is gone, the execution was deleted, or `ended` said so. */
export async function follow(
  { history, clock }: { readonly history: History; readonly clock: Clock },
  stream: Stream,
  { execution, task, level, after }: Followed,
  { line: tell, ended }: Following,
): Promise<void> {
  const wanted = { level, ...(task === undefined ? {} : { task }) }
  let last = after
  /** Since how many looks it has ended: its last lines are written after that. */
  let over = 0
  let seen: string | undefined
  let sent = 0
  while (!stream.gone.aborted) {
    try {
      const { status, end_time } = history.executions.get(execution)
      over = isFinal(status) ? over + 1 : 0
      if (over === 1 && clock.now() - Date.parse(end_time ?? '') > SURELY_WRITTEN) over = LOOKS
      const version = history.version()
      // The end is told with the second look, also where nothing was written meanwhile.
      if (version !== seen) {
        for (const line of history.logs.list(execution, { ...wanted, after: last })) {
          last = line.id
          if (!tell(lineData(line))) return
          sent += 1
          if (sent % AT_ONCE === 0) await setImmediate()
          await stream.drained()
        }
        seen = version
      }
      if (over === LOOKS && ended()) return
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error
      if (error.missing) return
      // Probes and the log of the daemon tell of a history that cannot be read; the next look may succeed.
    }
    await clock.sleep(INTERVAL, stream.gone).catch(() => {})
  }
}

function lineData({ id, time, level, task_id, text }: LogLine): LogLineData {
  return { id, time, level, task_id, text }
}
