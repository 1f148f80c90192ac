/** Both sides of a policy, opened. */

import type { Configuration } from '../config/load.ts'
import { type Policy, routesOf } from '../core/policy.ts'
import type { Endpoint, Route } from '../engine/endpoint.ts'
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
  const open = (name: string): Promise<Endpoint> => connections.open(configuration.registryOf(name))
  const source = open(policy.source.registry)
  const routes = routesOf(policy)
  const opened = new Map(routes.map(({ destination }) => [destination.registry, undefined]))
  const destinations = new Map(
    await Promise.all([...opened.keys()].map(async (name) => [name, await open(name)] as const)),
  )
  return {
    source: await source,
    routes: routes.flatMap((route): Route[] => {
      const destination = destinations.get(route.destination.registry)
      return destination ? [{ policy: route, destination }] : []
    }),
  }
}
