/** The last execution of each policy as gauges: read from the history, so that they outlive the process, and a run by cron has them too. */

import { Gauge, type Registry as Register } from 'prom-client'
import type { Execution } from '../../core/execution.ts'
import { FINAL_EXECUTIONS } from '../../core/states.ts'
import type { History } from '../../history/history.ts'

export interface LastExecutions {
  /** Reads what the history has of each; policies that are not named have no series any more. */
  read(policies: readonly string[]): void
}

/** What became of tasks, by the names that `executions show --json` gives them. */
const TASKS = ['succeed', 'failed', 'stopped', 'skipped'] as const
const WAYS = ['copied', 'mounted', 'present'] as const

export function createLastExecutions(registers: [Register], history: Pick<History, 'executions'>): LastExecutions {
  const gauge = <L extends string>(name: string, help: string, ...more: readonly L[]) =>
    new Gauge<'policy' | L>({
      name: `replicate_last_${name}`,
      help,
      labelNames: ['policy', ...more],
      registers,
    })
  const success = gauge('success_time_seconds', 'When the last execution that succeeded ended, since 1970')
  const start = gauge('execution_start_time_seconds', 'When the last execution that has ended began, since 1970')
  const end = gauge('execution_end_time_seconds', 'When the last execution that has ended did so, since 1970')
  const duration = gauge('execution_duration_seconds', 'How long the last execution that has ended took')
  const status = gauge('execution_status', '1 for the status that the last execution ended with', 'status')
  const tasks = gauge('execution_tasks', 'Tasks of the last execution that has ended', 'status')
  const unchanged = gauge('execution_unchanged_tags', 'Tags that the last execution found the same on both sides')
  const bytes = gauge('execution_bytes', 'Bytes of the last execution that has ended', 'how')
  const all = [success, start, end, duration, status, tasks, unchanged, bytes]

  function set(policy: string, execution: Execution): void {
    const { start_time, end_time, duration_ms } = execution
    start.set({ policy }, seconds(start_time))
    if (end_time !== null) end.set({ policy }, seconds(end_time))
    if (duration_ms !== null) duration.set({ policy }, duration_ms / 1000)
    for (const one of FINAL_EXECUTIONS) status.set({ policy, status: one }, execution.status === one ? 1 : 0)
    for (const one of TASKS) tasks.set({ policy, status: one === 'succeed' ? 'succeeded' : one }, execution[one])
    unchanged.set({ policy }, execution.unchanged)
    for (const how of WAYS) bytes.set({ policy, how }, execution[`bytes_${how}`])
  }

  return {
    read(policies) {
      for (const one of all) one.reset()
      for (const policy of policies) {
        const last = history.executions.lastEnded(policy)
        const succeeded = history.executions.lastEnded(policy, 'succeeded')
        if (last) set(policy, last)
        if (succeeded?.end_time) success.set({ policy }, seconds(succeeded.end_time))
      }
    },
  }
}

function seconds(time: string): number {
  return Date.parse(time) / 1000
}
