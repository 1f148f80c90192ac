/** A run without a terminal: a line when a stage starts and ends, one each 10 s, and one block for each failed task. */

import type { PolicyOutcome } from '../../app/app.ts'
import type { Event } from '../../core/events.ts'
import { formatBytes } from '../../core/size.ts'
import type { Session } from '../session.ts'
import { isSilent, renderError } from './error.ts'
import { formatDuration, formatRate, printable } from './format.ts'
import { createMeter, type Meter, type Reading } from './meter.ts'
import { executionSummary, failedTask, headingLine, stageLine } from './summary.ts'
import type { Heading, View } from './view.ts'

const TICK = 10_000

export function lineView(session: Session): View {
  const { stderr, errorColors: colors, quiet, timer } = session
  let meter: Meter = createMeter(timer.now)
  let execution = 0
  let hinted = new Set<string>()
  let stopTicking: (() => void) | undefined
  const say = (text: string): void => {
    if (!quiet) stderr.write(text)
  }

  return {
    begin(heading: Heading, id: number) {
      execution = id
      hinted = new Set()
      meter = createMeter(timer.now)
      stopTicking?.()
      stopTicking = timer.every(TICK, () => {
        const reading = meter.read()
        if (reading.stage === 'transfer') say(`${colors.cyan('transfer')}  ${progressText(reading)}\n`)
      })
      say(headingLine(heading, colors))
    },
    event(event) {
      meter.add(event)
      const text = eventText(event, { execution, session, announceStages: true, hinted })
      if (text === undefined) return
      if (event.type === 'task') stderr.write(text)
      else say(text)
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

/** `12/340  1.2 GiB of 4.0 GiB  23.6 MiB/s  2 min left`. */
export function progressText(reading: Reading): string {
  const parts = [
    `${reading.done}/${reading.tasks}`,
    `${formatBytes(reading.processed)} of ${formatBytes(reading.bytes)}`,
    formatRate(reading.rate),
  ]
  if (reading.remaining !== undefined) parts.push(`${formatDuration(Math.ceil(reading.remaining / 1000) * 1000)} left`)
  if (reading.failed > 0) parts.push(`${reading.failed} failed`)
  return parts.join('  ')
}

interface EventScene {
  readonly execution: number
  readonly session: Pick<Session, 'errorColors' | 'verbose' | 'stderr'>
  readonly announceStages: boolean
  /** Hints that failed tasks of this execution were shown with. */
  readonly hinted: Set<string>
}

/** The lines an event is worth, or undefined. */
export function eventText(event: Event, scene: EventScene): string | undefined {
  const { errorColors: colors, verbose, stderr } = scene.session
  switch (event.type) {
    case 'stage':
      if (event.state === 'ended') return stageLine(event.stage, event.text, colors, stderr.columns)
      return scene.announceStages ? stageLine(event.stage, event.text || 'started', colors) : undefined
    case 'task':
      return event.status === 'failed'
        ? failedTask({ ...event, execution: scene.execution, error: event.error }, colors, scene.hinted)
        : undefined
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

/** The error that ended it, and the summary: a result, so on standard output. Asked to be quiet, only where something went wrong. */
export function writeEnd(outcome: PolicyOutcome, session: Session): void {
  const { execution, error } = outcome
  if (error !== undefined && !isSilent(error)) session.stderr.write(renderError(error, session.errorColors))
  if (!execution || (session.quiet && outcome.exitCode === 0)) return
  session.stdout.write(`${session.quiet ? '' : '\n'}${executionSummary(execution, session.colors)}`)
}
