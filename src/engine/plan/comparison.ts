/** What a plan compares with: the policy compiled, its sides, and what is noted meanwhile. */

import { PrepareError } from '../../core/errors.ts'
import type { Policy, ResourceType } from '../../core/policy.ts'
import { formatResource } from '../../core/reference.ts'
import type { ArtifactEvent } from '../../core/requests.ts'
import type { History } from '../../history/history.ts'
import type { Endpoint, ManifestMemory } from '../endpoint.ts'
import type { ImageTools } from '../images/tools.ts'
import { createAges, type Holding } from './age.ts'
import { type Explain, selectionOf } from './filter.ts'
import { createMissingNames } from './missing.ts'
import { createNarrowing } from './narrowing.ts'
import { createOddNames, ODD_NAME } from './odd-names.ts'
import type { Comparison } from './outcome.ts'
import { ABSENT } from './pair.ts'
import { createWantedPlatforms } from './platforms.ts'
import type { Pulls } from './pulls.ts'
import { toldBy } from './told/told.ts'

export interface PlanRequest {
  readonly policy: Policy
  readonly source: Endpoint
  readonly destination: Endpoint
  readonly memory: ManifestMemory
  /** Further patterns by filter name, which must match too. */
  readonly narrow?: Readonly<Record<string, readonly string[]>> | undefined
  readonly shard?: { readonly index: number; readonly count: number } | undefined
  readonly shallow?: boolean | undefined
  /** Ask nothing only to learn whether a destination's repository is new. */
  readonly brief?: boolean | undefined
  /** Decides whether the source's manifests may be read; absent: always. */
  readonly pulls?: Pulls | undefined
  /** Make the whole plan even if a run of it would be refused. */
  readonly onlyShown?: boolean | undefined
  readonly explain?: Explain | undefined
  /** `all`: referrers of unchanged artifacts are looked at too. Default `changed`. */
  readonly referrers?: 'all' | 'changed' | undefined
  /** Only what these are about, as far as the policy selects it. */
  readonly events?: readonly ArtifactEvent[] | undefined
  /** Told what `min_age` holds back. */
  readonly holding?: Holding | undefined
  /** What earlier runs have found out; without it nothing is known. */
  readonly records?: PlanRecords | undefined
  /** Milliseconds since 1970; default now. */
  readonly now?: number | undefined
  /** Finds the images that charts name; absent: the policy does not bring them. */
  readonly images?: ImageTools | undefined
}

export type PlanRecords = Pick<History, 'firstSeen' | 'narrowed' | 'brought' | 'names' | 'chartImages'>

/** `left` collects how many tags and artifacts each rule has dropped. */
export function comparisonFor(
  request: PlanRequest,
  byDestination: ReadonlyMap<string, readonly string[]>,
  left: Map<string, number>,
  attempt: Comparison['attempt'] = request.onlyShown ? 'only' : 'first',
): Comparison {
  const { policy, source, destination, memory, records } = request
  const shard = request.shard && shardOf(request.shard)
  const explain: Explain = (resource, verdict) => {
    request.explain?.(resource, verdict)
    const name = resource.tag ?? resource.digest
    const isCounted = name === undefined ? verdict.rule === ODD_NAME : (shard?.(resource.repository, name) ?? true)
    const key = verdict.rule.replace(/:.*$/s, '')
    if (!verdict.kept && isCounted && verdict.rule !== ABSENT) left.set(key, (left.get(key) ?? 0) + 1)
  }
  const selection = selectionOf(policy, request.narrow)
  return {
    policy,
    selection,
    source,
    destination,
    memory,
    explain,
    odd: createOddNames(source.registry.name, explain),
    missing: createMissingNames(policy, selection, source, destination),
    platforms: createWantedPlatforms(policy),
    ownAttachments: new Set(),
    shard,
    resource: resourceRule(policy, request.narrow?.resource),
    claim: claims(byDestination, policy),
    isShared: (mapped) => (byDestination.get(mapped)?.length ?? 0) > 1,
    shallow: request.shallow ?? false,
    pulls: request.pulls,
    attempt,
    ages: createAges(policy, source, records?.firstSeen, request.now ?? Date.now(), request.holding),
    narrowing: createNarrowing(policy, selection, source, memory, records?.narrowed),
    brought: records?.brought,
    names: records?.names,
    told: request.events && toldBy(request.events, policy),
    brief: request.brief ?? false,
    lateReferrers: (request.referrers ?? policy.referrers) === 'all',
  }
}

/** Refuses a second source for one destination tag. Remembers only where a second one is possible. */
function claims(byDestination: ReadonlyMap<string, readonly string[]>, policy: Policy): Comparison['claim'] {
  const claimed = new Map<string, string>()
  const isAnywhere = policy.with_images === true || policy.destination.tag !== undefined
  return (repository, to, tag, registry = policy.source.registry) => {
    if ((byDestination.get(to.repository)?.length ?? 0) < 2 && !isAnywhere) return
    const key = `${to.repository}:${to.tag}`
    const other = claimed.get(key)
    const mine = formatResource({ registry, repository, tag })
    if (other !== undefined && other !== mine) {
      throw new PrepareError(`${other} and ${mine} would both land on ${policy.destination.registry}/${key}`, {
        hint: policy.with_images
          ? 'narrow the name filter, or lower destination.flatten so that charts and images stay apart'
          : 'narrow the name filter, use exclude, or lower destination.flatten so that their paths stay apart',
      })
    }
    claimed.set(key, mine)
  }
}

export function resourceRule(policy: Policy, narrow: readonly string[] | undefined): (type: ResourceType) => boolean {
  const wanted = policy.filters.resource
  return (type) => (wanted === 'all' || wanted === type) && (!narrow || narrow.includes(type))
}

/** A stable split: the same tag is always in the same part. */
export function shardOf(shard: {
  readonly index: number
  readonly count: number
}): (repository: string, tag: string) => boolean {
  return (repository, tag) => {
    let hash = 2166136261
    for (const character of `${repository}:${tag}`) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619)
    return (hash >>> 0) % shard.count === shard.index - 1
  }
}
