/** Sees what changes in the history, whichever process changes it: only while somebody listens. */

import type { Execution } from '../../../core/execution.ts'
import { isFinal } from '../../../core/states.ts'
import type { History } from '../../../history/history.ts'

export interface Watch {
  /** What has changed since the last look; the first one sees what runs. */
  look(): readonly Execution[]
}

/** At most so many are looked at: those that run, and the newest. */
const MOST = 100

export function createWatch({ executions, locks, version }: Pick<History, 'executions' | 'locks' | 'version'>): Watch {
  /** By their number: as they were. */
  let known: ReadonlyMap<number, string> | undefined

  /** Nothing is read again until something is written. */
  let seen: string | undefined

  function current(): ReadonlyMap<number, Execution> {
    const page = { order: 'id', descending: true, offset: 0, limit: MOST } as const
    const found = [...executions.page(page).rows, ...executions.page({ ...page, status: 'active' }).rows]
    return new Map(found.map((one) => [one.id, one]))
  }

  return {
    look() {
      // A process that has died has written nothing of it.
      locks.markInterrupted()
      const written = version()
      if (written === seen) return []
      seen = written
      const now = new Map(current())
      // One that ran, and is not among the newest.
      for (const [id, text] of known ?? []) {
        if (now.has(id) || isFinal((JSON.parse(text) as Execution).status)) continue
        const one = executions.find(id)
        if (one) now.set(id, one)
      }
      const before = known
      known = new Map([...now].map(([id, one]) => [id, JSON.stringify(one)]))
      const texts = known
      return [...now.values()]
        .filter((one) => before !== undefined && before.get(one.id) !== texts.get(one.id))
        .reverse()
    },
  }
}
