/** Both sides of a policy, opened, and what brings the images that its charts name. */

import type { Configuration } from '../config/load.ts'
import type { Side } from '../core/errors.ts'
import { type Policy, routesOf } from '../core/policy.ts'
import type { Registry } from '../core/registry.ts'
import type { Endpoint, Route } from '../engine/endpoint.ts'
import type { ImageTools } from '../engine/images/tools.ts'
import { sidedEndpoint } from '../engine/sided.ts'
import type { Connections } from './connections.ts'

export interface Sides {
  readonly source: Endpoint
  /** One for each destination. */
  readonly routes: readonly Route[]
  /** Where the policy brings the images that its charts name. */
  readonly images?: ImageTools
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
  // Awaited together: a failure that nothing waits for would end the process. Of several the first side's is told.
  const first = open(policy.source.registry, 'source')
  const others = names.map((name) => open(name, 'destination'))
  await Promise.allSettled([first, ...others])
  const source = await first
  const opened = await Promise.all(others)
  return {
    source,
    ...(policy.with_images ? { images: await imageTools(policy, source.registry, configuration, connections) } : {}),
    routes: routes.flatMap((route): Route[] => {
      const destination = opened[names.indexOf(route.destination.registry)]
      return destination ? [{ policy: route, destination }] : []
    }),
  }
}

/** What reads charts is loaded where it is needed. */
async function imageTools(
  policy: Policy,
  source: Registry,
  configuration: Configuration,
  connections: Connections,
): Promise<ImageTools> {
  const { createImageTools } = await import('./images.ts')
  return createImageTools(policy, source, configuration, connections)
}
