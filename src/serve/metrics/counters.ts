/** What the daemon counts as it happens. Labels are names of the configuration and words of the program, so their number is bounded. */

import { Counter, Histogram, type Registry as Register } from 'prom-client'
import type { Event } from '../../core/events.ts'
import type { Moved } from '../../core/execution.ts'
import type { ServeNews } from '../parts.ts'

export interface Counters {
  count(news: ServeNews): void
  /** Drops the series of policies and registries that are no more. */
  forget(): void
}

/** The names that series may have. */
export interface KnownNames {
  policy(name: string): boolean
  registry(name: string): boolean
}

/** Seconds: a run that finds nothing to do, and one that moves terabytes. */
const DURATIONS = [1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600]

const WAYS = ['copied', 'mounted', 'present'] as const

/** What stands for a registry in a webhook's address that the configuration does not have. */
const UNKNOWN = 'unknown'

export function createCounters(registers: [Register], known: KnownNames): Counters {
  const counter = <L extends string>(name: string, help: string, ...labelNames: readonly L[]) =>
    new Counter<L>({ name: `replicate_${name}_total`, help, labelNames, registers })
  const executions = counter('executions', 'Executions that have ended', 'policy', 'trigger', 'status')
  const durations = new Histogram({
    name: 'replicate_execution_duration_seconds',
    help: 'How long executions took, whatever became of them',
    labelNames: ['policy'] as const,
    buckets: DURATIONS,
    registers,
  })
  const left = counter(
    'executions_left_out',
    'Executions that did not begin, such as while the last one ran',
    'policy',
    'trigger',
  )
  const tasks = counter('tasks', 'Tasks that have ended', 'policy', 'action', 'status')
  const bytes = counter('bytes', 'Bytes of tasks that have ended: copied, mounted, or present before', 'policy', 'how')
  const sent = counter('sent_bytes', 'Bytes of blobs sent to destinations, as they are sent', 'policy')
  const retries = counter('retries', 'Requests and tasks that were tried again', 'policy')
  const hooks = counter('hooks', 'Webhooks by what they were answered', 'registry', 'code')
  const hookEvents = counter('hook_events', 'New events that webhooks told', 'registry')
  const polls = counter('polls', 'Looks at sources for what has changed', 'policy', 'result')
  const pollEvents = counter('poll_events', 'New events that such looks found', 'policy')
  const reloads = counter('config_reloads', 'Reloads of the configuration', 'result')
  const pulls = counter('gateway_requests', 'Requests for content that the gateway answered', 'policy', 'result')
  const pulled = counter('gateway_bytes', 'Bytes that the gateway has sent to clients', 'policy')
  const saved = counter(
    'gateway_pulls_saved',
    'Manifests that the source was not asked for: Docker Hub counts those',
    'policy',
  )
  const savedBytes = counter(
    'gateway_saved_bytes',
    'Bytes sent to clients that were not read from the source for them',
    'policy',
  )
  const byPolicy = [
    executions,
    durations,
    left,
    tasks,
    bytes,
    sent,
    retries,
    polls,
    pollEvents,
    pulls,
    pulled,
    saved,
    savedBytes,
  ]
  const byRegistry = [hooks, hookEvents]
  /** How far the blobs are that are being sent, by execution. */
  const offsets = new Map<number, Map<string, number>>()

  function countEvent(execution: number, policy: string, event: Event): void {
    if (event.type === 'task') {
      const { action, status } = event.task
      tasks.inc({ policy, action, status })
      countBytes(policy, event.task)
    } else if (event.type === 'retry') {
      retries.inc({ policy })
    } else if (event.type === 'blob-offset' || event.type === 'blob-progress') {
      const blobs = offsets.get(execution) ?? new Map<string, number>()
      offsets.set(execution, blobs)
      const before = event.type === 'blob-offset' ? event.bytes : (blobs.get(event.id) ?? 0)
      sent.inc({ policy }, Math.max(0, event.bytes - before))
      blobs.set(event.id, event.bytes)
    } else if (event.type === 'blob-ended') {
      offsets.get(execution)?.delete(event.id)
    }
  }

  function countBytes(policy: string, moved: Moved): void {
    for (const how of WAYS) bytes.inc({ policy, how }, moved[`bytes_${how}`])
  }

  function count(news: ServeNews): void {
    if (news.type === 'execution_ended' && news.outcome.execution) offsets.delete(news.outcome.execution.id)
    if ('policy' in news && !known.policy(news.policy)) return
    switch (news.type) {
      case 'execution_event':
        countEvent(news.execution, news.policy, news.event)
        break
      case 'execution_ended':
        countEnd(news)
        break
      case 'wish_left':
        left.inc({ policy: news.policy, trigger: news.trigger })
        break
      case 'delivery': {
        const registry = known.registry(news.registry) ? news.registry : UNKNOWN
        hooks.inc({ registry, code: String(news.status) })
        hookEvents.inc({ registry }, news.events)
        break
      }
      case 'polled':
        polls.inc({ policy: news.policy, result: news.error === undefined ? 'succeeded' : 'failed' })
        pollEvents.inc({ policy: news.policy }, news.events)
        break
      case 'reloaded':
      case 'reload_failed':
        reloads.inc({ result: news.type === 'reloaded' ? 'succeeded' : 'failed' })
        break
      case 'gateway':
        pulls.inc({ policy: news.policy, result: news.hit ? 'hit' : 'miss' })
        pulled.inc({ policy: news.policy }, news.bytes)
        if (news.hit) savedBytes.inc({ policy: news.policy }, news.bytes)
        if (news.saved) saved.inc({ policy: news.policy })
        break
      default:
    }
  }

  function countEnd({
    policy,
    trigger,
    outcome: { execution },
  }: Extract<ServeNews, { type: 'execution_ended' }>): void {
    executions.inc({ policy, trigger, status: execution?.status ?? 'not_begun' })
    if (typeof execution?.duration_ms === 'number') durations.observe({ policy }, execution.duration_ms / 1000)
  }

  return {
    count,
    forget() {
      for (const metric of byPolicy) void dropWhere(metric, ({ policy }) => !known.policy(String(policy)))
      for (const metric of byRegistry) {
        void dropWhere(metric, ({ registry }) => registry !== UNKNOWN && !known.registry(String(registry)))
      }
    },
  }
}

type Labels = Readonly<Record<string, string | number | undefined>>

async function dropWhere(metric: Counter | Histogram, isGone: (labels: Labels) => boolean): Promise<void> {
  const { values } = await metric.get()
  for (const { labels } of values) {
    // What a bucket is called belongs to no series.
    const { le: _, ...own }: Labels = labels
    if (isGone(own)) metric.remove(own)
  }
}
