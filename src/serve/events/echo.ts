/**
 * Guards against loops: policies in opposite directions, or in a ring, hear of each other's writes.
 *
 * What a policy wrote is an echo to the one that would carry it back to where it came from. That place has it already, or has something newer
 * by now, which must neither be overwritten nor deleted.
 */

import type { Configuration } from '../../config/load.ts'
import type { Policy } from '../../core/policy.ts'
import { routesOf } from '../../core/policy.ts'
import { mapRepository } from '../../engine/plan/mapping.ts'
import type { History, SettledEvent } from '../../history/history.ts'
import { selectionIn } from './match.ts'

/** How long after a write an event may be about it, in milliseconds. */
const HEARD_WITHIN = 10 * 60 * 1000
/** How many repositories are followed at most. */
const MOST_PLACES = 100

interface Place {
  readonly registry: string
  readonly repository: string
}

/** True where everything that the policy would do for the event was its cause. */
export function isEcho(
  event: SettledEvent,
  policy: Policy,
  configuration: Configuration,
  history: History,
  now: number,
): boolean {
  const wrote = writes(event, history, now)
  if (!wrote) return false
  return routesOf(policy).every(({ destination }) => {
    const back = { registry: destination.registry, repository: mapRepository(event.repository, destination) }
    return leadsTo(event, back, configuration, wrote)
  })
}

/** Whether a policy has written at a place what the event tells; undefined where events cannot be told apart. */
function writes(
  { action, artifact, registry, repository, tag, digest }: SettledEvent,
  history: History,
  now: number,
): ((policy: string, at: Place) => boolean) | undefined {
  if (tag === undefined) return undefined
  if (action === 'push' && digest !== undefined) {
    return (policy, at) => {
      const brought = history.brought.find(policy, { ...at, tag })
      return brought?.digest === digest && (brought.time ?? 0) > now - HEARD_WITHIN
    }
  }
  if (action !== 'delete') return undefined
  return (policy, at) => {
    const time = history.brought.removed(policy, { ...at, tag })
    if (time === undefined || time < now - HEARD_WITHIN) return false
    const isHere = at.registry === registry && at.repository === repository
    // Pushed again since, it was deleted by someone else.
    return !isHere || !history.events.pushedSince(registry, artifact, time)
  }
}

/** True where policies have carried it, from `start` on, to where the event comes from. */
function leadsTo(
  event: Place,
  start: Place,
  { policies }: Configuration,
  wrote: (policy: string, at: Place) => boolean,
): boolean {
  const places = [start]
  const known = new Set([keyOf(start)])
  for (const place of places) {
    for (const policy of policies) {
      if (policy.source.registry !== place.registry || !selectionIn(policy).repository(place.repository).kept) continue
      for (const { destination } of routesOf(policy)) {
        const next = {
          registry: destination.registry,
          repository: mapRepository(place.repository, destination),
        }
        if (known.has(keyOf(next)) || !wrote(policy.name, next)) continue
        if (next.registry === event.registry && next.repository === event.repository) return true
        known.add(keyOf(next))
        if (places.length < MOST_PLACES) places.push(next)
      }
    }
  }
  return false
}

function keyOf({ registry, repository }: Place): string {
  return `${registry}/${repository}`
}
