/** Both sides of a policy, opened. */

import type { Configuration } from '../config/load.ts'
import type { Side } from '../core/errors.ts'
import { type Policy, routesOf } from '../core/policy.ts'
import type { Endpoint, Route } from '../engine/endpoint.ts'
import { sidedEndpoint } from '../engine/sided.ts'
import type { Connections } from './connections.ts'

export interface Sides {
  readonly source: Endpoint
  /** One for each destination. */
  readonly routes: readonly Route[]
}

/** A registry that several destinations share is opened once. */
export async function openSides(
  policy: Policy,
  configuration: Configuration,
  connections: Connections,
): Promise<Sides> {
  const open = async (name: string, side: Side): Promise<Endpoint> =>
    sidedEndpoint(await connections.open(configuration.registryOf(name)), side)
  const routes = routesOf(policy)
  const names = [...new Set(routes.map(({ destination }) => destination.registry))]
  // Awaited together: a failure that nothing waits for would end the process.
  const [source, ...opened] = await Promise.all([
    open(policy.source.registry, 'source'),
    ...names.map((name) => open(name, 'destination')),
  ])
  return {
    source,
    routes: routes.flatMap((route): Route[] => {
      const destination = opened[names.indexOf(route.destination.registry)]
      return destination ? [{ policy: route, destination }] : []
    }),
  }
}
