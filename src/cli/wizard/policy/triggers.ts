/** Questions for when a policy runs. */

import { schedulesIn } from '../../../core/policy.ts'
import { parseSchedule, ScheduleError } from '../../../core/schedule.ts'
import { localTimezone, wallClock } from '../../commands/schedule/schedule.ts'
import { type Asker, select, text } from '../../prompt/prompt.ts'
import type { Topic } from '../dialog.ts'
import { type Answers, changed, type Table } from './answers.ts'

const BY_HAND = ''
const ANOTHER = 'another'

const TIMES = [
  { value: BY_HAND, name: 'by hand, with `replicate run`' },
  { value: '@hourly', name: 'every hour' },
  { value: '0 2 * * *', name: 'every day at two in the morning' },
  { value: '0 2 * * 0', name: 'every Sunday at two in the morning' },
  { value: ANOTHER, name: 'at other times (cron)' },
] as const

export function triggerTopics(table: Table): readonly Topic<Answers>[] {
  const { before, session } = table
  const schedules = ({ flags }: Answers): readonly string[] =>
    (flags.schedule ?? schedulesIn(before?.triggers ?? []).map(({ schedule }) => schedule)).filter((one) => one !== '')
  const timezone = ({ flags }: Answers): string =>
    flags.timezone ?? schedulesIn(before?.triggers ?? [])[0]?.timezone ?? ''
  return [
    {
      key: 'schedule',
      label: 'When',
      shown: (answers) => schedules(answers).join(', ') || 'by hand',
      async ask(asker, answers) {
        const [now = BY_HAND] = schedules(answers)
        const fallback = TIMES.some(({ value }) => value === now) ? now : ANOTHER
        const question = { message: 'When does it run?', option: '--schedule', choices: TIMES, fallback }
        const chosen = await select<string>(asker, question)
        if (chosen === BY_HAND) return changed(answers, { schedule: before ? [''] : undefined, timezone: undefined })
        const schedule = chosen === ANOTHER ? await askSchedule(asker, fallback === ANOTHER ? now : undefined) : chosen
        return changed(answers, { schedule: [schedule] })
      },
    },
    {
      key: 'timezone',
      label: 'Time zone',
      after: ['schedule'],
      applies: (answers) => schedules(answers).length > 0,
      shown: (answers) => timezone(answers) || 'that of the machine',
      async ask(asker, answers) {
        const [schedule = ''] = schedules(answers)
        const zone = await text(asker, {
          message: 'Time zone:',
          option: '--timezone',
          fallback: timezone(answers) || localTimezone(),
          check: (answer) => wrongSchedule(schedule, answer),
        })
        const coming = comingTimes(schedule, zone, session.timer.now())
        const lines = [`next: ${coming.join(' · ')}`, '`replicate schedule export` makes what starts it']
        session.stderr.write(lines.map((line) => `  ${session.errorColors.dim(line)}\n`).join(''))
        return changed(answers, { timezone: zone })
      },
    },
  ]
}

function askSchedule(asker: Asker, fallback: string | undefined): Promise<string> {
  return text(asker, {
    message: 'Schedule (minute hour day month weekday):',
    option: '--schedule',
    fallback,
    check: (answer) => wrongSchedule(answer),
  })
}

function wrongSchedule(schedule: string, timezone?: string): string | undefined {
  try {
    parseSchedule(schedule, timezone)
    return undefined
  } catch (error) {
    if (error instanceof ScheduleError) return `${error.message}; ${error.hint}`
    throw error
  }
}

const SHOWN_TIMES = 3

function comingTimes(schedule: string, timezone: string, now: number): readonly string[] {
  const parsed = parseSchedule(schedule, timezone)
  const times: string[] = []
  for (let time = parsed.after(now); time !== undefined && times.length < SHOWN_TIMES; time = parsed.after(time)) {
    times.push(wallClock(new Date(time).toISOString(), timezone))
  }
  return times
}
