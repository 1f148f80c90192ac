/** Schedules: cron with five fields, or six with seconds first, or a word such as `@daily`; and when they come. */

import { type CronExpression, CronExpressionParser } from 'cron-parser'
import { type Policy, schedulesIn } from './policy.ts'

export interface Schedule {
  /** As it was written. */
  readonly text: string
  /** undefined: that of this machine. */
  readonly timezone: string | undefined
  readonly fields: ScheduleFields
  /** The first time after `time`, both in milliseconds since 1970; undefined if the schedule has none left. When clocks go forward a time that is
   *  skipped comes once, an hour later; when they go back one that comes twice counts once. What runs each hour runs each hour that passes. */
  after(time: number): number | undefined
}

/** What each field allows, ascending. */
export interface ScheduleFields {
  readonly second: readonly number[]
  readonly minute: readonly number[]
  readonly hour: readonly number[]
  /** Where days of the month and of the week are both restricted, either is enough. */
  readonly day: readonly number[]
  readonly month: readonly number[]
  /** Sunday is 0. */
  readonly weekday: readonly number[]
}

/** What is wrong with a schedule or its time zone, and how many characters into it. */
export class ScheduleError extends Error {
  readonly of: 'schedule' | 'timezone'
  readonly offset: number
  readonly hint: string
  constructor(of: 'schedule' | 'timezone', offset: number, message: string, hint: string) {
    super(message)
    this.of = of
    this.offset = offset
    this.hint = hint
  }
}

/** Reads a schedule. Throws a `ScheduleError`. */
export function parseSchedule(text: string, timezone?: string): Schedule {
  checkTimezone(timezone)
  const fields = fieldsIn(text)
  for (const [index, field] of fields.entries()) checkField(field, FIELDS[index] ?? FIELDS[0])
  const expression = fields.map(({ text: field }) => field).join(' ')
  const zone = timezone === undefined ? {} : { tz: timezone }
  const parsed = attempt(() => CronExpressionParser.parse(expression, zone))
  const day = fields[3]
  if (!parsed)
    throw new ScheduleError('schedule', day?.offset ?? 0, `\`${text}\` never comes`, 'no such month has that day')
  return {
    text,
    timezone,
    fields: valuesOf(parsed),
    after: timesOf(parsed, offsetIn(timezone)),
  }
}

/** The parser tells a time that is skipped, or comes twice, only if it began before the clocks were moved: it begins there, so that the
 *  answer does not depend on when it is asked for. */
function timesOf(expression: CronExpression, offset: (time: number) => string): Schedule['after'] {
  let last: number | undefined
  return (time) => {
    // Times that are asked for one after the other need no new beginning.
    if (time !== last) {
      const before = time - LONGEST_CHANGE
      expression.reset(new Date(offset(before) === offset(time) ? time : before))
    }
    do last = attempt(() => expression.next().getTime())
    while (last !== undefined && last <= time)
    return last
  }
}

/** Longer than clocks are ever moved, and than the hours that such a move touches, in milliseconds. */
const LONGEST_CHANGE = 3 * 60 * 60 * 1000

/** What a time zone has been moved by at a time, in any spelling. */
function offsetIn(timezone: string | undefined): (time: number) => string {
  if (timezone === undefined) return (time) => String(new Date(time).getTimezoneOffset())
  const format = new Intl.DateTimeFormat('en', { timeZone: timezone, timeZoneName: 'longOffset', year: 'numeric' })
  return (time) => format.formatToParts(time).find(({ type }) => type === 'timeZoneName')?.value ?? ''
}

export function schedulesOf({ triggers }: Pick<Policy, 'triggers'>): readonly Schedule[] {
  return schedulesIn(triggers).map(({ schedule, timezone }) => parseSchedule(schedule, timezone))
}

/** When the policy comes next; undefined where nothing starts it. Milliseconds since 1970. */
export function nextRun(policy: Policy, now: number): number | undefined {
  const times = policy.enabled ? schedulesOf(policy).map((schedule) => schedule.after(now)) : []
  return times.reduce(
    (first, time) => (first === undefined || (time !== undefined && time < first) ? time : first),
    undefined,
  )
}

export interface ComingRun {
  readonly policy: Policy
  readonly schedule: Schedule
  /** Milliseconds since 1970. */
  readonly time: number
}

/** As `schedule next --json` prints it, and the API sends it. */
export interface ComingRunJson {
  readonly policy: string
  readonly time: string
  readonly schedule: string
  readonly timezone: string
}

export function comingRunJson({ policy, schedule, time }: ComingRun): ComingRunJson {
  const { text, timezone = localTimezone() } = schedule
  return { policy: policy.name, time: new Date(time).toISOString(), schedule: text, timezone }
}

export function localTimezone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** The runs after `now`, in the order of their times. Two schedules of a policy that meet are one run. */
export function* comingRuns(policies: readonly Policy[], now: number): Iterable<ComingRun> {
  const due = policies
    .filter(({ enabled }) => enabled)
    .flatMap((policy) => schedulesOf(policy).map((schedule) => ({ policy, schedule, time: schedule.after(now) })))
  const last = new Map<string, number>()
  for (;;) {
    const [first] = due.filter(({ time }) => time !== undefined).sort((a, b) => (a.time ?? 0) - (b.time ?? 0))
    if (first?.time === undefined) return
    const { policy, schedule, time } = first
    if (last.get(policy.name) !== time) yield { policy, schedule, time }
    last.set(policy.name, time)
    first.time = schedule.after(time)
  }
}

interface FieldKind {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
}

const FIELDS: readonly [FieldKind, ...FieldKind[]] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of the month', min: 1, max: 31 },
  {
    name: 'month',
    min: 1,
    max: 12,
    names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  { name: 'day of the week', min: 0, max: 7, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
]

const WORDS: Readonly<Record<string, string>> = {
  '@hourly': '0 0 * * * *',
  '@daily': '0 0 0 * * *',
  '@weekly': '0 0 0 * * 0',
  '@monthly': '0 0 0 1 * *',
}

interface Field {
  readonly text: string
  readonly offset: number
}

/** The six fields; the seconds are 0 where only five are written. */
function fieldsIn(text: string): readonly Field[] {
  const known = WORDS[text.trim()]
  const found = [...(known ?? text).matchAll(/\S+/g)].map((match) => ({ text: match[0], offset: match.index }))
  if (found.length === 5) return [{ text: '0', offset: 0 }, ...found]
  if (found.length === 6) return found
  const words = Object.keys(WORDS).join(', ')
  const hint = `write five fields: minute, hour, day, month, weekday; or six with seconds first; or one of ${words}`
  const message = text.trim().startsWith('@')
    ? `\`${text.trim()}\` is not a valid schedule`
    : `\`${text}\` has ${found.length} ${found.length === 1 ? 'field' : 'fields'}`
  throw new ScheduleError('schedule', 0, message, hint)
}

/** Stricter than the parser, which knows more signs than crontabs and timers do. */
function checkField({ text, offset }: Field, { name, min, max, names = [] }: FieldKind): void {
  let at = offset
  for (const element of text.split(',')) {
    const [, first, last, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\w+))?$/.exec(element) ?? []
    const from = first === '*' && last === undefined ? min : numberOf(first, min, names)
    const to = last === undefined ? from : numberOf(last, min, names)
    const isStep = step === undefined || (/^\d+$/.test(step) && Number(step) > 0)
    if (!(from >= min && to <= max && from <= to && isStep)) {
      const example = names[1] === undefined ? '' : ` (or ${names[1]})`
      const hint = `it is ${min} to ${max}${example}; several: \`*\`, \`*/2\`, \`1-5\`, \`1,3\``
      throw new ScheduleError('schedule', at, `\`${element}\` is not a valid ${name}`, hint)
    }
    at += element.length + 1
  }
}

/** NaN for what is not a value of the field. */
function numberOf(text: string | undefined, min: number, names: readonly string[]): number {
  const named = names.indexOf(text?.toLowerCase() ?? '')
  if (named >= 0) return named + min
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : Number.NaN
}

function checkTimezone(timezone: string | undefined): void {
  if (timezone === undefined) return
  const isName = /^[A-Za-z]/.test(timezone)
  if (isName && attempt(() => new Intl.DateTimeFormat('en', { timeZone: timezone }))) return
  throw new ScheduleError('timezone', 0, `\`${timezone}\` is not a time zone`, 'write one such as Europe/Berlin or UTC')
}

function valuesOf({ fields }: CronExpression): ScheduleFields {
  const numbers = (values: readonly (number | string)[]): readonly number[] =>
    [...new Set(values.map(Number))].sort((a, b) => a - b)
  return {
    second: numbers(fields.second.values),
    minute: numbers(fields.minute.values),
    hour: numbers(fields.hour.values),
    day: numbers(fields.dayOfMonth.values),
    month: numbers(fields.month.values),
    weekday: numbers(fields.dayOfWeek.values.map((value) => Number(value) % 7)),
  }
}

/** Any error of the parser here means a time that never comes: everything else was checked before, with a better message. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
