/** What becomes of the reactions of an execution that has ended: most are done, some are to be done again later. */

import {
  CancelledError,
  CredentialError,
  HistoryError,
  LockedError,
  messageOf,
  ReplicateError,
} from '../../core/errors.ts'
import type { Task } from '../../core/execution.ts'
import type { ArtifactEvent, HeldArtifact, PolicyOutcome } from '../../core/requests.ts'
import type { Reaction } from '../../history/history.ts'

export interface Fates {
  /** When they are to be done again, in milliseconds since 1970; those that are not listed are done. */
  readonly again: ReadonlyMap<Reaction, { readonly due: number; readonly tries: number }>
  /** Those that were tried too often, with what went wrong last. */
  readonly givenUp?: { readonly count: number; readonly reason: string }
}

export interface Ended {
  readonly outcome: PolicyOutcome
  /** Of its execution. */
  readonly failedTasks: Iterable<Task>
  readonly now: number
  /** The daemon is ending, and has stopped it. */
  readonly ending: boolean
}

const SECOND = 1000
const MINUTE = 60 * SECOND
/** Pauses after a failure that may pass, the last one several times: about four hours. */
const PAUSES = [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60].map((minutes) => minutes * MINUTE)
/** How long what could not begin waits. */
export const HELD = 30 * SECOND

export function fatesOf(batch: readonly Reaction[], { outcome, failedTasks, now, ending }: Ended): Fates {
  const { error, held = [] } = outcome
  if (ending && (outcome.execution === undefined || error instanceof CancelledError)) return all(batch, now)
  if (error instanceof LockedError) return all(batch, now + HELD)
  const failure = failureOf(error, failedTasks)
  const again = new Map<Reaction, { due: number; tries: number }>()
  let count = 0
  for (const reaction of batch) {
    const until = heldUntil(reaction.event, held)
    if (until !== undefined) again.set(reaction, { due: until + SECOND, tries: 0 })
    if (!failure?.concerns(reaction.event)) continue
    const pause = PAUSES[reaction.tries]
    if (pause === undefined) count += 1
    else again.set(reaction, { due: now + pause, tries: reaction.tries + 1 })
  }
  return count > 0 && failure ? { again, givenUp: { count, reason: failure.reason } } : { again }
}

function all(batch: readonly Reaction[], due: number): Fates {
  return { again: new Map(batch.map((reaction) => [reaction, { due, tries: reaction.tries }])) }
}

function heldUntil(event: ArtifactEvent, held: readonly HeldArtifact[]): number | undefined {
  const times = held
    .filter(({ repository, tag, digest }) => {
      if (repository !== event.repository) return false
      if (event.tag !== undefined) return event.tag === tag
      return event.digest === undefined || event.digest === digest
    })
    .map(({ until }) => until)
  return times.length === 0 ? undefined : Math.min(...times)
}

interface Failure {
  readonly reason: string
  concerns(event: ArtifactEvent): boolean
}

/** What went wrong and may pass: a registry that is down, overloaded or does not know the credential now, a history that cannot be written;
 *  but not a registry that refuses. */
function failureOf(error: unknown, tasks: Iterable<Task>): Failure | undefined {
  if (isPassing(error)) return { reason: messageOf(error), concerns: () => true }
  /** Of a failed task without a tag, all of its repository. */
  const names = new Set<string>()
  const repositories = new Set<string>()
  let reason: string | undefined
  let isAll = false
  for (const { src_resource: source, error: failed } of tasks) {
    if (!failed || !mayPass(failed)) continue
    reason ??= failed.message
    const name = source.slice(source.indexOf('/') + 1)
    const repository = name.replace(/(@.*|:[^/]*)$/, '')
    if (!source.includes('/')) isAll = true
    names.add(name === repository || name.includes('@') ? repository : name)
    repositories.add(repository)
  }
  if (reason === undefined) return undefined
  return {
    reason,
    concerns: ({ repository, tag }) =>
      isAll ||
      names.has(repository) ||
      (tag === undefined ? repositories.has(repository) : names.has(`${repository}:${tag}`)),
  }
}

function isPassing(error: unknown): error is ReplicateError {
  if (error instanceof CredentialError || error instanceof HistoryError) return true
  return error instanceof ReplicateError && error.retryable
}

/** The history keeps of an error its code, and the status as the first word of its kind. */
function mayPass({ code, kind = '' }: { readonly code: string; readonly kind?: string }): boolean {
  return code === 'network' || code === 'credential' || /^(408|425|429|50[0234])\b/.test(kind)
}
