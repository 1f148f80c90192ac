/** What happens as lines for people. */

import { shortDigest } from '../../core/descriptor.ts'
import type { Event, RequestEvent } from '../../core/events.ts'
import { type Task, taskName } from '../../core/execution.ts'
import { formatBytes } from '../../core/size.ts'
import type { Colors } from './colors.ts'
import type { Failures } from './failures.ts'
import { formatClock, formatDuration, printable } from './format.ts'
import { stageLine } from './summary.ts'

export interface Scene {
  readonly colors: Colors
  /** How many times `-v` was given. */
  readonly verbose: number
  /** Infinity if the output is not a terminal. */
  readonly columns: number
  /** Without bars: every line has its time in front, stages are announced, and each task is named. */
  readonly plain: boolean
  /** Tasks of this execution that have failed so far. */
  readonly failures: Failures
  /** When it happened, in milliseconds since 1970. */
  readonly time: number
}

/** The lines that say what an event means, with its time without bars or with `-v`; undefined for an event that is not worth a line. */
export function eventText(event: Event, scene: Scene): string | undefined {
  const text = textOf(event, scene)
  if (text === undefined || !(scene.plain || scene.verbose > 0)) return text
  return `${scene.colors.dim(formatClock(scene.time))} ${text}`
}

function textOf(event: Event, scene: Scene): string | undefined {
  const { colors, verbose, columns, plain } = scene
  const dim = (text: string): string => `${colors.dim(printable(text))}\n`
  switch (event.type) {
    case 'stage':
      if (event.state === 'ended') return stageLine(event.stage, event.text, colors, columns)
      return plain ? stageLine(event.stage, event.text || 'started', colors) : undefined
    case 'task':
      return taskText(event.task, scene)
    case 'log':
      if (event.level === 'warning') return `${colors.yellow('warning:')} ${printable(event.text)}\n`
      // A task's error is shown with the task.
      if (event.level === 'error') {
        return event.task === undefined ? `${colors.red('error:')} ${printable(event.text)}\n` : undefined
      }
      if (verbose < (event.level === 'info' ? 1 : 2)) return undefined
      return dim(event.task === undefined ? event.text : `[${event.task}] ${event.text}`)
    case 'retry': {
      const { what, reason, attempt, delay } = event
      return verbose >= 1 ? dim(`${what}: ${reason}; attempt ${attempt} in ${formatDuration(delay)}`) : undefined
    }
    case 'waiting':
      return `${colors.yellow('waiting:')} ${printable(event.until ? `${event.reason}, until ${event.until}` : event.reason)}\n`
    case 'request':
      return verbose >= 2 ? dim(requestText(event)) : undefined
    default:
      return undefined
  }
}

/** `PUT https://hub/v2/app/manifests/1  201  12 ms  sent 1.2 KiB  attempt 2`. */
export function requestText(event: RequestEvent): string {
  const { method, url, status, failure, duration, sent, received, attempt = 1, worker } = event
  return [
    `${method} ${url}`,
    `${status ?? 'failed'}`,
    formatDuration(duration),
    ...(sent === undefined ? [] : [`sent ${formatBytes(sent)}`]),
    ...(received === undefined ? [] : [formatBytes(received)]),
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(failure === undefined ? [] : [failure]),
    ...(worker === undefined ? [] : [`by worker ${worker}`]),
  ].join('  ')
}

/** A task that has ended: what it wrote, or why it failed. With bars only failures, unless more is asked for. */
function taskText(task: Task, { failures, colors, verbose, plain }: Scene): string | undefined {
  if (task.status === 'failed') return failures.add(task)
  return plain || verbose > 0 ? taskLine(task, colors) : undefined
}

const SIGNS = { copy: '+', update: '~', delete: '-' } as const

/** `+ hub/library/alpine:3.20 → harbor/mirror/alpine:3.20  sha256:9f31c2  879.0 KiB  1.1 s`; undefined where nothing was written. */
export function taskLine(task: Task, colors: Colors): string | undefined {
  const { status, action, dest_digest, bytes_copied, start_time, end_time } = task
  if (status !== 'succeeded' || action === 'keep' || action === 'blocked') return undefined
  // A delete after which the tag still points at something was none.
  if ((action === 'delete') !== (dest_digest === null)) return undefined
  const already = task.bytes_mounted + task.bytes_present
  const size = `${formatBytes(bytes_copied)}${already > 0 ? ` copied, ${formatBytes(already)} already there` : ''}`
  const parts = [
    `${colors.green(SIGNS[action])} ${printable(taskName(task))}`,
    ...(dest_digest === null ? [] : [shortDigest(dest_digest, 12)]),
    ...(action === 'delete' ? [] : [size]),
    ...(start_time && end_time ? [formatDuration(Date.parse(end_time) - Date.parse(start_time))] : []),
  ]
  return `${parts.join('  ')}\n`
}
