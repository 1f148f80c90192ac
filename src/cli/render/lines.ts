/** A run without a terminal: a line when a stage starts and ends, one each 10 s, one for each task, each with its time. */

import type { PolicyOutcome } from '../../app/app.ts'
import type { Session } from '../session.ts'
import { progressText } from './bar.ts'
import { isSilent, renderError } from './error.ts'
import { createFailures, type Failures } from './failures.ts'
import { formatClock, formatDay } from './format.ts'
import { createMeter, type Meter } from './meter.ts'
import { executionSummary, headingLine } from './summary.ts'
import { eventText } from './told.ts'
import type { View } from './view.ts'

const TICK = 10_000

export function lineView(session: Session): View {
  const { stderr, errorColors: colors, quiet, timer } = session
  let meter: Meter = createMeter(timer.now)
  let failures = createFailures(colors)
  let isFirst = true
  let stopTicking: (() => void) | undefined
  const clock = (time: number): string => colors.dim(formatClock(time))

  return {
    begin(heading, { start_time }) {
      failures = createFailures(colors)
      meter = createMeter(timer.now)
      stopTicking?.()
      stopTicking = timer.every(TICK, () => {
        const reading = meter.read()
        if (quiet || reading.stage !== 'transfer') return
        stderr.write(`${clock(timer.now())} ${colors.cyan('transfer')}  ${progressText(reading)}\n`)
      })
      if (quiet) return
      if (!isFirst) stderr.write('\n')
      isFirst = false
      const began = Date.parse(start_time)
      stderr.write(`${colors.dim(formatDay(began))} ${clock(began)} ${headingLine(heading, colors)}`)
    },
    event(event, time = timer.now()) {
      meter.add(event)
      const isFailure = event.type === 'task' && event.task.status === 'failed'
      const isStuck = event.type === 'waiting' && event.stuck === true
      if (quiet && !isFailure && !isStuck) return
      const { verbose } = session
      const text = eventText(event, { colors, verbose, columns: stderr.columns, plain: true, failures, time })
      if (text !== undefined) stderr.write(text)
    },
    progress: (progress) => meter.set(progress),
    end(outcome) {
      stopTicking?.()
      stopTicking = undefined
      writeEnd(outcome, failures, session)
    },
    close() {
      stopTicking?.()
    },
  }
}

/** The error that ended it, and the summary: a result, so on standard output. Asked to be quiet, only where something went wrong. */
export function writeEnd(outcome: PolicyOutcome, failures: Failures, session: Session): void {
  const { execution, error } = outcome
  if (error !== undefined && !isSilent(error)) session.stderr.write(renderError(error, session.errorColors))
  if (!execution || (session.quiet && outcome.exitCode === 0)) return
  session.stdout.write(executionSummary(execution, session.colors) + failures.counted())
}
