/** Questions for when a policy runs. */

import { parseDuration } from '../../../config/duration.ts'
import { spelledDuration } from '../../../core/duration.ts'
import { schedulesIn } from '../../../core/policy.ts'
import { localTimezone, parseSchedule, ScheduleError } from '../../../core/schedule.ts'
import { wallClock } from '../../commands/schedule/schedule.ts'
import { type Asker, select, text } from '../../prompt/prompt.ts'
import type { Topic } from '../dialog.ts'
import { type Answers, changed, type Table } from './answers.ts'

const BY_HAND = ''
const ANOTHER = 'another'
const EVENT = 'event'
const POLL = 'poll'

const TIMES = [
  { value: BY_HAND, name: 'by hand, with `replicate run`' },
  { value: '@hourly', name: 'every hour' },
  { value: '0 2 * * *', name: 'every day at two in the morning' },
  { value: '0 2 * * 0', name: 'every Sunday at two in the morning' },
  { value: ANOTHER, name: 'at other times (cron)' },
  { value: EVENT, name: 'when the source tells of a change by webhook (`replicate serve`)' },
  { value: POLL, name: 'when a look at the source shows a change (`replicate serve`)' },
] as const

export function triggerTopics(table: Table): readonly Topic<Answers>[] {
  const { before, session } = table
  const schedules = ({ flags }: Answers): readonly string[] =>
    (flags.schedule ?? schedulesIn(before?.triggers ?? []).map(({ schedule }) => schedule)).filter((one) => one !== '')
  const timezone = ({ flags }: Answers): string =>
    flags.timezone ?? schedulesIn(before?.triggers ?? [])[0]?.timezone ?? ''
  const event = ({ flags }: Answers): readonly string[] =>
    flags.event ?? before?.triggers.flatMap((trigger) => ('event' in trigger ? trigger.event : [])) ?? []
  const poll = ({ flags }: Answers): string => {
    const polled = before?.triggers.find((trigger) => 'poll' in trigger)
    return flags.poll ?? (polled ? spelledDuration(polled.poll) : '')
  }
  const shown = (answers: Answers): readonly string[] => [
    ...schedules(answers),
    ...(event(answers).length > 0 ? [`on ${event(answers).join(' and ')}`] : []),
    ...(poll(answers) ? [`every ${poll(answers)} if something has changed`] : []),
  ]
  /** What an answer replaces. */
  const none = {
    schedule: before ? [''] : undefined,
    timezone: undefined,
    event: before ? [] : undefined,
    poll: before ? '' : undefined,
  }
  return [
    {
      key: 'schedule',
      label: 'When',
      shown: (answers) => shown(answers).join(', ') || 'by hand',
      async ask(asker, answers) {
        const other = event(answers).length > 0 ? EVENT : poll(answers) ? POLL : BY_HAND
        const [now = other] = schedules(answers)
        const fallback = TIMES.some(({ value }) => value === now) ? now : ANOTHER
        const question = { message: 'When does it run?', option: '--schedule', choices: TIMES, fallback }
        const chosen = await select<string>(asker, question)
        if (chosen === BY_HAND) return changed(answers, none)
        if (chosen === EVENT) return changed(answers, { ...none, event: ['push', 'delete'] })
        if (chosen === POLL) return changed(answers, { ...none, poll: await askInterval(asker, poll(answers) || '5m') })
        const schedule = chosen === ANOTHER ? await askSchedule(asker, fallback === ANOTHER ? now : undefined) : chosen
        return changed(answers, { ...none, schedule: [schedule], timezone: answers.flags.timezone })
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
        const lines = [
          `next: ${coming.join(' · ')}`,
          '`replicate serve` starts it then, or what `replicate schedule export` makes',
        ]
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

function askInterval(asker: Asker, fallback: string): Promise<string> {
  return text(asker, {
    message: 'How often is the source looked at?',
    option: '--poll',
    fallback,
    check: (answer) => (parseDuration(answer) === undefined ? 'a duration such as 30s, 5m or 1h' : undefined),
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
