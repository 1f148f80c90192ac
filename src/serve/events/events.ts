/** Events of registries become executions: kept first, settled, matched with the policies, and wished until they are done. */

import type { RegistryEvent } from '../../core/adapter.ts'
import { ConfigurationError, messageOf } from '../../core/errors.ts'
import type { EventWay } from '../../history/history.ts'
import type { Daemon, Part } from '../parts.ts'
import { createAlarm } from './alarm.ts'
import { createReacting } from './react.ts'
import { addressOf, settle } from './settle.ts'

export interface Events extends Part {
  /** Keeps what a webhook or a look at a registry has told, and returns how many of the events are new; `policy` is the only one they are for.
   *  Once it returns, they outlive a crash. Throws a `HistoryError` where they cannot be kept or too many wait: they are to be sent again. */
  take(registry: string, events: readonly RegistryEvent[], via: EventWay, policy?: string): number
}

/** An artifact whose events never end is acted on after this many times of `settle`. */
const LONGEST = 10
/** Milliseconds that an event is kept after it was acted on, so that its delivery is known again. */
const KEPT_FOR = 7 * 24 * 60 * 60 * 1000
const FORGOTTEN_EACH = 60 * 60 * 1000
/** Milliseconds until the next try where the history could not be written. */
const TROUBLED = 10_000

export function createEvents(daemon: Daemon): Events {
  const { history, clock } = daemon.program
  const alarm = createAlarm(clock, daemon.signal)
  const reacting = createReacting(daemon, () => alarm.ring())
  let forgotten = Number.NEGATIVE_INFINITY

  /** Does what is due, and returns when something will be. */
  function turn(): number {
    const now = clock.now()
    if (now - forgotten > FORGOTTEN_EACH) {
      history.events.forget(now - KEPT_FOR)
      forgotten = now
    }
    const { settle: quiet } = daemon.current().settings
    while (settle(daemon, now - quiet, now - quiet * LONGEST)) {
      // Until all that has settled is matched.
    }
    const due = reacting.react()
    return Math.min(due, history.events.nextSettled(quiet, quiet * LONGEST) ?? Number.POSITIVE_INFINITY)
  }

  async function run(): Promise<void> {
    while (!daemon.signal.aborted) {
      let next: number
      try {
        next = turn()
      } catch (error) {
        // The history cannot be written now, or a bug: neither may end the daemon, and nothing is lost.
        const text = `events wait: ${messageOf(error)}`
        daemon.tell({ type: 'log', level: 'error', text })
        next = clock.now() + TROUBLED
      }
      await alarm.until(next)
    }
  }

  const stopListening = daemon.listen((news) => {
    if (news.type !== 'registry_changed' || !news.healthy) return
    reacting.hasten(news.registry)
    alarm.ring()
  })
  const running = run().finally(stopListening)
  return {
    take(name, events, via, policy) {
      const { configuration, settings } = daemon.current()
      const received = clock.now()
      const address = addressOf(name, configuration)
      if (address === undefined) throw new ConfigurationError(`there is no registry ${name} any more`)
      const added = history.events.add(events, {
        registry: name,
        address,
        via,
        received,
        ...(policy === undefined ? {} : { policy }),
      })
      if (added > 0) alarm.by(via === 'poll' ? received : received + settings.settle)
      return added
    },
    reloaded: () => alarm.ring(),
    ended: () => running,
  }
}
