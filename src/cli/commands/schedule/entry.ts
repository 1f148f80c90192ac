/** What an exported schedule runs, and its times in five fields. */

import { ConfigurationError } from '../../../core/errors.ts'
import type { Policy } from '../../../core/policy.ts'
import type { Schedule, ScheduleFields } from '../../../core/schedule.ts'

export interface Entry {
  readonly policy: Policy
  readonly schedule: Schedule
}

/** What the commands name, all paths absolute. */
export interface Place {
  /** What starts this program from anywhere. */
  readonly program: readonly string[]
  readonly home: string
  /** The user's configuration, where there is one. */
  readonly user: string | undefined
  fileOf(policy: string): string
  /** Of this machine. */
  readonly timezone: string
  /** That the configuration reads from the environment. */
  readonly variables: readonly string[]
  /** Into how many parts each run is divided, where that is wanted. */
  readonly shards?: number | undefined
}

/** The arguments that run one policy, with paths as they are where it runs. */
export function argumentsOf(
  { name, on_overlap }: Policy,
  paths: { readonly home: string; readonly user: string | undefined; readonly file: string },
): readonly string[] {
  const config = paths.user === undefined ? [] : ['--config', paths.user]
  const file = paths.file === paths.user ? [] : [paths.file]
  const wait = on_overlap === 'queue' ? ['--wait'] : []
  return [
    ...config,
    '--home',
    paths.home,
    '--quiet',
    'run',
    ...file,
    '--policy',
    name,
    '--trigger',
    'schedule',
    ...wait,
  ]
}

/** All of it, checked to fit on a line. */
export function commandOf(policy: Policy, place: Place): readonly string[] {
  const words = [...place.program, ...argumentsOf(policy, { ...place, file: place.fileOf(policy.name) })]
  const broken = words.find((word) => /[\n\r]/.test(word))
  if (broken === undefined) return words
  throw new ConfigurationError(`a path with a line break cannot be exported: ${JSON.stringify(broken)}`)
}

export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** Five fields in the words that every cron knows: `*`, steps of all, ranges, lists. */
export function cronFields({ minute, hour, day, month, weekday }: ScheduleFields): string {
  return [
    stepped(minute, 60) ?? listed(minute, 0, 59),
    stepped(hour, 24) ?? listed(hour, 0, 23),
    listed(day, 1, 31),
    listed(month, 1, 12),
    listed(weekday, 0, 6),
  ].join(' ')
}

/** For minutes and hours only: crons differ in what a step means for days. */
function stepped(values: readonly number[], count: number): string | undefined {
  const [first = 0, second = 0] = values
  const step = second - first
  const isStep = first === 0 && step > 1 && values.every((value, index) => value === index * step)
  return isStep && values.length > 2 && values.length === Math.ceil(count / step) ? `*/${step}` : undefined
}

/** `*` for all, a range, or a list. */
export function listed(
  values: readonly number[],
  min: number,
  max: number,
  join = '-',
  write: (value: number) => string = String,
): string {
  const [first = min] = values
  const last = values.at(-1) ?? max
  if (values.length === max - min + 1) return '*'
  const isRange = values.length > 2 && last - first === values.length - 1
  return isRange ? `${write(first)}${join}${write(last)}` : values.map((value) => write(value)).join(',')
}
