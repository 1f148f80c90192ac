/** What only looks: plans, matches, lists and comparisons, which write nothing to any registry. */

import type { Configuration } from '../config/load.ts'
import type { Context } from '../core/context.ts'
import type { Damage, Difference, Soundness, Verification } from '../core/drift.ts'
import { IntegrityError, notBegun } from '../core/errors.ts'
import type { Listed } from '../core/inventory.ts'
import type { PolicyPlan } from '../core/plan.ts'
import type { Policy } from '../core/policy.ts'
import type { PlanOptions, VerifyOptions } from '../core/requests.ts'
import type { Endpoint } from '../engine/endpoint.ts'
import type { Explain } from '../engine/plan/filter.ts'
import { type Match, matches } from '../engine/plan/matches.ts'
import { mergePlans, preview } from '../engine/plan/preview.ts'
import { sidedEndpoint } from '../engine/sided.ts'
import { beginReading, type Reading, type ReadingRequest } from '../engine/verify/reading.ts'
import { mergeVerifications, verify } from '../engine/verify/verify.ts'
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
  /** Compares both sides down to the last blob and writes nothing; `found` is called with each difference at once. */
  verify(
    policy: Policy,
    configuration: Configuration,
    options: VerifyOptions,
    found: (difference: Difference) => void,
    ctx: Context,
  ): Promise<Verification>
  /** Checks the content of the policy's source by itself; `full`: every blob is read and hashed, as always in directories and files. */
  verifyAlone(
    policy: Policy,
    configuration: Configuration,
    options: { readonly full: boolean },
    found: (damage: Damage) => void,
    ctx: Context,
  ): Promise<Soundness>
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
  /** What a plan may need of the history, which it only reads. */
  async function planRecords(policy: Policy): Promise<History | undefined> {
    const { min_age, platforms, platforms_index, attestations } = policy.filters
    const isNarrowed = attestations === false || (platforms !== undefined && platforms_index === 'narrow')
    return min_age !== undefined || isNarrowed || policy.deletion === 'owned' || policy.with_images
      ? readHistory()
      : undefined
  }

  const openedSource = (policy: Policy, configuration: Configuration): Promise<Endpoint> =>
    connections.open(configuration.registryOf(policy.source.registry))

  return {
    async plan(policy, configuration, planning, ctx) {
      const { filter, ...rest } = planning
      const records = await planRecords(policy)
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
      const records = await planRecords(policy)
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
    async verify(policy, configuration, { filter, full, ...rest }, found, ctx) {
      const records = await planRecords(policy)
      try {
        const { source, images, routes } = await openSides(policy, configuration, connections)
        const places = [...new Set(routes.map(({ destination }) => destination))]
        return await reading(full, { name: policy.name, places, side: 'destination' }, guarded(ctx), async (read) => {
          const results: Verification[] = []
          for (const route of routes) {
            const one = { ...route, source, images, ...rest, read, narrow: filter, records }
            results.push(await verify(one, found, guarded(ctx)))
          }
          return mergeVerifications(results)
        })
      } catch (error) {
        throw notBegun(error)
      } finally {
        records?.close()
      }
    },
    async verifyAlone(policy, configuration, { full }, found, ctx) {
      const { verifyAlone } = await import('../engine/verify/alone.ts')
      try {
        const source = await openedSource(policy, configuration)
        const { name, path } = source.registry
        const isFull = full || path !== undefined
        return await reading(isFull, { name, places: [source], side: undefined }, guarded(ctx), (read) =>
          verifyAlone({ policy, source, read }, found, guarded(ctx)),
        )
      } catch (error) {
        // A file that is cut off is what was looked for.
        throw error instanceof IntegrityError ? error : notBegun(error)
      }
    },
  }
}

/** Where not every blob is read, `work` gets nothing to read them by. */
async function reading<T>(
  isFull: boolean | undefined,
  request: ReadingRequest,
  ctx: Context,
  work: (read: Reading['read'] | undefined) => Promise<T>,
): Promise<T> {
  if (!isFull) return work(undefined)
  const { read, end } = await beginReading(request, undefined, ctx)
  try {
    return await work(read)
  } finally {
    await end()
  }
}

/** The same things; whatever ends them early is thrown as what `as` makes of it. */
async function* rethrowing<T>(things: AsyncIterable<T>, as: (error: unknown) => unknown): AsyncGenerator<T> {
  try {
    yield* things
  } catch (error) {
    throw as(error)
  }
}
