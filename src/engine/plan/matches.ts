/** What a policy's filters match at its source right now, for a policy that may not have a destination yet. Writes nothing. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Policy } from '../../core/policy.ts'
import type { FirstSeen } from '../../history/history.ts'
import type { Endpoint } from '../endpoint.ts'
import { createAges } from './age.ts'
import { selectRepositories, selectTags } from './discover.ts'
import { type Explain, selectionOf } from './filter.ts'
import { createOddNames } from './odd-names.ts'

/** A repository that the policy selects. */
export interface Match {
  readonly repository: string
  /** Those that the policy selects, in its order. */
  readonly tags: readonly string[]
  /** Artifacts without a tag, where they are wanted. */
  readonly untagged: number
  /** Tags before filtering; only the named ones if all are named. */
  readonly seen: number
}

/** Repositories asked for their tags at once. */
const AT_ONCE = 8

/** Yields each repository as soon as it is known, in the source's order. Filters by resource and platform are ignored, as they need every
 *  manifest. Throws where the source cannot be reached, or cannot list what the filters need. `explain` is told of each
 *  repository and tag before its repository is yielded. */
export async function* matches(
  policy: Policy,
  source: Endpoint,
  records: FirstSeen | undefined,
  ctx: Context,
  explain: Explain = () => {},
): AsyncIterable<Match> {
  const selection = selectionOf(policy)
  const ages = createAges(policy, source, records, Date.now())
  const discovery = { policy, selection, source, explain, odd: createOddNames(source.registry.name, explain), ages }
  const store = (repository: string): ContentStore => source.adapter.repository(repository)
  yield* mapConcurrent(selectRepositories(discovery, ctx), AT_ONCE, async (repository) => {
    if (selection.digest !== undefined) {
      const isThere = (await store(repository).resolve(selection.digest, ctx)) !== undefined
      return { repository, tags: [], untagged: isThere ? 1 : 0, seen: 0 }
    }
    const { tags, infos, untagged, seen } = await selectTags(repository, discovery, ctx)
    if (!selection.tags) return { repository, tags, untagged: untagged.length, seen }
    // Named tags have not been resolved yet.
    const there = tags.map(async (tag) => {
      const pinned = selection.pinned.get(tag)
      if (pinned === undefined && infos.has(tag)) return true
      return (await store(repository).resolve(pinned ?? tag, ctx)) !== undefined
    })
    const exists = await Promise.all(there)
    const found = tags.filter((_, index) => exists[index])
    return { repository, tags: found, untagged: untagged.length, seen: found.length }
  })
  ages?.report(ctx)
  discovery.odd.report(ctx)
}
