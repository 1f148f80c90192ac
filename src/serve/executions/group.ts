/** Wishes of one policy that wait together, and become one execution. */

import type { ArtifactEvent, RunOptions } from '../../core/requests.ts'
import type { TriggerKind } from '../../core/states.ts'
import type { Wish } from '../parts.ts'

/** Its queue owns it: nothing else changes its lists. */
export interface Group {
  readonly trigger: TriggerKind
  /** Absent: everything that the policy selects. */
  readonly events: ArtifactEvent[] | undefined
  readonly wishes: Wish[]
  readonly options: RunOptions | undefined
}

export function openGroup(wish: Wish): Group {
  return { trigger: wish.trigger, events: wish.events && [...wish.events], wishes: [wish], options: wish.options }
}

/** True where a wish is the same work as those of a group that waits. Its events are then the group's, too. */
export function joined(group: Group, wish: Wish): boolean {
  if (group.options || wish.options) return false
  if (group.trigger !== wish.trigger || (group.events === undefined) !== (wish.events === undefined)) return false
  if (wish.events) {
    for (const event of wish.events) group.events?.push(event)
    group.wishes.push(wish)
  }
  return true
}
