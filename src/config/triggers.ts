/** What starts a policy, checked beyond its form. */

import type { Trigger } from '../core/policy.ts'
import { parseSchedule, ScheduleError } from '../core/schedule.ts'
import type { PolicyInput } from './schema.ts'
import type { Finding } from './source.ts'
import { didYouMean } from './suggest.ts'

/** Those that this version has; the other kinds are refused as such elsewhere. */
export function builtTriggers(inputs: PolicyInput['triggers'], findings: Finding[]): readonly Trigger[] {
  return inputs.flatMap(({ schedule, timezone, event, poll, pull }, index): readonly Trigger[] => {
    const path = ['triggers', index]
    const isOther = event !== undefined || poll !== undefined || pull === true
    if (schedule === undefined) {
      const message = timezone === undefined ? 'this trigger says nothing' : '`timezone` belongs to a `schedule`'
      const hint = 'write `schedule: "0 2 * * *"`'
      if (!isOther) findings.push({ path, message, hint })
      return []
    }
    if (isOther) {
      const hint = 'begin each with a `-` of its own'
      findings.push({ path, message: 'these are several triggers', hint })
    }
    try {
      parseSchedule(schedule, timezone)
    } catch (error) {
      if (!(error instanceof ScheduleError)) throw error
      findings.push(misread(error, path, timezone))
    }
    return [{ schedule, ...(timezone === undefined ? {} : { timezone }) }]
  })
}

function misread(error: ScheduleError, path: Finding['path'], timezone: string | undefined): Finding {
  const known = error.of === 'timezone' ? Intl.supportedValuesOf('timeZone') : []
  const hint = didYouMean(timezone ?? '', known) ?? error.hint
  return { path: [...path, error.of], message: error.message, offset: error.offset, hint }
}
