/** The registries that the daemon looks after. */

import type { Configuration } from '../config/load.ts'
import { registryNames } from '../core/policy.ts'
import type { Registry } from '../core/registry.ts'

/** All of the configuration that have an address, and the bare hosts of its enabled policies; by name. */
export function registriesIn(configuration: Configuration): ReadonlyMap<string, Registry> {
  const enabled = configuration.policies.filter((policy) => policy.enabled)
  const used = registryNames(enabled).map(configuration.registryOf)
  const all = [...configuration.registries.values(), ...used].filter(({ url }) => url !== undefined)
  return new Map(all.map((registry) => [registry.name, registry]))
}
