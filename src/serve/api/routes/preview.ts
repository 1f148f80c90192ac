/** What a policy's filters match, as it is found, and its plan: of a policy that is in force, or of one that is not saved. */

import type { Configuration } from '../../../config/load.ts'
import type { Context } from '../../../core/context.ts'
import type { PolicyPlan } from '../../../core/plan.ts'
import { type Policy, routesOf } from '../../../core/policy.ts'
import type { PlanOptions } from '../../../core/requests.ts'
import { mayDo } from '../../../core/role.ts'
import type { Explain } from '../../../engine/plan/filter.ts'
import { mapRepository } from '../../../engine/plan/mapping.ts'
import type { Drafted } from '../../looks.ts'
import type { Daemon } from '../../parts.ts'
import { expectOwn } from '../auth/scope.ts'
import type { Caller } from '../auth/tokens.ts'
import { policyOf } from '../policies.ts'
import { ApiError } from '../problem.ts'
import { type Api, callerOf, problems } from '../route.ts'
import { type PreviewRequest, type PreviewRow, previewQuery, previewRequest, previewRow } from '../schema/preview.ts'
import { type Looking, ROWS_TYPE, type RowStreams, TIME_OVER } from '../stream/rows.ts'

/** What is sent at most: repositories, tags in sum, tags of each repository, tags that are left out, actions, warnings. */
const MOST = { repositories: 10_000, tags: 100_000, each: 1000, left: 100, actions: 10_000, warnings: 100 } as const

export function addPreview(app: Api, daemon: Daemon, streams: RowStreams): void {
  app.route({
    method: 'POST',
    url: '/replication/policies/preview',
    config: { role: 'operator' },
    schema: {
      tags: ['policies'],
      description:
        'What the filters of a policy match, a line each as it is found; or its plan. Nothing is written. A policy that is not saved needs the role maintainer',
      body: previewRequest,
      querystring: previewQuery,
      response: {
        200: {
          description: 'JSON objects, one a line; the last has the type `done`, `plan` or `error`',
          content: { [ROWS_TYPE]: { schema: previewRow } },
        },
        ...problems(404, 422, 502),
      },
    },
    async handler(request, reply) {
      const { plan, shallow } = request.query
      const found = policyIn(request.body, callerOf(request), daemon)
      if (plan && !found.hasDestination) {
        throw new ApiError(422, 'configuration', 'a plan needs the destination of the policy')
      }
      await streams.send(reply, (looking) =>
        plan ? planned(found, { shallow }, daemon, looking) : matched(found, daemon, looking),
      )
      return reply
    },
  })
}

function policyIn(body: PreviewRequest, caller: Caller, { current, program }: Daemon): Drafted {
  const { configuration } = current()
  if ('policy_id' in body && (typeof body.policy_id === 'string' || typeof body.policy_id === 'number')) {
    return { policy: policyOf(configuration, program.history, body.policy_id), configuration, hasDestination: true }
  }
  if (!mayDo(caller.role, 'maintainer')) {
    const message = `a look at a policy that is not saved needs the role maintainer, and ${caller.name} has ${caller.role}`
    throw new ApiError(403, 'forbidden', message)
  }
  const { name, ...given }: { readonly [key: string]: unknown; readonly name?: unknown } = body
  const document = Object.fromEntries(Object.entries(given).filter(([key]) => !KNOWN_OF_SAVED.has(key)))
  const draft = { name: typeof name === 'string' ? name : 'policy', document, trusted: mayDo(caller.role, 'admin') }
  const made = program.looks.drafted(draft, configuration)
  checkOwn(made, caller)
  return made
}

/** What the API says of a saved policy beside its document. */
const KNOWN_OF_SAVED: ReadonlySet<string> = new Set([
  'id',
  'creator',
  'creation_time',
  'update_time',
  'src_registry',
  'dest_registry',
  'src_registry_id',
  'dest_registry_id',
  'src_namespaces',
  'dest_namespace',
  'next_run',
])

/** A maintainer sees what its own policies may take. One that is not complete yet is as good as one that writes to its namespace. */
function checkOwn({ policy, configuration, hasDestination }: Drafted, caller: Caller): void {
  const { source, destination } = policy
  const [namespace = ''] = caller.namespaces ?? []
  const shown = hasDestination
    ? policy
    : { ...policy, destination: { ...destination, registry: source.registry, namespace } }
  expectOwn(caller, shown, configuration)
}

/** Warnings in the order of their coming, and how many there were. */
interface Warnings {
  readonly ctx: Context
  readonly count: () => number
  /** Those that were not taken yet. */
  take(): readonly PreviewRow[]
}

function warningsOf({ signal }: Looking): Warnings {
  let count = 0
  const waiting: PreviewRow[] = []
  return {
    ctx: {
      signal,
      emit(event) {
        if (event.type !== 'log' || (event.level !== 'warning' && event.level !== 'error')) return
        count += 1
        if (count <= MOST.warnings) waiting.push({ type: 'warning', message: event.text })
      },
    },
    count: () => count,
    take: () => waiting.splice(0),
  }
}

async function* matched(found: Drafted, { program }: Daemon, looking: Looking): AsyncGenerator<PreviewRow> {
  const { policy, configuration } = found
  const warnings = warningsOf(looking)
  const left = new Map<string, { tag: string; rule: string }[]>()
  const dropped: PreviewRow[] = []
  const sum = { repositories: 0, tags: 0, untagged: 0, seen: 0, left_repositories: 0 }
  let [rows, tagsSent] = [0, 0]
  const explain: Explain = ({ repository, tag }, { kept, rule }) => {
    if (kept) return
    if (tag !== undefined) {
      const tags = left.get(repository) ?? []
      if (tags.length < MOST.left) tags.push({ tag, rule })
      left.set(repository, tags)
      return
    }
    sum.left_repositories += 1
    // Other namespaces are not the policy's, and perhaps not the caller's.
    if (rule.startsWith('namespaces:')) return
    if (sum.left_repositories <= MOST.repositories) dropped.push({ type: 'left', repository, rule })
  }
  let cut: string | null = null
  try {
    for await (const { repository, tags, untagged, seen } of program.looks.matches(
      policy,
      configuration,
      explain,
      warnings.ctx,
    )) {
      yield* warnings.take()
      yield* dropped.splice(0)
      if (tags.length + untagged > 0) sum.repositories += 1
      sum.tags += tags.length
      sum.untagged += untagged
      sum.seen += seen
      const shown = tags.slice(0, Math.min(MOST.each, MOST.tags - tagsSent))
      tagsSent += shown.length
      rows += 1
      if (shown.length < tags.length) cut = 'not all tags are listed'
      yield {
        type: 'repository',
        repository,
        lands: found.hasDestination ? landingsOf(policy, repository) : [],
        tags: shown,
        tags_selected: tags.length,
        untagged,
        seen,
        left: left.get(repository) ?? [],
      }
      left.delete(repository)
      if (rows >= MOST.repositories) {
        cut = `the first ${MOST.repositories} repositories are listed`
        break
      }
    }
  } catch (error) {
    if (!looking.isOver()) throw error
    cut = TIME_OVER
  }
  yield* warnings.take()
  yield* dropped.splice(0)
  yield { type: 'done', ...sum, warnings: warnings.count(), cut }
}

function landingsOf(policy: Policy, repository: string): string[] {
  return routesOf(policy).map(({ destination }) => `${destination.registry}/${mapRepository(repository, destination)}`)
}

/** Its rows, and at the end what is said of all of it. */
export async function* planned(
  { policy, configuration }: { readonly policy: Policy; readonly configuration: Configuration },
  options: PlanOptions,
  { program }: Daemon,
  looking: Looking,
): AsyncGenerator<PreviewRow> {
  const warnings = warningsOf(looking)
  try {
    yield* program.looks.plan(policy, configuration, options, (plan) => rowsOf(plan, warnings), warnings.ctx)
  } catch (error) {
    if (!looking.isOver()) throw error
    const message = `${TIME_OVER}, and the plan was not made yet`
    yield { type: 'error', code: 'cancelled', message, hint: '`replicate plan` takes the time that it needs' }
  }
}

function* rowsOf(plan: PolicyPlan, warnings: Warnings): Generator<PreviewRow> {
  const actions: Record<string, number> = {}
  let rows = 0
  for (const action of plan.actions) {
    actions[action.action] = (actions[action.action] ?? 0) + 1
    rows += 1
    if (rows <= MOST.actions) yield { type: 'action', ...action, platforms: [...action.platforms] }
  }
  yield* warnings.take()
  yield {
    type: 'plan',
    policy: plan.policy,
    source: plan.source,
    destination: plan.destination,
    actions,
    unchanged: plan.unchanged,
    seen: plan.seen,
    left_behind: { ...plan.left_behind },
    refused: plan.refused ?? null,
    warnings: [...plan.warnings],
    cut: rows > MOST.actions ? `the first ${MOST.actions} actions are listed` : null,
  }
}
