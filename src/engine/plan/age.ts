/** The filters by age: `pushed_within` and `min_age`. */

import type { TagInfo } from '../../core/adapter.ts'
import { mapConcurrent } from '../../core/concurrent.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { spelledDuration } from '../../core/duration.ts'
import { ReplicateError } from '../../core/errors.ts'
import { plural } from '../../core/plural.ts'
import type { Policy } from '../../core/policy.ts'
import type { HeldArtifact } from '../../core/requests.ts'
import { plausible } from '../../core/time.ts'
import type { FirstSeen } from '../../history/history.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Verdict } from './filter.ts'

/** A tag, or an artifact without one, with what the listing said of it. */
export interface Candidate {
  readonly tag?: string
  readonly info?: Pick<TagInfo, 'digest' | 'mediaType' | 'pushed'>
  /** Why its digest could not be resolved. Such an artifact must not be copied. */
  readonly failure?: ReplicateError
}

export interface Sifted {
  /** Those that pass both filters, in the given order; with their digest where it had to be resolved. */
  readonly kept: readonly Candidate[]
  readonly dropped: readonly { readonly candidate: Candidate; readonly verdict: Verdict }[]
  /** How many of the dropped will pass once they are old enough. */
  readonly held: number
}

export interface Ages {
  sift(repository: string, candidates: readonly Candidate[], store: ContentStore, ctx: Context): Promise<Sifted>
  /** Logs how many artifacts `min_age` has held back, once every repository was sifted, and returns that number. */
  report(ctx: Context): number
}

/** Told of each artifact that `min_age` holds back. */
export type Holding = (held: HeldArtifact) => void

/** How many artifacts that are held back are named. */
const MOST_HELD = 10_000

/** Puts them into a list, up to a number. */
export function collectHeld(held: HeldArtifact[]): Holding {
  return (one) => {
    if (held.length < MOST_HELD) held.push(one)
  }
}

/** The last time that a `Date` can hold. */
const LAST_TIME = 8.64e15

/** Digests asked for at once; the host's own limits decide how many requests that is. */
const ASKED_AT_ONCE = 64

/**
 * Undefined where the policy has no filter by age. Only the time of the push counts: anybody can write any creation time into an image.
 * For `min_age`, content without a push time is as old as its first mention in the history; without `records` it counts as new.
 */
export function createAges(
  policy: Policy,
  source: Endpoint,
  records: FirstSeen | undefined,
  now: number,
  holding: Holding = () => {},
): Ages | undefined {
  const { min_age: least, pushed_within: most } = policy.filters
  if (least === undefined && most === undefined) return undefined
  const address = source.registry.url ?? source.registry.path ?? source.registry.name
  let warned = false
  let held = 0
  let nextDue = Number.POSITIVE_INFINITY

  function tooOld(pushed: Date | undefined, ctx: Context): Verdict | undefined {
    if (most === undefined) return undefined
    if (pushed) {
      const rule = `pushed_within: ${spelledDuration(most)} (pushed ${dayOf(pushed)})`
      return now - pushed.getTime() > most ? { kept: false, rule } : undefined
    }
    if (!warned) {
      const text = `${source.registry.name} does not say when tags were pushed: pushed_within lets those through`
      ctx.emit({ type: 'log', level: 'warning', text })
    }
    warned = true
    return undefined
  }

  function tooYoung(
    time: number,
    what: 'pushed' | 'first seen',
    repository: string,
    { tag, info }: Candidate,
  ): Verdict | undefined {
    if (least === undefined || now - time >= least) return undefined
    held += 1
    nextDue = Math.min(nextDue, time + least)
    holding({
      repository,
      ...(tag === undefined ? {} : { tag }),
      ...(info === undefined ? {} : { digest: info.digest }),
      until: time + least,
    })
    return { kept: false, rule: `min_age: ${spelledDuration(least)} (${what} ${new Date(time).toISOString()})` }
  }

  return {
    async sift(repository, candidates, store, ctx) {
      const before = held
      const verdicts = new Map<Candidate, Verdict>()
      const undated: Candidate[] = []
      const known: Candidate[] = []
      for await (const candidate of mapConcurrent(candidates, ASKED_AT_ONCE, async (given) => {
        const dated = least === undefined || plausible(given.info?.pushed) !== undefined
        return dated ? given : withDigest(given, store, ctx)
      })) {
        known.push(candidate)
        const pushed = plausible(candidate.info?.pushed)
        const verdict = tooOld(pushed, ctx) ?? (pushed && tooYoung(pushed.getTime(), 'pushed', repository, candidate))
        if (verdict) verdicts.set(candidate, verdict)
        else if (least !== undefined && !pushed && candidate.info) undated.push(candidate)
      }
      const seen = records?.times(address, repository, digestsOf(undated))
      for (const candidate of undated) {
        const time = (candidate.info && seen?.get(candidate.info.digest)) ?? now
        const verdict = tooYoung(time, 'first seen', repository, candidate)
        if (verdict) verdicts.set(candidate, verdict)
      }
      return {
        kept: known.filter((candidate) => !verdicts.has(candidate)),
        dropped: [...verdicts].map(([candidate, verdict]) => ({ candidate, verdict })),
        held: held - before,
      }
    },
    report(ctx) {
      if (held === 0) return 0
      const what = plural(held, 'artifact is', 'artifacts are')
      const text = `${what} held back by min_age: ${spelledDuration(least ?? 0)}, the first until ${new Date(Math.min(nextDue, LAST_TIME)).toISOString()}`
      ctx.emit({ type: 'log', level: 'info', text })
      return held
    },
  }
}

/** A tag that does not exist is returned unchanged: the comparison reports it. */
async function withDigest(candidate: Candidate, store: ContentStore, ctx: Context): Promise<Candidate> {
  if (candidate.info || candidate.tag === undefined) return candidate
  try {
    const found = await store.resolve(candidate.tag, ctx)
    return found ? { ...candidate, info: { digest: found.digest, mediaType: found.mediaType } } : candidate
  } catch (error) {
    if (!(error instanceof ReplicateError) || ctx.signal.aborted) throw error
    return { ...candidate, failure: error }
  }
}

function digestsOf(candidates: readonly Candidate[]): readonly Digest[] {
  return [...new Set(candidates.flatMap(({ info }) => (info ? [info.digest] : [])))]
}

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10)
}
