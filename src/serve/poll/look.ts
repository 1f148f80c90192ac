/** One look at the source of a policy: what has changed since the last one is kept as events, and then as the snapshot for the next. */

import { createHash } from 'node:crypto'
import type { Configuration } from '../../config/load.ts'
import type { RegistryEvent } from '../../core/adapter.ts'
import { forEachConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import { ReplicateError } from '../../core/errors.ts'
import { type Policy, routesOf } from '../../core/policy.ts'
import { placeOf } from '../../core/registry.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import { createLook, type Look } from '../../engine/list/look.ts'
import type { Poll, PollChange } from '../../history/history.ts'
import type { Daemon } from '../parts.ts'
import { differences } from './difference.ts'

export interface Looked {
  readonly events: number
  /** As of now: a run of everything has yet to be made. */
  readonly isOwed: boolean
  /** Nothing that the policy selects has ever been seen. */
  readonly isEmpty: boolean
  readonly poll: number
  /** Repositories that could not be listed, with the first reason. They stay as they were. */
  readonly unlisted: number
  readonly failure: ReplicateError | undefined
}

/** Repositories looked at at once. */
const REPOSITORIES_AT_ONCE = 4
/** Where more repositories than this cannot be listed, and none can, the source is what fails. */
const MOST_FAILURES = 5
/** Events kept at once, and then the snapshot of what they are about. */
const BATCH = 500

type Lent = Pick<Daemon, 'program' | 'events'>

/** Throws where the source cannot be asked. What was kept before that stays. */
export async function lookAt(policy: Policy, configuration: Configuration, lent: Lent, ctx: Context): Promise<Looked> {
  const source = await lent.program.openAnew(configuration.registryOf(policy.source.registry))
  try {
    return await lookIn(source, policy, configuration, lent, ctx)
  } finally {
    await source.adapter.close?.()
  }
}

async function lookIn(
  source: Endpoint,
  policy: Policy,
  configuration: Configuration,
  lent: Lent,
  ctx: Context,
): Promise<Looked> {
  const { history, clock } = lent.program
  const records = history.polls
  const look = createLook(policy, source, history.firstSeen, clock.now())
  const poll = records.open(policy.name, selectionOf(policy, configuration))
  const known = new Set(records.repositories(poll.id))
  let listed = 0
  let unlisted = 0
  let events = 0
  let failure: ReplicateError | undefined

  const visit = async (repository: string): Promise<void> => {
    known.delete(repository)
    try {
      events += await visitRepository(repository, { policy, poll, look, lent }, ctx)
      listed += 1
    } catch (error) {
      if (!(error instanceof ReplicateError) || ctx.signal.aborted) throw error
      unlisted += 1
      failure ??= error
      if (listed === 0 && unlisted > MOST_FAILURES) throw error
    }
  }

  await forEachConcurrent(look.repositories(ctx), REPOSITORIES_AT_ONCE, visit)
  // A catalogue may lack what is there: the repository itself says whether it is gone. One that lacks everything says nothing.
  if (listed + unlisted > 0) await forEachConcurrent([...known], REPOSITORIES_AT_ONCE, visit)
  if (listed === 0 && failure) throw failure
  const isEmpty = records.repositories(poll.id).length === 0
  if (!poll.isWhole) records.isWhole(poll.id)
  return { events, isOwed: records.isOwed(poll.id), isEmpty, poll: poll.id, unlisted, failure }
}

interface Visit {
  readonly policy: Policy
  readonly poll: Poll
  readonly look: Look
  readonly lent: Lent
}

/** How many events it made. */
async function visitRepository(repository: string, { policy, poll, look, lent }: Visit, ctx: Context): Promise<number> {
  const records = lent.program.history.polls
  const now = await look.select(repository, ctx)
  const before = records.snapshot(poll.id, repository)
  if (!poll.isWhole) {
    const all = [...now.artifacts].map(([name, digest]): PollChange => ({ repository, name, digest }))
    records.change(
      poll.id,
      all.filter(({ name, digest }) => before.get(name) !== digest),
    )
    return 0
  }
  const changes: PollChange[] = []
  const events: RegistryEvent[] = []
  let total = 0
  // In this order a crash between the two makes an event twice, and loses none.
  const keep = (): void => {
    if (events.length > 0) lent.events.take(policy.source.registry, events, 'poll', policy.name)
    records.change(poll.id, changes)
    total += events.splice(0).length
    changes.length = 0
  }
  for await (const { change, event } of differences(repository, before, now, look, ctx)) {
    changes.push(change)
    if (event && (event.action === 'push' || policy.deletion !== 'never')) events.push(event)
    if (changes.length >= BATCH) keep()
  }
  if (changes.length > 0) keep()
  return total
}

/** What a snapshot is of: where any of this changes, all is looked at anew, and run anew. */
function selectionOf(policy: Policy, { registryOf }: Configuration): string {
  const placeNamed = (name: string): string => placeOf(registryOf(name))
  const { source, filters, referrers, deletion } = policy
  const destinations = routesOf(policy).map(({ destination }) => [placeNamed(destination.registry), destination])
  const all = [placeNamed(source.registry), source, filters, referrers, deletion, destinations]
  return createHash('sha256').update(JSON.stringify(all)).digest('hex')
}
