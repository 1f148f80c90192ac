/** Schedules as crontabs, systemd timers and Kubernetes cron jobs. */

import { ConfigurationError } from '../../../core/errors.ts'
import { crontab } from './crontab.ts'
import type { Entry, Place } from './entry.ts'
import { cronJobs } from './kubernetes.ts'
import { timers } from './systemd.ts'

export type Format = 'crontab' | 'systemd' | 'kubernetes'

export interface Exported {
  readonly text: string
  readonly warnings: readonly string[]
}

export function exported(format: Format, entries: readonly Entry[], place: Place): Exported {
  if (format === 'systemd') return { text: timers(entries, place), warnings: [] }
  const warnings = entries.flatMap((entry) => secondsWarning(entry, format))
  return { text: format === 'crontab' ? crontab(entries, place) : cronJobs(entries, place), warnings }
}

/** Seconds are rounded down to the minute, and refused where that would be another schedule. */
function secondsWarning({ policy, schedule }: Entry, format: Format): readonly string[] {
  const { second } = schedule.fields
  if (second.length === 1 && second[0] === 0) return []
  const name = format === 'crontab' ? 'a crontab' : 'Kubernetes'
  if (second.length > 1) {
    const message = `policy ${policy.name}: ${name} has no seconds, and \`${schedule.text}\` comes several times a minute`
    throw new ConfigurationError(message, { hint: '--format systemd has seconds' })
  }
  return [`policy ${policy.name}: ${name} has no seconds: \`${schedule.text}\` runs ${second[0]} s early`]
}
