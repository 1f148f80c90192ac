/** A policy: what goes from where to where, when, and how gently; as it is after defaults are filled in. */

import type { Secret } from './secret.ts'

export type ResourceType = 'image' | 'chart'

/** Selects resources. A list matches where any of its patterns does; an absent filter matches all. */
export interface Filters {
  readonly resource: ResourceType | 'all'
  readonly name?: readonly string[]
  /** Patterns, or `TAG@DIGEST`: that digest, under that tag (`pinnedTag`). */
  readonly tag?: readonly string[]
  readonly digest?: string
  readonly label?: readonly string[]
  readonly semver?: string
  /** Charts that their publishers call deprecated: only those, or none. */
  readonly deprecated?: boolean
  readonly newest?: number
  /** Milliseconds. */
  readonly pushed_within?: number
  /** Milliseconds. */
  readonly min_age?: number
  readonly untagged: boolean
  readonly platforms?: readonly string[]
  readonly platforms_index: 'sparse' | 'narrow'
  /** false: those that BuildKit puts into an index are left out of it. Absent in policies of earlier versions: true. */
  readonly attestations?: boolean
  readonly exclude?: {
    readonly name?: readonly string[]
    readonly tag?: readonly string[]
    readonly label?: readonly string[]
  }
  /** As `name`, `tag` and `exclude`, in regular expressions; both must match where both are given. */
  readonly regex?: {
    readonly name?: readonly string[]
    readonly tag?: readonly string[]
    readonly exclude?: { readonly name?: readonly string[]; readonly tag?: readonly string[] }
  }
}

export interface PolicySource {
  /** A registry's name; the resolved `Registry` is found beside the policy. */
  readonly registry: string
  readonly namespaces?: readonly string[]
}

export interface PolicyDestination {
  readonly registry: string
  readonly namespace?: string
  /** How many leading parts of the path the namespace replaces; without a namespace they are stripped. */
  readonly flatten: number | 'all'
  /** The destination repository's whole name, where it is given (`copy` without a trailing slash). Then only one source repository may match. */
  readonly repository?: string
  /** The destination tag, where it is given (`copy`). */
  readonly tag?: string
  readonly create: boolean
  readonly public: boolean
}

/** What starts a policy besides a user. All but schedules need `replicate serve`. */
export type Trigger = ScheduleTrigger | EventTrigger | PollTrigger | PullTrigger

export interface ScheduleTrigger {
  readonly schedule: string
  readonly timezone?: string
  /** Milliseconds: a time that passed while nothing could start it is made up for if it is no older; default 1 h. */
  readonly catch_up?: number
}

/** What happens to an artifact: `scan` is a new scan result, `label` a change of its labels. */
export const EVENT_KINDS = ['push', 'delete', 'scan', 'label'] as const
export type EventKind = (typeof EVENT_KINDS)[number]

export function isEventKind(text: string): text is EventKind {
  return EVENT_KINDS.some((kind) => kind === text)
}

export interface EventTrigger {
  readonly event: readonly EventKind[]
}

export interface PollTrigger {
  /** Milliseconds from one look at the source to the next. */
  readonly poll: number
}

export interface PullTrigger {
  readonly pull: true
  /** Milliseconds that a tag counts as fresh; default 1 min. */
  readonly max_age?: number
}

export function schedulesIn(triggers: readonly Trigger[]): readonly ScheduleTrigger[] {
  return triggers.filter((trigger) => 'schedule' in trigger)
}

/** Called before anything is created or copied. */
export interface PrepareHandler {
  /** A path on the destination, or a URL. */
  readonly handler: Secret
  /** Statuses that end the execution; any other failure is a warning. */
  readonly abort_on: readonly number[]
}

export type NotifiedEnd = 'failed' | 'succeeded' | 'stopped'

/** A notification about the end of an execution. */
export type Notification = { readonly on: readonly NotifiedEnd[] } & Channel

/** The way that a notification goes. */
export type Channel =
  | { readonly webhook: Secret; readonly secret?: Secret }
  | { readonly slack: Secret }
  /** A command and its arguments, shown as the file has them; a command with a `/` in it is an absolute path. */
  | { readonly exec: readonly [Secret, ...Secret[]] }

export interface Policy {
  readonly name: string
  readonly description?: string
  readonly enabled: boolean
  readonly scope: 'system' | 'namespace'
  readonly source: PolicySource
  readonly destination: PolicyDestination
  /** Further destinations, each of which gets the same as the first. */
  readonly also: readonly PolicyDestination[]
  readonly filters: Filters
  readonly order: 'oldest' | 'newest'
  readonly on_overlap: 'skip' | 'queue'
  readonly allow_empty: boolean
  readonly foreign_layers: boolean
  readonly verify: 'off' | 'digest' | 'full'
  /** `all`: also those that came after their image was copied. */
  readonly referrers: boolean | 'all'
  readonly override: boolean
  /** What becomes of a repository or tag that is named without wildcards and missing at the source: a failed task (default) or a warning.
   *  A platform that no image has is a failure only with an explicit `fail`. */
  readonly missing?: 'fail' | 'warn'
  /** What happens to destination tags that the source no longer has: `mirror` deletes all that the filters select, `owned` only those
   *  that earlier executions of the policy have put there; `events` only those whose deletion an event tells. */
  readonly deletion: 'never' | 'events' | 'owned' | 'mirror'
  /** At most this many tags, or this share of the destination's, are deleted by one execution; default 10 %. */
  readonly max_deletions?: number | `${number}%`
  /** Charts bring the images that they name. Absent in policies of earlier versions. */
  readonly with_images?: boolean
  /** Files that charts are rendered with to find their images, absolute; the last counts most. */
  readonly values?: readonly string[]
  readonly triggers: readonly Trigger[]
  readonly retry: { readonly attempts: number; readonly delay: number }
  readonly prepare?: PrepareHandler
  readonly notify?: readonly Notification[]
}

/** A policy with several destinations as one policy for each of them. */
export function routesOf(policy: Policy): readonly Policy[] {
  return [policy, ...policy.also.map((destination) => ({ ...policy, destination, also: [] }))]
}

/** The names of the registries that policies copy between, each once. */
export function registryNames(policies: readonly Policy[]): readonly string[] {
  const destinations = policies.flatMap(routesOf).map(({ destination }) => destination.registry)
  return [...new Set([...policies.map(({ source }) => source.registry), ...destinations])]
}
