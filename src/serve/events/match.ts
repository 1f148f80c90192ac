/** Which policies an event concerns, as far as its names tell. The engine looks at the rest. */

import type { Policy, Trigger } from '../../core/policy.ts'
import { attachmentSubject } from '../../core/reference.ts'
import { type Selection, selectionOf } from '../../engine/plan/filter.ts'
import type { SettledEvent } from '../../history/history.ts'

/** A newer configuration has other policies. */
const selections = new WeakMap<Policy, Selection>()

export function concerns(event: SettledEvent, policy: Policy): boolean {
  if (!policy.enabled || policy.source.registry !== event.registry) return false
  if (!isTriggered(event, policy)) return false
  const selection = selectionIn(policy)
  if (!selection.repository(event.repository).kept) return false
  if (event.action === 'delete') {
    return (
      policy.deletion !== 'never' &&
      selection.digest === undefined &&
      (event.tag === undefined || selection.tag(event.tag).kept)
    )
  }
  if (selection.digest !== undefined) return event.digest === undefined || event.digest === selection.digest
  if (event.tag !== undefined) return selection.tag(event.tag).kept || hangsOn(event.tag, policy)
  // Without a tag it is one of those, or something that refers to an image.
  return event.digest === undefined || policy.filters.untagged || policy.referrers !== false || event.action !== 'push'
}

/** What the policy's filters select, compiled once. */
export function selectionIn(policy: Policy): Selection {
  const selection = selections.get(policy) ?? selectionOf(policy)
  selections.set(policy, selection)
  return selection
}

/** True where something besides a user and a schedule starts the policy, which is what reactions come from. */
export function reacts({ triggers }: Policy): boolean {
  return triggers.some((trigger) => 'event' in trigger || 'poll' in trigger)
}

function isTriggered({ policy: only, action }: SettledEvent, { name, triggers }: Policy): boolean {
  if (only !== undefined) return only === name && triggers.some((trigger: Trigger) => 'poll' in trigger)
  return triggers.some((trigger) => 'event' in trigger && trigger.event.includes(action))
}

/** A signature and its like travel with their image, whatever the tags that are wanted. */
function hangsOn(tag: string, { referrers }: Policy): boolean {
  return referrers !== false && attachmentSubject(tag) !== undefined
}
