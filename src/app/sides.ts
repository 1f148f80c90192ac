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
  const source = open(policy.source.registry, 'source')
  const routes = routesOf(policy)
  const opened = new Map(routes.map(({ destination }) => [destination.registry, undefined]))
  const destinations = new Map(
    await Promise.all([...opened.keys()].map(async (name) => [name, await open(name, 'destination')] as const)),
  )
  return {
    source: await source,
    routes: routes.flatMap((route): Route[] => {
      const destination = destinations.get(route.destination.registry)
      return destination ? [{ policy: route, destination: destination }] : []
    }),
  }
}
