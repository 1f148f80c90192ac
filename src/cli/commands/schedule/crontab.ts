/** Schedules as lines of a crontab. */

import metadata from '../../../../package.json' with { type: 'json' }
import { commandOf, cronFields, type Entry, type Place, shellWord } from './entry.ts'

export function crontab(entries: readonly Entry[], place: Place): string {
  // What has no time zone comes first: CRON_TZ holds for all that follows.
  const zones = [...new Set(entries.map(({ schedule }) => schedule.timezone ?? ''))].sort()
  const lines = [
    `# Made by replicate ${metadata.version}; paste it with \`crontab -e\`. Errors are mailed, nothing else is said.`,
    ...(zones.some((zone) => zone !== '')
      ? ["# CRON_TZ is for cronie; Debian's cron ignores it and takes the time zone of the machine: use systemd there."]
      : []),
    '# cron has no variable of your shell and no keychain: credentials come from lines such as NAME=value below, from `password_file:`, or from `docker login`.',
    ...place.variables.map((name) => `# ${name}=…`),
  ]
  for (const zone of zones) {
    lines.push('')
    if (zone !== '') lines.push(`CRON_TZ=${zone}`)
    for (const { policy, schedule } of entries.filter((entry) => (entry.schedule.timezone ?? '') === zone)) {
      // A `%` would be the end of the line to cron, also within quotes.
      const command = commandOf(policy, place).map(shellWord).join(' ').replaceAll('%', '\\%')
      lines.push(`${cronFields(schedule.fields)} ${command}`)
    }
  }
  return `${lines.join('\n')}\n`
}
