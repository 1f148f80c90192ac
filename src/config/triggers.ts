/** What starts a policy, checked beyond its form. */

import type { Trigger } from '../core/policy.ts'
import { parseSchedule, ScheduleError } from '../core/schedule.ts'
import type { PolicyInput } from './schema.ts'
import type { Finding } from './source.ts'
import { didYouMean } from './suggest.ts'

export function builtTriggers(inputs: PolicyInput['triggers'], findings: Finding[]): readonly Trigger[] {
  for (const [index, { schedule, timezone }] of inputs.entries()) {
    try {
      parseSchedule(schedule, timezone)
    } catch (error) {
      if (!(error instanceof ScheduleError)) throw error
      findings.push(misread(error, ['triggers', index], timezone))
    }
  }
  return inputs
}

function misread(error: ScheduleError, path: Finding['path'], timezone: string | undefined): Finding {
  const known = error.of === 'timezone' ? Intl.supportedValuesOf('timeZone') : []
  const hint = didYouMean(timezone ?? '', known) ?? error.hint
  return { path: [...path, error.of], message: error.message, offset: error.offset, hint }
}
