/** How registries are, as gauges: what the history has of their last checks. */

import { Gauge, type Registry as Register } from 'prom-client'
import { placeOf, type Registry } from '../../core/registry.ts'
import type { History } from '../../history/history.ts'

export interface RegistryGauges {
  /** Registries that are not named have no series any more. */
  read(registries: Iterable<Registry>): void
}

export function createRegistryGauges(registers: [Register], history: Pick<History, 'registries'>): RegistryGauges {
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `replicate_registry_${name}`, help, labelNames: ['registry'] as const, registers })
  const healthy = gauge('healthy', '1 where the last check of the registry succeeded, 0 where it failed')
  const since = gauge('status_since_time_seconds', 'Since when the registry is so, since 1970')
  const checked = gauge('checked_time_seconds', 'When the registry was last checked, since 1970')
  return {
    read(registries) {
      for (const one of [healthy, since, checked]) one.reset()
      for (const registry of registries) {
        const found = history.registries.status(registry.name, placeOf(registry))
        if (!found) continue
        const labels = { registry: registry.name }
        healthy.set(labels, found.status === 'healthy' ? 1 : 0)
        since.set(labels, Date.parse(found.since) / 1000)
        checked.set(labels, Date.parse(found.checked_at) / 1000)
      }
    },
  }
}
