/** A run as JSON, one object a line. */

import type { PolicyOutcome } from '../../app/app.ts'
import type { Session } from '../session.ts'
import { errorLines, recordedError } from './error.ts'
import { jsonLine } from './json.ts'
import type { View } from './view.ts'

export function jsonView(session: Session): View {
  let execution: number | null = null
  let policy: string | null = null
  const write = (value: unknown): void => session.stdout.write(jsonLine(value))
  return {
    begin(heading, id) {
      execution = id
      policy = heading.policy
      write({ type: 'execution', id, policy, status: 'preparing' })
    },
    event(event) {
      const common = { execution_id: execution, policy }
      switch (event.type) {
        case 'stage':
          write({ type: 'log', ...common, level: 'info', stage: event.stage, state: event.state, text: event.text })
          break
        case 'log':
          if (event.level === 'debug' && session.verbose < 2) break
          write({ type: 'log', ...common, level: event.level, task_id: event.task ?? null, text: event.text })
          break
        case 'task': {
          const error = event.error === undefined ? null : recordedError(event.error)
          write({ type: 'task', id: event.task, ...common, name: event.name, status: event.status, error })
          break
        }
        case 'retry':
          write({
            type: 'log',
            ...common,
            level: 'info',
            task_id: null,
            text: `${event.what}: ${event.reason}`,
            attempt: event.attempt,
            delay_ms: event.delay,
          })
          break
        case 'waiting':
          write({ type: 'waiting', ...common, reason: event.reason, until: event.until ?? null })
          break
        default:
          break
      }
    },
    progress() {},
    end(outcome: PolicyOutcome) {
      if (outcome.execution) write({ type: 'execution', ...outcome.execution })
      else if (outcome.error !== undefined) {
        for (const line of errorLines(outcome.error)) write({ ...line, policy: outcome.policy })
      }
      execution = null
      policy = null
    },
    close() {},
  }
}
