/** A run without a terminal: a line when a stage starts and ends, one each 10 s, one for each task, each with its time. */

import type { PolicyOutcome } from '../../app/app.ts'
import { shortDigest } from '../../core/descriptor.ts'
import type { Event } from '../../core/events.ts'
import { type Task, taskName } from '../../core/execution.ts'
import { formatBytes } from '../../core/size.ts'
import type { Session } from '../session.ts'
import { progressText } from './bar.ts'
import type { Colors } from './colors.ts'
import { isSilent, renderError } from './error.ts'
import { formatClock, formatDay, formatDuration, printable } from './format.ts'
import { createMeter, type Meter } from './meter.ts'
import { executionSummary, failedTask, headingLine, stageLine } from './summary.ts'
import type { View } from './view.ts'

const TICK = 10_000

export function lineView(session: Session): View {
  const { stderr, errorColors: colors, quiet, timer } = session
  let meter: Meter = createMeter(timer.now)
  let execution = 0
  let hinted = new Set<string>()
  let stopTicking: (() => void) | undefined
  const say = (text: string, time: number): void => stderr.write(`${colors.dim(formatClock(time))} ${text}`)

  return {
    begin(heading, { id, start_time }) {
      execution = id
      hinted = new Set()
      meter = createMeter(timer.now)
      stopTicking?.()
      stopTicking = timer.every(TICK, () => {
        const reading = meter.read()
        if (quiet || reading.stage !== 'transfer') return
        say(`${colors.cyan('transfer')}  ${progressText(reading)}\n`, timer.now())
      })
      if (quiet) return
      const began = Date.parse(start_time)
      stderr.write(`${colors.dim(formatDay(began))} `)
      say(headingLine(heading, colors), began)
    },
    event(event, time = timer.now()) {
      meter.add(event)
      const isFailure = event.type === 'task' && event.task.status === 'failed'
      if (quiet && !isFailure) return
      const text = eventText(event, { execution, session, plain: true, hinted, time })
      if (text !== undefined) say(text, time)
    },
    progress: (progress) => meter.set(progress),
    end(outcome) {
      stopTicking?.()
      stopTicking = undefined
      writeEnd(outcome, session)
    },
    close() {
      stopTicking?.()
    },
  }
}

interface EventScene {
  readonly execution: number
  readonly session: Pick<Session, 'errorColors' | 'verbose' | 'stderr'>
  /** Without bars: every line has its time in front, stages are announced, and each task is named. */
  readonly plain: boolean
  /** Hints that failed tasks of this execution were shown with. */
  readonly hinted: Set<string>
  /** When it happened, in milliseconds since 1970; default now. */
  readonly time?: number | undefined
}

/** The lines an event is worth, or undefined. */
export function eventText(event: Event, scene: EventScene): string | undefined {
  const { errorColors: colors, verbose, stderr } = scene.session
  switch (event.type) {
    case 'stage':
      if (event.state === 'ended') return stageLine(event.stage, event.text, colors, stderr.columns)
      return scene.plain ? stageLine(event.stage, event.text || 'started', colors) : undefined
    case 'task':
      return taskText(event.task, scene)
    case 'log':
      if (event.level === 'warning') return `${colors.yellow('warning:')} ${printable(event.text)}\n`
      // A task's error is shown with the task.
      if (event.level === 'error') {
        return event.task === undefined ? `${colors.red('error:')} ${printable(event.text)}\n` : undefined
      }
      return verbose >= (event.level === 'info' ? 1 : 2) ? `${colors.dim(printable(event.text))}\n` : undefined
    case 'retry':
      return verbose >= 1
        ? `${colors.dim(printable(`${event.what}: ${event.reason}; attempt ${event.attempt} in ${formatDuration(event.delay)}`))}\n`
        : undefined
    case 'waiting':
      return `${colors.yellow('waiting:')} ${printable(event.until ? `${event.reason}, until ${event.until}` : event.reason)}\n`
    default:
      return undefined
  }
}

/** A task that has ended: what it wrote, or why it failed. With bars only failures, unless more is asked for. */
function taskText(task: Task, { execution, session, plain, hinted }: EventScene): string | undefined {
  const { errorColors: colors, verbose } = session
  if (task.status === 'failed') {
    return failedTask({ execution, task: task.id, name: taskName(task), error: task.error }, colors, hinted)
  }
  if (!plain && verbose === 0) return undefined
  const line = taskLine(task, colors)
  return line === undefined || plain ? line : `${colors.dim(formatClock(Date.parse(task.end_time ?? '')))} ${line}`
}

const SIGNS = { copy: '+', update: '~', delete: '-' } as const

/** `+ hub/library/alpine:3.20 → harbor/mirror/alpine:3.20  sha256:9f31c2  879.0 KiB  1.1 s`; undefined where nothing was written. */
export function taskLine(task: Task, colors: Colors): string | undefined {
  const { status, action, dest_digest, bytes_copied, start_time, end_time } = task
  if (status !== 'succeeded' || action === 'keep' || action === 'blocked') return undefined
  if (action !== 'delete' && dest_digest === null) return undefined
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

/** The error that ended it, and the summary: a result, so on standard output. Asked to be quiet, only where something went wrong. */
export function writeEnd(outcome: PolicyOutcome, session: Session): void {
  const { execution, error } = outcome
  if (error !== undefined && !isSilent(error)) session.stderr.write(renderError(error, session.errorColors))
  if (!execution || (session.quiet && outcome.exitCode === 0)) return
  session.stdout.write(`${session.quiet ? '' : '\n'}${executionSummary(execution, session.colors)}`)
}
