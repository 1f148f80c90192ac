/** The end of an execution as a notification: a CloudEvent, a chat message, or environment variables for a command. */

import { hostname } from 'node:os'
import type { Execution, Task } from '../../core/execution.ts'
import { type Policy, routesOf } from '../../core/policy.ts'
import { formatBytes } from '../../core/size.ts'

export interface Ended {
  readonly policy: Policy
  readonly execution: Execution
  /** From 1 on. */
  readonly attempt: number
  /** The first failed tasks. */
  readonly failed: readonly Task[]
  /** Tells the history from every other one. */
  readonly history: string
}

/** How many failed tasks a notification names at most. */
export const MOST_FAILED = 20
const MOST_LINES = 5

export function cloudEvent({ execution, attempt, failed, history }: Ended): string {
  return enveloped({
    id: attempt === 1 ? String(execution.id) : `${execution.id}.${attempt}`,
    type: `io.replicate.execution.${execution.status}`,
    subject: execution.policy,
    time: execution.end_time ?? execution.start_time,
    history,
    data: { ...execution, failed_tasks: failed },
  })
}

export interface Envelope {
  readonly id: string
  readonly type: string
  readonly subject: string
  /** RFC 3339. */
  readonly time: string
  /** Tells the history from every other one. */
  readonly history: string
  readonly data: object
}

/** CloudEvents 1.0, structured mode. `source` and `id` together are unique for ever. */
export function enveloped({ id, type, subject, time, history, data }: Envelope): string {
  return JSON.stringify({
    specversion: '1.0',
    id,
    source: `/replicate/${encodeURIComponent(hostname())}/${history}`,
    type,
    subject,
    time,
    datacontenttype: 'application/json',
    data,
  })
}

const MARKS: Readonly<Record<string, string>> = { succeeded: ':white_check_mark:', failed: ':x:' }

/** For Slack's incoming webhooks and compatible services. */
export function slackText({ policy, execution, failed }: Ended): string {
  const { id, status, total, succeed, unchanged, error } = execution
  const { source, destination } = sidesOf(policy)
  const seconds = ((execution.duration_ms ?? 0) / 1000).toFixed(1)
  const counts = [
    ...(execution.failed > 0 ? [`${execution.failed} of ${total} tasks failed`] : []),
    `${succeed} succeeded`,
    `${unchanged} unchanged`,
    `${formatBytes(execution.bytes_copied)} copied in ${seconds} s`,
  ]
  const left = execution.failed - Math.min(failed.length, MOST_LINES)
  const lines = [
    `${MARKS[status] ?? ':octagonal_sign:'} *${escaped(execution.policy)}* ${status}: ${counts.join(', ')}`,
    `execution ${id}, ${escaped(source)} → ${escaped(destination)}`,
    ...(error ? [escaped(error.message)] : []),
    ...failed
      .slice(0, MOST_LINES)
      .map((task) => `• \`${escaped(task.dest_resource)}\`: ${escaped(task.error?.message ?? 'failed')}`),
    ...(left > 0 ? [`…and ${left} more: \`replicate executions show ${id} --failed\``] : []),
  ]
  return lines.join('\n')
}

/** For a command's environment. */
export function factsOf({ policy, execution }: Ended): Readonly<Record<string, string>> {
  const { source, destination } = sidesOf(policy)
  return {
    REPLICATE_POLICY: execution.policy,
    REPLICATE_EXECUTION: String(execution.id),
    REPLICATE_STATUS: execution.status,
    REPLICATE_TRIGGER: execution.trigger,
    REPLICATE_SOURCE: source,
    REPLICATE_DESTINATION: destination,
    REPLICATE_TOTAL: String(execution.total),
    REPLICATE_SUCCEEDED: String(execution.succeed),
    REPLICATE_FAILED: String(execution.failed),
    REPLICATE_UNCHANGED: String(execution.unchanged),
    REPLICATE_BYTES_COPIED: String(execution.bytes_copied),
    REPLICATE_START_TIME: execution.start_time,
    REPLICATE_END_TIME: execution.end_time ?? '',
    REPLICATE_ERROR: execution.error?.message ?? '',
  }
}

function sidesOf(policy: Policy): { readonly source: string; readonly destination: string } {
  const places = routesOf(policy).map(({ destination: { registry, namespace } }) =>
    namespace === undefined ? registry : `${registry}/${namespace}`,
  )
  return { source: policy.source.registry, destination: places.join(', ') }
}

/** https://api.slack.com/reference/surfaces/formatting#escaping */
export function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
