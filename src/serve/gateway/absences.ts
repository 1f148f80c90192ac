/** What was looked for and is not there, remembered for a moment, so that clients that ask again and again cost no request each. */

import type { Clock } from '../../core/cancel.ts'
import { Bounded } from './bounded.ts'
import { type Place, placeKey } from './policy/targets.ts'

export interface Absences<T> {
  /** What `look` finds, which is asked once for all clients at once, and not at all where it found nothing a moment ago. */
  find(place: Place, reference: string, look: () => Promise<T>): Promise<T>
  /** As `find`, where what is found is of use to one client only. */
  findAlone(place: Place, reference: string, look: () => Promise<T>): Promise<T>
  /** Something is on its way to the place, or has arrived there. */
  changed(place: Place): void
  clear(): void
}

/** Absences that are remembered, and places that have changed. */
const MOST = 20_000
/** How long what is absent is remembered, in milliseconds. */
export const ABSENT_MS = 5000

interface Absence<T> {
  readonly found: T
  readonly at: number
  /** The number of changes before it was looked for. */
  readonly changes: number
}

/** `isAbsent` tells what of it is not there. */
export function createAbsences<T>(clock: Clock, isAbsent: (found: T) => boolean): Absences<T> {
  let absent = new Bounded<string, Absence<T>>(MOST)
  /** By place: the number of its last change among all. */
  const changed = new Bounded<string, number>(MOST)
  const looking = new Map<string, { readonly looked: Promise<T>; readonly changes: number }>()
  let changes = 0

  function isFresh({ at, changes: before }: Absence<T>, place: Place): boolean {
    const age = clock.monotonic() - at
    return isSince(before, place) && age < Math.min(ABSENT_MS, place.target.maxAge)
  }

  /** Nothing has changed there since. */
  function isSince(before: number, place: Place): boolean {
    return before >= (changed.get(placeKey(place)) ?? 0)
  }

  /** What is known to be absent right now. */
  function known(place: Place, key: string): Absence<T> | undefined {
    const absence = absent.get(key)
    return absence && isFresh(absence, place) ? absence : undefined
  }

  /** Looks, and remembers an absence. */
  async function look(key: string, by: () => Promise<T>): Promise<T> {
    const [before, into] = [changes, absent]
    const found = await by()
    if (isAbsent(found)) into.set(key, { found, at: clock.monotonic(), changes: before })
    return found
  }

  return {
    async find(place, reference, by) {
      const key = keyOf(place, reference)
      const absence = known(place, key)
      if (absence) return absence.found
      const under = looking.get(key)
      if (under && isSince(under.changes, place)) return under.looked
      const [before, looked] = [changes, look(key, by)]
      looking.set(key, { looked, changes: before })
      return looked.finally(() => {
        if (looking.get(key)?.looked === looked) looking.delete(key)
      })
    },
    async findAlone(place, reference, by) {
      const key = keyOf(place, reference)
      const absence = known(place, key)
      return absence ? absence.found : look(key, by)
    },
    changed(place) {
      changes += 1
      changed.set(placeKey(place), changes)
    },
    clear() {
      // What is being looked for now is of no use to those who come later.
      absent = new Bounded(MOST)
      looking.clear()
    },
  }
}

function keyOf({ target, repository }: Place, reference: string): string {
  return `${target.policy.name} ${repository} ${reference}`
}
