/** A run as JSON, one object a line: executions and tasks as `executions show` has them. */

import type { PolicyOutcome } from '../../app/app.ts'
import type { Event, RequestEvent } from '../../core/events.ts'
import type { Session } from '../session.ts'
import { errorLines, isSilent } from './error.ts'
import { jsonLine } from './json.ts'
import { requestText } from './told.ts'
import type { View } from './view.ts'

export function jsonView(session: Session): View {
  let about: About = { execution_id: null, policy: null }
  const write = (value: unknown): void => session.stdout.write(jsonLine(value))
  return {
    begin(_heading, execution) {
      about = { execution_id: execution.id, policy: execution.policy }
      write({ type: 'execution', ...execution })
    },
    event(event, time = session.timer.now()) {
      const line = lineOf(event, { ...about, time: new Date(time).toISOString() }, session.verbose)
      if (line) write(line)
    },
    progress() {},
    end(outcome: PolicyOutcome) {
      const { execution, error, policy } = outcome
      if (execution) write({ type: 'execution', ...execution })
      // What has stopped an execution is not kept with it.
      if (error !== undefined && !isSilent(error) && !execution?.error) {
        for (const line of errorLines(error)) write({ ...line, policy })
      }
      about = { execution_id: null, policy: null }
    },
    close() {},
  }
}

interface About {
  readonly execution_id: number | null
  readonly policy: string | null
}

function lineOf(event: Event, about: About & { readonly time: string }, verbose: number): object | undefined {
  const log = { type: 'log', ...about }
  switch (event.type) {
    case 'stage':
      return { ...log, level: 'info', stage: event.stage, state: event.state, text: event.text }
    case 'log':
      if (event.level === 'debug' && verbose < 2) return undefined
      return { ...log, level: event.level, task_id: event.task ?? null, text: event.text }
    case 'task':
      return { type: 'task', ...event.task }
    case 'retry': {
      const { what, reason, attempt, delay } = event
      return {
        ...log,
        level: 'info',
        task_id: event.task ?? null,
        text: `${what}: ${reason}`,
        attempt,
        delay_ms: delay,
      }
    }
    case 'request': {
      if (verbose < 2) return undefined
      const { worker = null } = event
      return { ...log, level: 'debug', task_id: null, text: requestText(event), ...requestFields(event), worker }
    }
    case 'waiting':
      return { type: 'waiting', ...about, reason: event.reason, until: event.until ?? null }
    default:
      return undefined
  }
}

/** What one request was, in the names of JSON. */
export function requestFields(event: RequestEvent): object {
  const { method, url, status = null, failure = null, duration, sent, received, attempt = 1 } = event
  const bytes = { bytes_sent: sent ?? null, bytes_received: received ?? null }
  return { method, url, status, failure, duration_ms: Math.round(duration), ...bytes, attempt }
}
