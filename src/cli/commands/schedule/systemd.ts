/** Schedules as timers of systemd. */

import metadata from '../../../../package.json' with { type: 'json' }
import type { Schedule } from '../../../core/schedule.ts'
import { printable } from '../../render/format.ts'
import { headingOf } from '../../render/summary.ts'
import { commandOf, type Entry, listed, type Place, shellWord } from './entry.ts'

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const

/** A service and a timer for each policy, each below the name of its file. */
export function timers(entries: readonly Entry[], place: Place): string {
  const policies = new Map(entries.map(({ policy }) => [policy.name, policy]))
  const files = [...policies.values()].map((policy) => {
    const name = `replicate-${policy.name}`
    const { source, destination } = headingOf(policy)
    const about = specifiers(printable(`replicate ${policy.name}: ${source} → ${destination}`))
    const times = entries
      .filter((entry) => entry.policy.name === policy.name)
      .flatMap(({ schedule }) => calendar(schedule))
    return [
      `# ${name}.service`,
      '[Unit]',
      `Description=${about}`,
      '',
      '[Service]',
      'Type=oneshot',
      ...(place.variables.length === 0
        ? ['# Variables with credentials, one NAME=value a line:']
        : [`# One NAME=value a line: ${place.variables.join(', ')}.`]),
      'EnvironmentFile=-%E/replicate/environment',
      `ExecStart=${commandOf(policy, place).map(unitWord).join(' ')}`,
      '# 5: it is already running, started elsewhere.',
      'SuccessExitStatus=5',
      '',
      `# ${name}.timer`,
      '[Unit]',
      `Description=${about}`,
      '',
      '[Timer]',
      ...times.map((time) => `OnCalendar=${time}`),
      'AccuracySec=1s',
      '# Once after a time at which the machine was off.',
      'Persistent=true',
      '',
      '[Install]',
      'WantedBy=timers.target',
    ].join('\n')
  })
  const user = place.user
  const again = [...policies.keys()].map((name) => (place.fileOf(name) === user ? name : place.fileOf(name)))
  const targets = [...new Set(again)].map(shellWord).join(' ')
  const names = [...policies.keys()].map((name) => shellWord(`replicate-${name}.timer`)).join(' ')
  const head = [
    `# Made by replicate ${metadata.version}. Each part is a file of the name above it, in ~/.config/systemd/user; in that directory:`,
    `#   replicate schedule export --format systemd ${targets} | awk '/^# replicate-.*\\.(service|timer)$/ { file = $2 } file { print > file }'`,
    `#   systemctl --user daemon-reload && systemctl --user enable --now ${names}`,
    '# `loginctl enable-linger` lets them run while no one is logged in.',
    '# They have no variable of your shell, and no keychain while no one is logged in. Their credentials come from ~/.config/replicate/environment',
    '# (/etc/replicate/environment for units of the system; chmod 600), from `password_file:`, or from `docker login`.',
  ]
  return `${head.join('\n')}\n\n${files.join('\n\n')}\n`
}

/** One expression, or two where a day of the month or one of the week is enough. */
function calendar({ fields, timezone }: Schedule): readonly string[] {
  const { second, minute, hour, day, month, weekday } = fields
  const two = (value: number): string => String(value).padStart(2, '0')
  const list = (values: readonly number[], min: number, max: number): string => listed(values, min, max, '..', two)
  const time = [list(hour, 0, 23), list(minute, 0, 59), list(second, 0, 59)].join(':')
  const zone = timezone === undefined ? '' : ` ${timezone}`
  const onDays = `*-${list(month, 1, 12)}-${list(day, 1, 31)} ${time}${zone}`
  if (weekday.length === 7) return [onDays]
  const onWeekdays = `${weekday.map((value) => WEEKDAYS[value]).join(',')} *-${list(month, 1, 12)}-* ${time}${zone}`
  return day.length === 31 ? [onWeekdays] : [onDays, onWeekdays]
}

/** A word of `ExecStart=`, in which `%`, `$`, quotes and backslashes mean something. */
function unitWord(word: string): string {
  const plain = specifiers(word).replaceAll('$', '$$$$')
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replaceAll(/[\\"]/g, '\\$&')}"`
}

function specifiers(text: string): string {
  return text.replaceAll('%', '%%')
}
