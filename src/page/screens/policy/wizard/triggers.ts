/** The triggers that the form asks for, and those that a definition has. */

import { type Definition, isMapping } from '../../../edit/merge.ts'

export const EVENTS = [
  ['push', 'pushed'],
  ['delete', 'deleted'],
  ['scan', 'scanned'],
  ['label', 'labelled'],
] as const

export interface TriggerForm {
  /** The first schedule. */
  readonly cron: string
  readonly timezone: string
  /** Kinds of event, with commas between them. */
  readonly events: string
  readonly poll: string
  /** `true`, or empty. */
  readonly pull: string
}

const KINDS = ['schedule', 'event', 'poll', 'pull'] as const
type Kind = (typeof KINDS)[number]

export function readTriggers(triggers: unknown): TriggerForm {
  const first = (kind: Kind): Definition => listOf(triggers).find((one) => kind in one) ?? {}
  const { event } = first('event')
  return {
    cron: String(first('schedule').schedule ?? ''),
    timezone: String(first('schedule').timezone ?? ''),
    events: Array.isArray(event) ? event.join(',') : String(event ?? ''),
    poll: String(first('poll').poll ?? ''),
    pull: String(first('pull').pull) === 'true' ? 'true' : '',
  }
}

/** Each in its place; new ones behind the others. */
export function writeTriggers(form: TriggerForm, before: unknown): readonly Definition[] | undefined {
  const left = new Set<Kind>(KINDS)
  const kept = listOf(before).flatMap((one): readonly Definition[] => {
    const kind = KINDS.find((each) => each in one)
    // Only the first of a kind is asked for.
    if (kind === undefined || !left.delete(kind)) return [one]
    const now = triggerOf(kind, form)
    return now === undefined ? [] : [{ ...now, ...without(one, kind) }]
  })
  const added = [...left].flatMap((kind): readonly Definition[] => {
    const now = triggerOf(kind, form)
    return now ? [now] : []
  })
  const all = [...kept, ...added]
  return all.length === 0 ? undefined : all
}

/** How many schedules there are besides the one that the form asks for. */
export function moreSchedules(triggers: unknown): number {
  return Math.max(0, listOf(triggers).filter((one) => 'schedule' in one).length - 1)
}

function triggerOf(kind: Kind, { cron, timezone, events, poll, pull }: TriggerForm): Definition | undefined {
  switch (kind) {
    case 'schedule':
      if (cron.trim() === '') return undefined
      return { schedule: cron.trim(), ...(timezone.trim() === '' ? {} : { timezone: timezone.trim() }) }
    case 'event':
      return events === '' ? undefined : { event: events.split(',') }
    case 'poll':
      return poll.trim() === '' ? undefined : { poll: poll.trim() }
    case 'pull':
      return pull === '' ? undefined : { pull: true }
  }
}

/** What else such a trigger says. */
function without(trigger: Definition, kind: Kind): Definition {
  const { [kind]: _, timezone: __, ...rest } = trigger
  return rest
}

function listOf(triggers: unknown): readonly Definition[] {
  return Array.isArray(triggers) ? triggers.filter((one: unknown) => isMapping(one)) : []
}
