/** Which tags of repositories are the newest ones: found by a look at all tags, and remembered as long as a tag counts as fresh. */

import type { Clock } from '../../../core/cancel.ts'
import { Bounded } from '../bounded.ts'
import type { Place } from './targets.ts'

export interface Newest {
  /** Undefined where they have to be looked for. */
  of(place: Place): ReadonlySet<string> | undefined
  keep(place: Place, tags: ReadonlySet<string>): void
  /** The source has other tags now. */
  forget(policy: string, repository: string): void
  clear(): void
}

/** Repositories whose newest tags are remembered, and tags of each: more than that are looked for each time. */
const MOST = 1000
const MOST_TAGS = 1000

export function createNewest(clock: Clock): Newest {
  const known = new Bounded<string, { readonly tags: ReadonlySet<string>; readonly at: number }>(MOST)
  const keyOf = ({ target, repository }: Place): string => `${target.policy.name} ${repository}`
  return {
    of(place) {
      const kept = known.get(keyOf(place))
      return kept && clock.monotonic() - kept.at < place.target.maxAge ? kept.tags : undefined
    },
    keep(place, tags) {
      if (tags.size <= MOST_TAGS) known.set(keyOf(place), { tags, at: clock.monotonic() })
    },
    forget: (policy, repository) => known.delete(`${policy} ${repository}`),
    clear: () => known.clear(),
  }
}
