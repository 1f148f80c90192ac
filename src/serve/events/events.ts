/** Events of registries become executions: kept first, settled, matched with the policies, and wished until they are done. */

import type { ServeSettings } from '../../config/serve.ts'
import type { RegistryEvent } from '../../core/adapter.ts'
import { ConfigurationError, messageOf } from '../../core/errors.ts'
import type { SettleTimes } from '../../history/history.ts'
import type { Daemon, Events, Part } from '../parts.ts'
import { createAlarm } from './alarm.ts'
import { createReacting } from './react.ts'
import { knownPlaceOf, settle } from './settle.ts'

/** Milliseconds that an event is kept after it was acted on, so that its delivery is known again. */
const KEPT_FOR = 7 * 24 * 60 * 60 * 1000
const FORGOTTEN_EACH = 60 * 60 * 1000
/** Milliseconds until the next try where the history could not be written. */
const TROUBLED = 10_000

/** Begins with what an earlier process has left. */
export function createEvents(daemon: Omit<Daemon, 'events'>): Events & Part {
  const { history, clock } = daemon.program
  const alarm = createAlarm(clock, daemon.signal)
  const reacting = createReacting(daemon, () => alarm.ring())
  const listeners = new Set<Parameters<Events['listen']>[0]>()
  let forgotten = Number.NEGATIVE_INFINITY

  /** Does what is due, and returns when something will be. */
  function turn(): number {
    const now = clock.now()
    if (now - forgotten > FORGOTTEN_EACH) {
      history.events.forget(now - KEPT_FOR)
      forgotten = now
    }
    const times = timesOf(daemon.current().settings)
    while (settle(daemon, times)) {
      // Until all that has settled is matched.
    }
    return Math.min(reacting.react(), history.events.nextSettled(times) ?? Number.POSITIVE_INFINITY)
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
  const running = daemon.keep('acting on events', run().finally(stopListening))
  return {
    take(name, events, via, policy) {
      const { configuration, settings } = daemon.current()
      const received = clock.now()
      const address = knownPlaceOf(name, configuration)
      if (address === undefined) throw new ConfigurationError(`there is no registry ${name} any more`)
      const added = history.events.add(events, {
        registry: name,
        address,
        via,
        received,
        ...(policy === undefined ? {} : { policy }),
      })
      if (added > 0) alarm.by(via === 'poll' ? received : firstSettled(events, received, settings.settle))
      for (const listener of listeners) listener(name, events)
      return added
    },
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    reloaded: () => alarm.ring(),
    ended: () => running,
  }
}

/** As the history counts it; no event settles before. */
function firstSettled(events: readonly RegistryEvent[], received: number, settle: number): number {
  const told = Math.min(received, ...events.flatMap(({ time }) => (time ? [time.getTime()] : [])))
  return Math.max(told, received - settle) + settle
}

function timesOf({ settle: time }: ServeSettings): SettleTimes {
  return { settle: time, bare: 2 * time, longest: 10 * time }
}
