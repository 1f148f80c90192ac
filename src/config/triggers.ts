/** What starts a policy, checked beyond its form. */

import type { Trigger } from '../core/policy.ts'
import { parseSchedule, ScheduleError } from '../core/schedule.ts'
import type { PolicyInput } from './schema.ts'
import type { Finding } from './source.ts'
import { didYouMean } from './suggest.ts'

type TriggerInput = PolicyInput['triggers'][number]

const KINDS = ['schedule', 'event', 'poll', 'pull'] as const
type Kind = (typeof KINDS)[number]

/** The kind of trigger that a key belongs to. */
const OF = { timezone: 'schedule', catch_up: 'schedule', max_age: 'pull' } as const satisfies Partial<
  Record<keyof TriggerInput, Kind>
>

/** More often than this a source is not polled, in milliseconds. */
const SHORTEST_POLL = 1000

export function builtTriggers(inputs: PolicyInput['triggers'], findings: Finding[]): readonly Trigger[] {
  return inputs.flatMap((input, index) => {
    const path = ['triggers', index]
    const kinds = KINDS.filter((kind) => input[kind] !== undefined)
    const [kind, ...others] = kinds
    if (kind === undefined || others.length > 0) {
      const message = `a trigger has one of \`schedule\`, \`event\`, \`poll\` and \`pull\`${kind === undefined ? '' : ', not several'}`
      findings.push({
        path,
        message,
        absence: kind === undefined,
        hint: 'several triggers are several entries of the list',
      })
      return []
    }
    for (const [key, owner] of Object.entries(OF)) {
      if (!(key in input) || owner === kind) continue
      findings.push({ path: [...path, key], atKey: true, message: `\`${key}\` belongs to a \`${owner}\`` })
    }
    return built(input, path, findings)
  })
}

function built(
  { schedule, timezone, catch_up, event, poll, pull, max_age }: TriggerInput,
  path: Finding['path'],
  findings: Finding[],
): readonly Trigger[] {
  if (schedule !== undefined) {
    try {
      parseSchedule(schedule, timezone)
    } catch (error) {
      if (!(error instanceof ScheduleError)) throw error
      findings.push(misread(error, path, timezone))
    }
    return [
      {
        schedule,
        ...(timezone === undefined ? {} : { timezone }),
        ...(catch_up === undefined ? {} : { catch_up }),
      },
    ]
  }
  if (event !== undefined) {
    if (event.length === 0) findings.push({ path: [...path, 'event'], message: '`event` is an empty list' })
    return [{ event: [...new Set(event)] }]
  }
  if (poll !== undefined) {
    if (poll < SHORTEST_POLL) findings.push({ path: [...path, 'poll'], message: '`poll` is at least 1s' })
    return [{ poll }]
  }
  if (pull === true) return [{ pull, ...(max_age === undefined ? {} : { max_age }) }]
  findings.push({ path: [...path, 'pull'], message: '`pull: false` is not a trigger', hint: 'leave it out' })
  return []
}

function misread(error: ScheduleError, path: Finding['path'], timezone: string | undefined): Finding {
  const known = error.of === 'timezone' ? Intl.supportedValuesOf('timeZone') : []
  const hint = didYouMean(timezone ?? '', known) ?? error.hint
  return { path: [...path, error.of], message: error.message, offset: error.offset, hint }
}
