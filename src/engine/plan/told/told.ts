/** What events tell of a source: a run of them looks at nothing else. */

import type { Digest } from '../../../core/descriptor.ts'
import type { Policy } from '../../../core/policy.ts'
import { formatResource } from '../../../core/reference.ts'
import type { ArtifactEvent } from '../../../core/requests.ts'

/** Of one repository. */
export interface ToldRepository {
  /** Tags that were pushed, or are to be looked at again; `all`: every tag. */
  readonly tags: ReadonlySet<string> | 'all'
  /** Artifacts that were pushed without a tag. */
  readonly digests: ReadonlySet<Digest>
  readonly deleted: {
    readonly tags: ReadonlySet<string>
    readonly digests: ReadonlySet<Digest>
    /** What those tags were: some registries delete an artifact with all its tags, and tell one of them. */
    readonly tagged: ReadonlySet<Digest>
    /** The repository itself. */
    readonly all: boolean
  }
}

/** By repository. */
export type Told = ReadonlyMap<string, ToldRepository>

/** How many events a log names. */
const NAMED = 20

/** Of two events about one artifact the later one holds. */
export function toldBy(events: readonly ArtifactEvent[], policy: Policy): Told {
  const last = new Map(events.map((event) => [formatResource({ ...event, registry: '' }), event]))
  const byRepository = Map.groupBy(last.values(), ({ repository }) => repository)
  return new Map([...byRepository].map(([repository, of]) => [repository, toldOf(of, policy)]))
}

function toldOf(events: readonly ArtifactEvent[], { filters }: Policy): ToldRepository {
  const deleted = events.filter(({ action }) => action === 'delete')
  const others = events.filter(({ action }) => action !== 'delete')
  // Where one of the newest is gone, another one is among them.
  const isWide = others.some(isUnclear) || (filters.newest !== undefined && deleted.length > 0)
  return {
    tags: isWide ? 'all' : new Set(tagsOf(others)),
    digests: new Set(digestsOf(others.filter(({ action }) => action === 'push'))),
    deleted: {
      tags: new Set(tagsOf(deleted)),
      digests: new Set(digestsOf(deleted)),
      tagged: new Set(deleted.flatMap(({ tag, digest }) => (tag === undefined ? [] : (digest ?? [])))),
      all: deleted.some(isWhole),
    },
  }
}

/** About a whole repository, or about an artifact with tags that the event does not name. */
function isUnclear(event: ArtifactEvent): boolean {
  return isWhole(event) || (event.tag === undefined && event.action !== 'push')
}

function isWhole({ tag, digest }: ArtifactEvent): boolean {
  return tag === undefined && digest === undefined
}

function tagsOf(events: readonly ArtifactEvent[]): readonly string[] {
  return events.flatMap(({ tag }) => tag ?? [])
}

function digestsOf(events: readonly ArtifactEvent[]): readonly Digest[] {
  return events.flatMap(({ tag, digest }) => (tag === undefined && digest !== undefined ? [digest] : []))
}

/** True for a tag that the events are about; without events, for all. */
export function isTold(told: ToldRepository | undefined, tag: string): boolean {
  return told === undefined || told.tags === 'all' || told.tags.has(tag)
}

/** `push team/app:1.0`, for the log; of many the first. */
export function toldLines(events: readonly ArtifactEvent[], registry: string): readonly string[] {
  const lines = events
    .slice(0, NAMED)
    .map(({ action, repository, tag, digest }) => `${action} ${formatResource({ registry, repository, tag, digest })}`)
  return events.length > NAMED ? [...lines, `and ${events.length - NAMED} more`] : lines
}
