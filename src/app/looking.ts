/** What only looks: plans, matches and lists, which write nothing to any registry. */

import type { Configuration } from '../config/load.ts'
import type { Context } from '../core/context.ts'
import { notBegun } from '../core/errors.ts'
import type { Listed } from '../core/inventory.ts'
import type { PolicyPlan } from '../core/plan.ts'
import type { Policy } from '../core/policy.ts'
import type { PlanOptions } from '../core/requests.ts'
import type { Endpoint } from '../engine/endpoint.ts'
import type { Explain } from '../engine/plan/filter.ts'
import { type Match, matches } from '../engine/plan/matches.ts'
import { mergePlans, preview } from '../engine/plan/preview.ts'
import { sidedEndpoint } from '../engine/sided.ts'
import type { History } from '../history/history.ts'
import type { LongLists } from '../history/scratch.ts'
import type { Connections } from './connections.ts'
import { openSides } from './sides.ts'

/** What fails before anything was looked at ends with the status of a run that never began. */
export interface Looking {
  plan(policy: Policy, configuration: Configuration, options: PlanOptions, ctx: Context): Promise<PolicyPlan>
  /** The repositories and tags that the policy's filters match at its source, as they are found; the destination is not asked. */
  matches(policy: Policy, configuration: Configuration, ctx: Context, explain?: Explain): AsyncIterable<Match>
  /** The repositories that the policy's filters match, as they are found. */
  repositories(policy: Policy, configuration: Configuration, ctx: Context): AsyncIterable<string>
  /** The namespaces of a registry; undefined where it does not list them. */
  namespaces(registry: string, configuration: Configuration, ctx: Context): Promise<AsyncIterable<string> | undefined>
  /** The artifacts that the policy's filters match, as they are found; `details`: each is looked into. */
  artifacts(
    policy: Policy,
    configuration: Configuration,
    options: { readonly details: boolean },
    ctx: Context,
  ): AsyncIterable<Listed>
}

export interface LookingParts {
  readonly connections: Connections
  /** Removes secrets from events. */
  readonly guarded: (ctx: Context) => Context
  /** Opened for reading; the caller closes it. */
  readonly readHistory: () => Promise<History>
  readonly lists: LongLists
}

export function createLooking({ connections, guarded, readHistory, lists }: LookingParts): Looking {
  const openedSource = (policy: Policy, configuration: Configuration): Promise<Endpoint> =>
    connections.open(configuration.registryOf(policy.source.registry))

  return {
    async plan(policy, configuration, planning, ctx) {
      const { filter, ...rest } = planning
      const records = await planRecords(policy, readHistory)
      try {
        const opened = await openSides(policy, configuration, connections)
        const plans: PolicyPlan[] = []
        for (const route of opened.routes) {
          plans.push(
            await preview(
              { ...route, source: opened.source, images: opened.images, ...rest, narrow: filter, records, lists },
              guarded(ctx),
            ),
          )
        }
        return mergePlans(plans)
      } catch (error) {
        throw notBegun(error)
      } finally {
        records?.close()
      }
    },
    async *matches(policy, configuration, ctx, explain) {
      const records = await planRecords(policy, readHistory)
      try {
        const source = sidedEndpoint(await openedSource(policy, configuration), 'source')
        yield* matches(policy, source, records?.firstSeen, guarded(ctx), explain)
      } finally {
        records?.close()
      }
    },
    async *repositories(policy, configuration, ctx) {
      const { listRepositories } = await import('../engine/list/list.ts')
      const source = await openedSource(policy, configuration)
      yield* rethrowing(listRepositories(policy, source, guarded(ctx)), notBegun)
    },
    async namespaces(name, configuration, ctx) {
      const { adapter } = await connections.open(configuration.registryOf(name))
      return adapter.namespaces?.(guarded(ctx))
    },
    async *artifacts(policy, configuration, { details }, ctx) {
      const { listArtifacts } = await import('../engine/list/list.ts')
      const source = await openedSource(policy, configuration)
      yield* rethrowing(listArtifacts(policy, source, { details }, guarded(ctx)), notBegun)
    },
  }
}

/** What a plan may need of the history, which it only reads. The caller closes it. */
export async function planRecords(
  policy: Policy,
  readHistory: LookingParts['readHistory'],
): Promise<History | undefined> {
  const { min_age, platforms, platforms_index, attestations } = policy.filters
  const isNarrowed = attestations === false || (platforms !== undefined && platforms_index === 'narrow')
  return min_age !== undefined || isNarrowed || policy.deletion === 'owned' || policy.with_images
    ? readHistory()
    : undefined
}

/** The same things; whatever ends them early is thrown as what `as` makes of it. */
async function* rethrowing<T>(things: AsyncIterable<T>, as: (error: unknown) => unknown): AsyncGenerator<T> {
  try {
    yield* things
  } catch (error) {
    throw as(error)
  }
}
