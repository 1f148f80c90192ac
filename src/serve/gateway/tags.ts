/** What tags are right now, at the destination and at the source: asked once for all clients, and again when that is older than `max_age`. */

import type { Clock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor } from '../../core/descriptor.ts'
import { describeError, isForbidden, NetworkError, ReplicateError } from '../../core/errors.ts'
import { ABSENT_MS } from './absences.ts'
import { Bounded } from './bounded.ts'
import { inPlace, type Place } from './policy/targets.ts'
import { unlessAborted } from './pull/waiting.ts'

export type Seen =
  /** The destination has what the source has, or what counts as that. */
  | { readonly kind: 'there'; readonly there: Descriptor; readonly warning?: string }
  /** The source has something else, or the destination nothing: a policy may let it through. */
  | { readonly kind: 'upstream'; readonly upstream: Descriptor; readonly there?: Descriptor }
  /** `refused`: the source does not say whether it has it. */
  | { readonly kind: 'absent'; readonly refused?: string }

/** `isNew`: it was asked for just now, not remembered. */
export type Look = Seen & { readonly isNew: boolean }

export interface Tags {
  /** Throws where neither side answers. */
  see(place: Place, tag: string): Promise<Look>
  /** The destination has it now. */
  put(place: Place, tag: string, there: Descriptor): void
  forget(place: Place, tag: string): void
  /** The source may have something else now: in a repository of a policy's source, or under one of its tags. */
  changed(policy: string, repository: string, tag: string | undefined): void
  clear(): void
}

/** As in RFC 7234: `stale` is content that the source no longer has; `unchecked` where it did not answer. */
const WARNINGS = {
  stale: '110 replicate "Response is Stale"',
  unchecked: '111 replicate "Revalidation Failed"',
} as const

/** Tags that are remembered. */
const MOST_TAGS = 20_000
/** How long a client waits for the source where the destination has an answer, in milliseconds. */
const PATIENCE_MS = 5000
/** The same where it has none. */
const LONGEST_MS = 60_000
/** How long a source that did not answer is not asked again for what the destination has, in milliseconds. */
const REST_MS = 10_000

interface Kept {
  readonly at: number
  readonly seen: Seen
}

export function createTags(clock: Clock, ctx: Context): Tags {
  const known = new Bounded<string, Kept>(MOST_TAGS)
  const asking = new Map<string, Promise<Seen>>()
  /** By the source's name: until when it is left alone. */
  const resting = new Bounded<string, number>(1000)

  async function ask(place: Place, tag: string): Promise<Seen> {
    const { from, to, target } = place
    const source = target.policy.source.registry
    const there = await inPlace(place, to.resolve(landing(place, tag), ctx), ctx)
    const isResting = clock.monotonic() < (resting.get(source) ?? 0)
    if (there && isResting) return { kind: 'there', there, warning: WARNINGS.unchecked }
    let upstream: Descriptor | undefined
    try {
      const wait = there ? PATIENCE_MS : LONGEST_MS
      upstream = await within(wait, clock, ctx, (within) => from.resolve(tag, within))
    } catch (error) {
      // Docker Hub and others refuse what does not exist, which says nothing of their other repositories.
      if (isForbidden(error) && !ctx.signal.aborted) {
        return there
          ? { kind: 'there', there, warning: WARNINGS.unchecked }
          : { kind: 'absent', refused: describeError(error) }
      }
      if (ctx.signal.aborted || !there) throw error
      // What is wrong with one tag alone says nothing of the source.
      if (isOfSource(error)) resting.set(source, clock.monotonic() + REST_MS)
      return { kind: 'there', there, warning: WARNINGS.unchecked }
    }
    if (!upstream) return there ? { kind: 'there', there, warning: WARNINGS.stale } : { kind: 'absent' }
    if (there?.digest === upstream.digest) return { kind: 'there', there }
    return { kind: 'upstream', upstream, ...(there ? { there } : {}) }
  }

  return {
    async see(place, tag) {
      const key = keyOf(place, tag)
      const kept = known.get(key)
      if (kept && clock.monotonic() - kept.at < ageOf(kept.seen, place)) return { ...kept.seen, isNew: false }
      const under = asking.get(key)
      if (under) return { ...(await under), isNew: true }
      const asked = ask(place, tag)
      asking.set(key, asked)
      try {
        const seen = await asked
        known.set(key, { at: clock.monotonic(), seen })
        return { ...seen, isNew: true }
      } finally {
        asking.delete(key)
      }
    },
    put(place, tag, there) {
      known.set(keyOf(place, tag), { at: clock.monotonic(), seen: { kind: 'there', there } })
    },
    forget(place, tag) {
      known.delete(keyOf(place, tag))
    },
    changed(policy, repository, tag) {
      const key = `${policy} ${repository}:`
      if (tag !== undefined) known.delete(`${key}${tag}`)
      else for (const [one] of known) if (one.startsWith(key)) known.delete(one)
    },
    clear: () => known.clear(),
  }
}

/** The destination's tag. */
export function landing({ target }: Place, tag: string): string {
  return target.policy.destination.tag ?? tag
}

function keyOf({ target, repository }: Place, tag: string): string {
  return `${target.policy.name} ${repository}:${tag}`
}

function ageOf(seen: Seen, { target }: Place): number {
  if (seen.kind === 'absent') return Math.min(ABSENT_MS, target.maxAge)
  return seen.kind === 'there' && seen.warning !== undefined ? Math.min(REST_MS, target.maxAge) : target.maxAge
}

function isOfSource(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof ReplicateError && error.retryable)
}

/** Gives work up after so many milliseconds. */
async function within<T>(most: number, clock: Clock, ctx: Context, work: (ctx: Context) => Promise<T>): Promise<T> {
  const over = new AbortController()
  const done = new AbortController()
  const late = new NetworkError(`no answer within ${most / 1000} s`)
  clock.sleep(most, AbortSignal.any([ctx.signal, done.signal])).then(
    () => over.abort(late),
    () => {},
  )
  try {
    const signal = AbortSignal.any([ctx.signal, over.signal])
    return await unlessAborted(work({ ...ctx, signal }), signal)
  } finally {
    done.abort()
  }
}
