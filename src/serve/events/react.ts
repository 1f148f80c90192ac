/** Lets policies do what events ask of them: one wish of a policy at a time, with all that is due, until it is done. */

import { messageOf } from '../../core/errors.ts'
import { plural } from '../../core/plural.ts'
import type { ArtifactEvent } from '../../core/requests.ts'
import type { Reaction } from '../../history/history.ts'
import type { Daemon, WishEnd } from '../parts.ts'
import { fatesOf, HELD } from './fate.ts'
import { reacts } from './match.ts'
import { areNeedless, untaggedIn } from './needless.ts'

export interface Reacting {
  /** Wishes what is due, and returns when more will be, in milliseconds since 1970. */
  react(): number
  /** A registry answers again: what was tried in vain with it is due now. */
  hasten(registry: string): void
}

/** Events of one execution at most: they are kept with it, so that it can be resumed. */
const MOST = 1000
/** Executions that follow each other closely until a policy counts as busy. */
const BUSY = 5

/** `ended` is called when a wish has ended, and more may be due. */
export function createReacting(
  { program, executions, current, tell, keep, signal }: Omit<Daemon, 'events'>,
  ended: () => void,
): Reacting {
  const { history, clock } = program
  const { reactions } = history
  /** Policies with a wish that has not ended. */
  const wished = new Set<string>()
  /** When the last executions of each policy were wished, oldest first. */
  const begun = new Map<string, readonly number[]>()
  /** Until when policies wait whose last end could not be noted. */
  const troubled = new Map<string, number>()
  /** The daemon ends: what is left is for the next one. */
  let closed = false

  function isActive(name: string): boolean {
    return current().configuration.policies.some((policy) => policy.name === name && policy.enabled && reacts(policy))
  }

  /** A few executions follow each other at once. Where events never end, the next one waits for more of them. */
  function pausedUntil(policy: string, now: number): number {
    const { settle } = current().settings
    const times = begun.get(policy) ?? []
    const [first = 0] = times
    const last = times.at(-1) ?? 0
    // A time that is still to come: the clock was put back.
    return times.length < BUSY || last > now || now - first > BUSY * settle ? 0 : last + settle
  }

  function drop(policy: string): void {
    const events = plural(reactions.drop(policy), 'event')
    const text = `${events} for policy ${policy} will not be acted on: it is gone, disabled, or no longer triggered by events`
    tell({ type: 'log', level: 'warning', text })
  }

  /** Wishes it, unless a look at the source shows that the policy has nothing to do. */
  function attend(name: string, batch: readonly Reaction[]): void {
    wished.add(name)
    const { configuration } = current()
    const policy = configuration.policies.find((one) => one.name === name)
    const untagged = policy && untaggedIn(eventsOf(batch), policy)
    if (!untagged) {
      wish(name, batch)
      return
    }
    const open = () => program.openAnew(configuration.registryOf(policy.source.registry))
    const looking = areNeedless(untagged, open, { signal, emit: () => {} }).then((isNeedless) => {
      // What is left when the daemon ends is for the next one.
      if (signal.aborted) return
      if (!isNeedless) {
        wish(name, batch)
        return
      }
      noting(name, () => reactions.done(batch))
      wished.delete(name)
      ended()
    })
    void keep(`looking at what was pushed for policy ${name}`, looking)
  }

  function wish(policy: string, batch: readonly Reaction[]): void {
    begun.set(policy, [...(begun.get(policy) ?? []), clock.now()].slice(-BUSY))
    executions.wish({
      policy,
      trigger: batch.some(({ via }) => via === 'event') ? 'event' : 'poll',
      events: eventsOf(batch),
      settled: (end) => {
        noting(policy, () => finish(policy, batch, end))
        wished.delete(policy)
        ended()
      },
    })
  }

  function noting(policy: string, work: () => void): void {
    try {
      work()
      troubled.delete(policy)
    } catch (error) {
      troubled.set(policy, clock.now() + HELD)
      // Nothing is lost: it is done again, which changes nothing.
      const text = `what policy ${policy} has done for events is not noted: ${messageOf(error)}`
      tell({ type: 'log', level: 'error', text })
    }
  }

  function finish(policy: string, batch: readonly Reaction[], end: WishEnd): void {
    const now = clock.now()
    if (end.kind === 'dropped') closed = true
    else if (end.kind === 'left') {
      // It is gone or disabled, which `react` will see, or another execution keeps it from beginning.
      for (const reaction of batch) reactions.putOff([reaction], isActive(policy) ? now + HELD : now, reaction.tries)
    } else {
      const { outcome } = end
      const id = outcome.execution?.id
      const failedTasks = id === undefined ? [] : history.tasks.list(id, { status: 'failed' })
      const { again, givenUp } = fatesOf(batch, { outcome, failedTasks, now, ending: signal.aborted })
      reactions.done(batch.filter((reaction) => !again.has(reaction)))
      for (const [reaction, { due, tries }] of again) reactions.putOff([reaction], due, tries)
      if (!givenUp) return
      const events = plural(givenUp.count, 'event')
      const text = `policy ${policy} gives up on ${events}, only a run of it makes up for that: ${givenUp.reason}`
      tell({ type: 'log', level: 'error', text })
    }
  }

  return {
    react() {
      const now = clock.now()
      let next = Number.POSITIVE_INFINITY
      for (const { policy, due } of closed ? [] : reactions.policies()) {
        if (wished.has(policy)) continue
        const from = Math.max(due, pausedUntil(policy, now), troubled.get(policy) ?? 0)
        if (from > now) next = Math.min(next, from)
        else if (isActive(policy)) attend(policy, reactions.due(policy, now, MOST))
        else {
          begun.delete(policy)
          drop(policy)
        }
      }
      return next
    },
    hasten(registry) {
      for (const { name, source, destination, also } of current().configuration.policies) {
        if ([source, destination, ...also].some((side) => side.registry === registry))
          reactions.hasten(name, clock.now())
      }
    },
  }
}

function eventsOf(batch: readonly Reaction[]): readonly ArtifactEvent[] {
  return batch.map(({ event }) => event)
}
