/** Events that have settled become what each policy has to do. */

import type { Configuration } from '../../config/load.ts'
import { ConfigurationError } from '../../core/errors.ts'
import type { Policy } from '../../core/policy.ts'
import { placeOf } from '../../core/registry.ts'
import type { SettledEvent, SettleTimes } from '../../history/history.ts'
import type { Daemon } from '../parts.ts'
import { isEcho } from './echo.ts'
import { concerns } from './match.ts'

/** False once nothing more has settled. */
export function settle({ program, current }: Omit<Daemon, 'events'>, times: SettleTimes): boolean {
  const { history, clock } = program
  const { configuration } = current()
  const now = clock.now()
  const events = history.events.settled(now, times)
  if (events.length === 0) return false
  const taken: SettledEvent[] = []
  const passed: SettledEvent[] = []
  const wanted = events.flatMap((event) => {
    const isWanted = (policy: Policy): boolean =>
      concerns(event, policy) && !isEcho(event, policy, configuration, history, now)
    const isOurs = knownPlaceOf(event.registry, configuration) === event.address
    const policies = isOurs ? configuration.policies.filter(isWanted) : []
    if (policies.length === 0) passed.push(event)
    else taken.push(event)
    return policies.map(({ name }) => ({ policy: name, event, via: event.via, due: now }))
  })
  // What is to be done first: after a crash between the two it is only noted again.
  history.reactions.add(wanted)
  history.events.close(taken, 'taken')
  history.events.close(passed, 'passed')
  return true
}

/** Undefined where no registry has that name any more. */
export function knownPlaceOf(registry: string, configuration: Configuration): string | undefined {
  try {
    return placeOf(configuration.registryOf(registry))
  } catch (error) {
    if (error instanceof ConfigurationError) return undefined
    throw error
  }
}
