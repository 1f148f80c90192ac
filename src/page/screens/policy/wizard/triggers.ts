/** The triggers of a policy as the form asks for them, each of them. */

import { type Definition, isMapping, same } from '../../../edit/merge.ts'

export const KINDS = ['schedule', 'event', 'poll', 'pull'] as const
export type Kind = (typeof KINDS)[number]

export const EVENTS = [
  ['push', 'pushed'],
  ['delete', 'deleted'],
  ['scan', 'scanned'],
  ['label', 'labelled'],
] as const

export interface TriggerForm {
  /** Undefined: one that the form does not know, which stays as it is. */
  readonly kind: Kind | undefined
  /** Times of cron, or how often it polls; kinds of event with commas between them. */
  readonly value: string
  /** Of a schedule. */
  readonly timezone: string
  /** As the file has it; undefined for a new one. */
  readonly before: unknown
}

const VALUES: Readonly<Record<Kind, string>> = { schedule: '0 2 * * *', event: 'push', poll: '5m', pull: 'true' }

/** One that was added a moment ago. */
export function newTrigger(kind: Kind): TriggerForm {
  return { kind, value: VALUES[kind], timezone: '', before: undefined }
}

export function readTriggers(triggers: unknown): readonly TriggerForm[] {
  return Array.isArray(triggers) ? triggers.map(read) : []
}

/** Each in its place; undefined where none is left. */
export function writeTriggers(triggers: readonly TriggerForm[]): readonly unknown[] | undefined {
  const all = triggers.flatMap((one) =>
    one.before !== undefined && same(one, read(one.before)) ? one.before : written(one),
  )
  return all.length === 0 ? undefined : all
}

/** What such a trigger says that the form does not ask for. */
export function restOf({ kind, before }: TriggerForm): Definition {
  if (kind === undefined || !isMapping(before)) return {}
  const { [kind]: _, timezone: __, ...rest } = before
  return rest
}

function read(before: unknown): TriggerForm {
  const none = { kind: undefined, value: '', timezone: '', before }
  if (!isMapping(before)) return none
  const kinds = KINDS.filter((one) => one in before)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) return none
  const value = before[kind]
  const text = Array.isArray(value) ? value.join(',') : String(value)
  return { kind, value: text, timezone: kind === 'schedule' ? String(before.timezone ?? '') : '', before }
}

/** One that says nothing is removed. */
function written(one: TriggerForm): readonly Definition[] {
  const { kind, timezone } = one
  const value = one.value.trim()
  if (kind === undefined || value === '') return []
  const zone = kind === 'schedule' && timezone.trim() !== '' ? { timezone: timezone.trim() } : {}
  const said = kind === 'event' ? value.split(',') : kind === 'pull' ? value === 'true' : value
  return [{ [kind]: said, ...zone, ...restOf(one) }]
}
