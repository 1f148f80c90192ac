/** Whether a policy lets one artifact of its source through right now, by the same plan that a run makes. */

import type { Clock } from '../../../core/cancel.ts'
import type { Context } from '../../../core/context.ts'
import type { Descriptor } from '../../../core/descriptor.ts'
import { NetworkError } from '../../../core/errors.ts'
import type { Manifest } from '../../../core/manifest.ts'
import type { TaskSpec } from '../../../core/plan.ts'
import { type Policy, routesOf } from '../../../core/policy.ts'
import { type Endpoint, ManifestMemory } from '../../../engine/endpoint.ts'
import type { PlanRecords } from '../../../engine/plan/comparison.ts'
import { planRoutes } from '../../../engine/plan/routes.ts'
import { landing, type Seen } from '../tags.ts'
import { narrowedTo, type Pulled } from './narrowed.ts'
import type { Newest } from './newest.ts'
import type { Place } from './targets.ts'

export type Admission =
  /** A run is to bring it. */
  | {
      readonly kind: 'bring'
      readonly policy: Policy
      readonly tasks: readonly TaskSpec[]
      readonly read?: Manifest
      /** The destination has some of it, and nothing of that is relied on. */
      readonly thorough?: true
      /** When both sides were asked, on the monotonic clock; absent: before the run they are asked again. */
      readonly askedAt?: number
    }
  /** The destination has it already. */
  | { readonly kind: 'there' }
  | { readonly kind: 'refused'; readonly reason: string }

export interface AdmissionRequest {
  readonly records: PlanRecords
  readonly clock: Clock
  /** Read no manifest. */
  readonly shallow?: boolean
  readonly newest: Newest
  /** What both sides have said of the tag just now, and are not asked again for. */
  readonly seen: Seen | undefined
}

/** Throws where a registry does not answer. */
export async function admit(
  place: Place,
  pulled: Pulled,
  { records, clock, shallow, newest, seen }: AdmissionRequest,
  ctx: Context,
): Promise<Admission> {
  const askedAt = clock.monotonic()
  const { target } = place
  const { source, routes } = seen?.kind === 'upstream' && pulled.tag ? knowing(pulled.tag, seen, place) : place
  const { newest: count } = target.policy.filters
  const known = count === undefined || pulled.tag === undefined ? undefined : newest.of(place)
  if (known && pulled.tag !== undefined && !known.has(pulled.tag)) {
    return { kind: 'refused', reason: `policy ${target.policy.name}: newest: ${count}` }
  }
  const policy = narrowedTo(pulled, target.policy, target.selection, known !== undefined)
  // All tags are looked at to find the newest ones, and only this one is compared.
  const events =
    count === undefined || known || pulled.tag === undefined
      ? undefined
      : [{ action: 'push', repository: pulled.repository, tag: pulled.tag } as const]
  const chosen = new Set<string>()
  const memory = new ManifestMemory()
  const tasks: TaskSpec[] = []
  let isThere = false
  let rule: string | undefined
  const isIt = (one: { readonly tag?: string | undefined; readonly digest?: string | undefined }): boolean =>
    pulled.tag === undefined ? one.digest === pulled.digest : one.tag === pulled.tag
  await planRoutes(
    {
      source,
      memory,
      records,
      now: clock.now(),
      shallow,
      // The run looks for what other pulls have left there.
      brief: true,
      ...(events ? { events } : {}),
      explain: (resource, verdict) => {
        if (resource.tag !== undefined && verdict.kept) chosen.add(resource.tag)
        else if (resource.tag !== undefined) chosen.delete(resource.tag)
        if (!verdict.kept && (isIt(resource) || resource.tag === undefined)) rule = verdict.rule
      },
    },
    routesOf(policy).flatMap((route, at) => (routes[at] ? [{ ...routes[at], policy: route }] : [])),
    {
      task: (task) => {
        if (isOf(task, pulled)) tasks.push(task)
      },
      unchanged: ({ registry, tag, digest }) => {
        const isMine = pulled.tag === undefined ? digest === pulled.digest : tag === pulled.tag
        isThere ||= isMine && registry === place.destination.registry.name
      },
    },
    ctx,
  )
  if (count !== undefined && pulled.tag !== undefined && !known) newest.keep(place, chosen)
  const mine = tasks.find(({ destination }) => destination.registry === place.destination.registry.name)
  if (!mine || mine.referrers_only) {
    if (mine || isThere) return { kind: 'there' }
    return {
      kind: 'refused',
      reason: rule === undefined ? 'the policy does not select it' : `policy ${policy.name}: ${rule}`,
    }
  }
  if (mine.unresolved) throw new NetworkError(mine.reason ?? 'it could not be compared')
  if (mine.action !== 'copy' && mine.action !== 'update') {
    return { kind: 'refused', reason: mine.reason ?? `${mine.action} by policy ${policy.name}` }
  }
  const read = mine.digest && memory.peek(place.repository, mine.digest)
  return { kind: 'bring', policy, tasks: tasks.filter(isTransfer), askedAt, ...(read ? { read } : {}) }
}

/** The place, whose tag is known at the source and at the destination that clients are served from. */
function knowing(
  tag: string,
  { upstream, there }: Extract<Seen, { kind: 'upstream' }>,
  place: Place,
): Pick<Place, 'source' | 'routes'> {
  const [served, ...others] = place.routes
  const source = pointing(place.source, place.repository, tag, upstream)
  if (!served) return { source, routes: others }
  const destination = pointing(served.destination, place.mapped, landing(place, tag), there)
  return { source, routes: [{ ...served, destination }, ...others] }
}

/** The endpoint, where it is known what one tag of a repository points at. */
function pointing(endpoint: Endpoint, repository: string, tag: string, known: Descriptor | undefined): Endpoint {
  const { adapter } = endpoint
  return {
    ...endpoint,
    adapter: {
      ...adapter,
      repository(name) {
        const store = adapter.repository(name)
        if (name !== repository) return store
        return {
          ...store,
          resolve: async (reference, ctx) => (reference === tag ? known : store.resolve(reference, ctx)),
        }
      },
    },
  }
}

/** A pinned tag has none at the source. */
function isOf({ source, destination, digest }: TaskSpec, pulled: Pulled): boolean {
  if (pulled.tag === undefined) return digest === pulled.digest
  return source.tag === pulled.tag || destination.tag === pulled.tag
}

function isTransfer({ action, unresolved }: TaskSpec): boolean {
  return (action === 'copy' || action === 'update') && !unresolved
}
