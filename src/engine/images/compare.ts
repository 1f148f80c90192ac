/** Compares the images that charts name with what the destination has, as a policy that selects just them would. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import type { TaskSpec } from '../../core/plan.ts'
import type { Policy } from '../../core/policy.ts'
import { formatResource } from '../../core/reference.ts'
import { remembered } from '../../core/remembered.ts'
import type { Endpoint } from '../endpoint.ts'
import { comparisonFor, type PlanRequest } from '../plan/comparison.ts'
import { listDestination } from '../plan/destination-tags.ts'
import { MISSING } from '../plan/missing.ts'
import type { Comparison, Outcome } from '../plan/outcome.ts'
import { comparedDigest, comparedTag, UNKNOWN, unplanned } from '../plan/pair.ts'
import { createPulls } from '../plan/pulls.ts'
import { misfitOf, reasonOf } from '../reason.ts'
import { type ChartPlace, createNamedImages, type Landing, type NamedImages } from './named.ts'

/** Charts looked into at once for one repository, and images compared at once. */
const CHARTS_AT_ONCE = 8
const IMAGES_AT_ONCE = 32

export type ImageOutcome = Extract<Outcome, { readonly kind: 'task' | 'unchanged' }>

export interface Bringing {
  /** The outcomes as they are; what they select is looked into before each is passed on. */
  noted(outcomes: AsyncIterable<Outcome>, ctx: Context): AsyncIterable<Outcome>
  /** The images of all charts that were noted, each compared; first a blocked task for each chart that could not be looked into. Throws a
   *  `PrepareError` where two images, or an image and a chart, land on one tag. */
  outcomes(ctx: Context): AsyncIterable<ImageOutcome>
}

/** Undefined where the policy does not bring images. `charts` is the comparison of what the policy itself selects. */
export function createBringing(request: PlanRequest, charts: Comparison): Bringing | undefined {
  const { images: tools, policy, source, memory, records } = request
  if (!tools || policy.with_images !== true) return undefined
  const named = createNamedImages({ policy, source, memory, records: records?.chartImages, tools })
  const failed: TaskSpec[] = []
  return {
    async *noted(outcomes, ctx) {
      yield* mapConcurrent(outcomes, CHARTS_AT_ONCE, async (outcome) => {
        const failure = await noted(outcome, named, request, ctx)
        if (failure) failed.push(failure)
        return outcome
      })
    },
    async *outcomes(ctx) {
      named.report(ctx)
      for (const task of failed) yield { kind: 'task', task }
      const landings = named.landings()
      for (const { registry, from, to } of landings) {
        if (to.tag === undefined) continue
        charts.claim(from.repository, { repository: to.repository, tag: to.tag }, from.tag ?? to.tag, registry)
      }
      yield* compareLandings(landings, request, charts, ctx)
    },
  }
}

/** Looks into what an outcome selects. A blocked task where that failed. */
async function noted(
  outcome: Outcome,
  named: NamedImages,
  { source, destination }: PlanRequest,
  ctx: Context,
): Promise<TaskSpec | undefined> {
  const chart = chartIn(outcome)
  if (!chart) return undefined
  try {
    await named.note(chart, ctx)
    return undefined
  } catch (error) {
    const reason = reasonOf(error)
    const { repository, tag } = chart
    const name = formatResource({ registry: source.registry.name, ...chart })
    // A chart that is made of its archive fails by itself where that is bad.
    if (reason.reason_code === 'integrity' && source.adapter.repository(repository).nameOf) {
      const text = `${name} is not looked into for images: ${reason.reason}`
      ctx.emit({ type: 'log', level: 'warning', text })
      return undefined
    }
    return {
      action: 'blocked',
      resource_type: 'chart',
      source: { registry: source.registry.name, repository, ...(tag === undefined ? {} : { tag }) },
      destination: { registry: destination.registry.name, ...placeOf(outcome) },
      ...reason,
      reason: `the images that it names are not known: ${reason.reason}`,
      named_by: name,
    }
  }
}

function placeOf(outcome: Outcome): { readonly repository: string; readonly tag?: string } {
  const place =
    outcome.kind === 'task' ? outcome.task.destination : outcome.kind === 'unchanged' ? outcome.to : undefined
  const tag = place?.tag
  return { repository: place?.repository ?? '', ...(tag === undefined ? {} : { tag }) }
}

/** What the destination has, or gets. */
function chartIn(outcome: Outcome): ChartPlace | undefined {
  if (outcome.kind === 'unchanged') {
    const { from, digest, mediaType } = outcome
    return { repository: from.repository, tag: from.tag, digest, mediaType }
  }
  if (outcome.kind !== 'task') return undefined
  const { action, source, digest, media_type: mediaType = '' } = outcome.task
  if ((action !== 'copy' && action !== 'update') || digest === undefined) return undefined
  return { repository: source.repository, tag: source.tag, digest, mediaType }
}

/** Of the policy's filters those that say what of an image is wanted; the others select charts. */
export function policyOfImages(policy: Policy, registry: string): Policy {
  const { platforms, platforms_index, attestations } = policy.filters
  return {
    ...policy,
    source: { registry },
    filters: {
      resource: 'all',
      untagged: true,
      platforms_index,
      ...(platforms ? { platforms } : {}),
      ...(attestations === undefined ? {} : { attestations }),
    },
  }
}

/** The comparison of images from one registry. */
export function comparisonOfImages(
  request: PlanRequest,
  endpoint: Endpoint,
  attempt?: Comparison['attempt'],
): Comparison {
  const { narrow: _, shard: __, pulls, explain, ...rest } = request
  return comparisonFor(
    {
      ...rest,
      policy: policyOfImages(request.policy, endpoint.registry.name),
      source: endpoint,
      ...(pulls ? { pulls: createPulls(endpoint) } : {}),
    },
    new Map(),
    new Map(),
    attempt,
  )
}

async function* compareLandings(
  landings: readonly Landing[],
  request: PlanRequest,
  charts: Comparison,
  ctx: Context,
): AsyncIterable<ImageOutcome> {
  const { destination, images: tools } = request
  const comparisons = remembered(async (registry: string) => {
    const endpoint = registry === charts.source.registry.name ? charts.source : await tools?.open(registry)
    return endpoint && comparisonOfImages(request, endpoint, charts.attempt)
  })
  const isNew = remembered(async (repository: string, context) => {
    return !(await listDestination(destination, repository, true, context)).exists
  })
  const outcomes = mapConcurrent(landings, IMAGES_AT_ONCE, async (landing): Promise<readonly ImageOutcome[]> => {
    const { named_by, to, registry, from } = landing
    request.explain?.({ registry, ...from }, { kept: true, rule: `named by ${named_by}` })
    const outcome = await compared(landing, comparisons, request, ctx)
    if (outcome.kind === 'unchanged') return [outcome]
    if (outcome.kind !== 'task') return lacking(landing, outcome.kind, request, ctx)
    const { task } = outcome
    const fresh = task.action === 'copy' && (await isNew(to.repository, ctx).catch(() => false))
    return [{ kind: 'task', task: { ...task, named_by, ...(fresh ? { new_repository: true } : {}) } }]
  })
  for await (const some of outcomes) yield* some
}

async function compared(
  landing: Landing,
  comparisons: (registry: string, ctx: Context) => Promise<Comparison | undefined>,
  { destination }: PlanRequest,
  ctx: Context,
): Promise<Outcome> {
  const { from, to } = landing
  const blocked = (reason: Pick<TaskSpec, 'reason' | 'reason_code' | 'reason_kind' | 'hint'>): Outcome => ({
    kind: 'task',
    task: { ...blockedTask(landing, destination), ...reason },
  })
  const misfit = misfitOf(to.repository, destination)
  if (misfit) return blocked(misfit)
  let comparison: Comparison | undefined
  try {
    comparison = await comparisons(landing.registry, ctx)
  } catch (error) {
    return blocked(reasonOf(error))
  }
  if (!comparison) throw new TypeError('images without a way to open their registries')
  try {
    return from.digest === undefined
      ? await comparedTag(from.tag ?? '', from.repository, to, undefined, UNKNOWN, comparison, ctx)
      : await comparedDigest(from.digest, from.repository, to, comparison, ctx)
  } catch (error) {
    return unplanned(from, to, error, comparison)
  }
}

function blockedTask({ registry, from, to }: Landing, destination: Endpoint): TaskSpec {
  const { digest, ...place } = from
  return {
    action: 'blocked',
    resource_type: 'image',
    source: { registry, ...place },
    destination: { registry: destination.registry.name, ...to },
    ...(digest === undefined ? {} : { digest }),
  }
}

/** An image that its registry does not have, or of which no platform is wanted. */
function lacking(
  landing: Landing,
  kind: 'absent' | 'dropped',
  { policy, destination }: PlanRequest,
  ctx: Context,
): readonly ImageOutcome[] {
  const { registry, from, named_by } = landing
  const name = formatResource({ registry, ...from })
  const { platforms = [] } = policy.filters
  const reason =
    kind === 'absent'
      ? `source ${registry}: there is no ${name}, which ${named_by} names`
      : `${name}, which ${named_by} names, is for none of ${platforms.join(', ')}`
  if (policy.missing === 'warn' || kind === 'dropped') {
    ctx.emit({ type: 'log', level: 'warning', text: reason })
    return []
  }
  const task: TaskSpec = {
    ...blockedTask(landing, destination),
    reason,
    reason_code: MISSING,
    hint: 'check the values of the chart; `missing: warn` in the policy makes it a warning',
    named_by,
  }
  return [{ kind: 'task', task }]
}
