/** Calls a policy's prepare handler, once for each pair of source and destination namespace that the plan copies between. */

import { type Clock, systemClock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { CancelledError, describeError, onSide, PrepareError } from '../../core/errors.ts'
import type { Post } from '../../core/http.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { type Policy, type PrepareHandler, schedulesIn } from '../../core/policy.ts'
import { namespaceOf } from '../../core/reference.ts'
import type { TriggerKind } from '../../core/states.ts'
import type { Route } from '../endpoint.ts'
import { withAttempts } from './attempts.ts'

export interface HandlerRequest {
  readonly policy: Policy
  /** One for each destination. */
  readonly routes: readonly Route[]
  readonly trigger: TriggerKind
  /** Absent: handlers are not called. */
  readonly post?: Post | undefined
  readonly clock?: Clock | undefined
}

/** The pairs of namespaces that a plan copies between. */
export interface NamespacePairs {
  add(task: TaskSpec): void
  of(registry: string): Iterable<NamespacePair>
}

interface NamespacePair {
  /** Undefined for repositories without a namespace. */
  readonly from: string | undefined
  readonly to: string | undefined
}

/** Milliseconds for one call including its retries. */
const LIMIT = 60_000

export function namespacePairs(): NamespacePairs {
  const seen = new Map<string, Map<string, NamespacePair>>()
  return {
    add({ action, source, destination }) {
      if (action !== 'copy' && action !== 'update') return
      const pair = { from: namespaceOf(source.repository), to: namespaceOf(destination.repository) }
      const pairs = seen.get(destination.registry) ?? new Map<string, NamespacePair>()
      seen.set(destination.registry, pairs.set(`${pair.from ?? ''} ${pair.to ?? ''}`, pair))
    },
    of: (registry) => seen.get(registry)?.values() ?? [],
  }
}

/** Throws a `PrepareError` with the handler's words for a status that aborts; any other failure is a warning. */
export async function callHandler(
  request: HandlerRequest,
  execution: number,
  pairs: NamespacePairs,
  ctx: Context,
): Promise<void> {
  const { policy, routes, post } = request
  const { prepare } = policy
  if (!prepare || !post) return
  for (const route of routes) {
    for (const pair of pairs.of(route.destination.registry.name)) {
      const body = JSON.stringify(bodyOf(request, route, execution, pair))
      await call(body, { prepare, route, pair, post, clock: request.clock ?? systemClock }, ctx)
    }
  }
}

/** Its fields are part of the interface. */
function bodyOf({ policy, trigger }: HandlerRequest, { policy: one }: Route, execution: number, pair: NamespacePair) {
  const [first] = schedulesIn(policy.triggers)
  return {
    events: 'prepare_replication',
    replicate_policy_name: policy.name,
    execution_id: execution,
    source_registry: one.source.registry,
    source_project: pair.from ?? null,
    target_registry: one.destination.registry,
    target_project: pair.to ?? null,
    target_project_public: one.destination.public,
    replicate_deletion: policy.deletion !== 'never',
    trigger: { kind: trigger, schedule_param: trigger === 'schedule' ? (first?.schedule ?? null) : null },
  }
}

interface Call {
  readonly prepare: PrepareHandler
  readonly route: Route
  readonly pair: NamespacePair
  readonly post: Post
  readonly clock: Clock
}

async function call(body: string, { prepare, route, pair, post, clock }: Call, ctx: Context): Promise<void> {
  const { registry } = route.destination
  const url = prepare.handler.reveal()
  const own = url.startsWith('/') ? { registry } : {}
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  const request = { url, ...own, headers, body, answers: prepare.abort_on }
  const what = `the prepare handler ${prepare.handler.toJSON()}`
  const about = `${pair.from ?? 'repositories without a namespace'} → ${pair.to ?? 'no namespace'}`
  try {
    const { status, text } = await withAttempts((trying) => post(request, trying), { what, clock, limit: LIMIT }, ctx)
    if (prepare.abort_on.includes(status)) {
      throw new PrepareError(`${what} refused ${about}: ${text}`, {
        hint: 'nothing was created or copied; `prepare.abort_on` of the policy says which statuses end an execution',
      })
    }
    ctx.emit({ type: 'log', level: 'info', text: `${what} answered ${status} to ${about}` })
  } catch (error) {
    if (error instanceof PrepareError) throw onSide(error, 'destination', registry.name)
    if (ctx.signal.aborted || error instanceof CancelledError) throw error
    ctx.emit({ type: 'log', level: 'warning', text: `${what} failed for ${about}: ${describeError(error)}` })
  }
}
