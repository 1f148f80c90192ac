/** The policies that clients may pull through, opened, and where a name that a client gives is in them. */

import type { Configuration } from '../../../config/load.ts'
import type { AdapterFacts } from '../../../core/adapter.ts'
import type { ContentStore } from '../../../core/content.ts'
import type { Context } from '../../../core/context.ts'
import { type Policy, routesOf } from '../../../core/policy.ts'
import { hostInName } from '../../../core/reference.ts'
import type { Registry } from '../../../core/registry.ts'
import type { Endpoint, Route } from '../../../engine/endpoint.ts'
import { ifExists } from '../../../engine/plan/destination-tags.ts'
import { type Selection, selectionOf } from '../../../engine/plan/filter.ts'
import { mapRepository } from '../../../engine/plan/mapping.ts'
import { sidedEndpoint } from '../../../engine/sided.ts'
import type { Program } from '../../parts.ts'
import { Refusal } from '../refusal.ts'
import type { Openings } from './openings.ts'

export interface Target {
  readonly policy: Policy
  readonly configuration: Configuration
  readonly selection: Selection
  /** Milliseconds that a tag counts as fresh. */
  readonly maxAge: number
  /** Names of the source by which a client may mean it: its hosts. */
  readonly hosts: readonly string[]
  /** The namespace of names with one part, such as Docker Hub's `library`. */
  readonly defaultNamespace: string | undefined
  readonly open: () => Promise<Opened>
}

/** Both sides of a policy. Clients are served from the first destination. */
export interface Opened {
  readonly source: Endpoint
  readonly routes: readonly Route[]
  readonly destination: Endpoint
}

/** A repository of a policy. */
export interface Place extends Opened {
  readonly target: Target
  /** As the source names it. */
  readonly repository: string
  /** As the destination names it. */
  readonly mapped: string
  readonly from: ContentStore
  readonly to: ContentStore
}

/** The same for all places that are one repository of a destination. */
export function placeKey({ destination, mapped }: Place): string {
  return `${destination.registry.name} ${mapped}`
}

/** What is looked for at the destination; undefined where its repository does not exist, even if the registry only refuses to look. */
export function inPlace<T>({ destination, mapped }: Place, looking: Promise<T>, ctx: Context): Promise<T | undefined> {
  return ifExists(looking, destination, mapped, ctx)
}

/** Milliseconds. */
const DEFAULT_MAX_AGE = 60_000
/** How often the files that registries name are looked at, in milliseconds. */
const LOOK_AGAIN_MS = 1000

export interface TargetParts {
  readonly program: Program
  readonly openings: Openings
}

export function targetsOf(configuration: Configuration, parts: TargetParts): readonly Target[] {
  return configuration.policies.flatMap((policy): Target[] => {
    const pull = policy.triggers.find((trigger) => 'pull' in trigger)
    if (!pull || !policy.enabled) return []
    const registry = configuration.registryOf(policy.source.registry)
    const facts = configuration.types.find(({ identity }) => identity === registry.type)
    const maxAge = pull.max_age ?? DEFAULT_MAX_AGE
    return [
      {
        policy,
        configuration,
        selection: selectionOf(policy),
        maxAge,
        hosts: hostsOf(registry, facts),
        defaultNamespace: registry.url === facts?.home ? facts?.defaultNamespace : undefined,
        open: openerOf(policy, configuration, maxAge, parts),
      },
    ]
  })
}

interface Sides {
  /** As the program knows them: others once a registry, or a file of it, has changed. */
  readonly known: readonly Endpoint[]
  readonly own: readonly Endpoint[]
  readonly opened: Opened
  readonly at: number
}

/** Opens both sides, and again once they are older than `maxAge` or have changed. */
function openerOf(
  policy: Policy,
  configuration: Configuration,
  maxAge: number,
  { program, openings }: TargetParts,
): Target['open'] {
  const registries = [policy.source.registry, ...routesOf(policy).map(({ destination }) => destination.registry)].map(
    (name) => configuration.registryOf(name),
  )
  let last: Sides | undefined
  let looked = Number.NEGATIVE_INFINITY
  let looking: Promise<Sides> | undefined

  async function look(now: number): Promise<Sides> {
    const known = await Promise.all(registries.map((registry) => program.open(registry)))
    const hasChanged = known.some((endpoint, at) => endpoint !== last?.known[at])
    if (!last || hasChanged || now - last.at >= maxAge) {
      const own = await Promise.all(registries.map((registry) => openings.open(registry)))
      for (const endpoint of last?.own ?? []) openings.leave(endpoint)
      last = { known, own, opened: openedBy(policy, own), at: now }
    }
    looked = now
    return last
  }

  return async () => {
    const now = program.clock.monotonic()
    if (last && now - looked < LOOK_AGAIN_MS) return last.opened
    looking ??= look(now).finally(() => {
      looking = undefined
    })
    return (await looking).opened
  }
}

function openedBy(policy: Policy, [from, ...to]: readonly Endpoint[]): Opened {
  const routes = routesOf(policy).flatMap((route, at): Route[] => {
    const endpoint = to[at]
    return endpoint ? [{ policy: route, destination: sidedEndpoint(endpoint, 'destination') }] : []
  })
  const [first] = routes
  if (!from || !first) throw new TypeError(`policy ${policy.name} has no destination`)
  return { source: sidedEndpoint(from, 'source'), routes, destination: first.destination }
}

function hostsOf({ name, url }: Registry, facts: AdapterFacts | undefined): readonly string[] {
  const host = url === undefined ? undefined : new URL(url).host
  const isHome = url !== undefined && url === facts?.home
  const inName = host === undefined ? undefined : hostInName(host)
  const others = isHome ? (facts?.aliases ?? []) : []
  return [...new Set([name, host ?? name, inName ?? name, ...others].map((one) => one.toLowerCase()))]
}

/** What a client gives for a repository. */
export interface Named {
  readonly name: string
  /** The host that it means; absent: any. */
  readonly host: string | undefined
}

/** The policies that select the repository, in the order of the configuration. Throws a `Refusal` that names the rules if none does. */
export async function placesOf(named: Named, targets: readonly Target[]): Promise<readonly Place[]> {
  const rules: string[] = []
  const places: Place[] = []
  const { name, host } = split(named, targets)
  for (const target of targets) {
    if (host !== undefined && !target.hosts.includes(host)) continue
    const repository = fullName(name, target)
    const verdict = target.selection.repository(repository)
    if (verdict.kept) places.push(await placeIn(target, repository))
    else rules.push(`policy ${target.policy.name} has ${verdict.rule}`)
  }
  if (places.length > 0) return places
  const why = rules.length > 0 ? rules.slice(0, SHOWN_RULES).join('; ') : 'no policy with `pull: true` has that source'
  throw new Refusal(404, 'NAME_UNKNOWN', `${name} is not selected: ${why}`)
}

const SHOWN_RULES = 3

/** A host may also be the first part of the name, for clients that cannot say it otherwise. */
function split({ name, host }: Named, targets: readonly Target[]): Named {
  if (host !== undefined) return { name, host: host.toLowerCase() }
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(0, slash))
  const isHost = hostInName(first) === first && targets.some(({ hosts }) => hosts.includes(first))
  return isHost ? { name: name.slice(slash + 1), host: first } : { name, host: undefined }
}

function fullName(name: string, { defaultNamespace }: Target): string {
  return defaultNamespace === undefined || name.includes('/') ? name : `${defaultNamespace}/${name}`
}

async function placeIn(target: Target, repository: string): Promise<Place> {
  const opened = await target.open()
  const mapped = mapRepository(repository, target.policy.destination)
  return {
    ...opened,
    target,
    repository,
    mapped,
    from: opened.source.adapter.repository(repository),
    to: opened.destination.adapter.repository(mapped),
  }
}

/** The destination's manifest may differ from the source's: a smaller index, or what a store makes itself. */
export function isMade({ target, from, to }: Place): boolean {
  return target.selection.narrows || from.nameOf !== undefined || to.nameOf !== undefined
}
