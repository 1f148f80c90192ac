/** What Prometheus' node exporter is told of a run that has ended. */

import type { Configuration } from '../config/load.ts'
import { registryNames } from '../core/policy.ts'
import type { PolicyOutcome } from '../core/requests.ts'
import type { History } from '../history/history.ts'

export async function metricsOf(
  outcomes: readonly PolicyOutcome[],
  configuration: Configuration,
  history: History,
): Promise<string> {
  const { metricsText } = await import('../serve/metrics/textfile.ts')
  const ran = new Set(outcomes.map(({ policy }) => policy))
  const policies = configuration.policies.filter(({ name }) => ran.has(name))
  const registries = registryNames(policies).map(configuration.registryOf)
  return metricsText({ outcomes, registries, history })
}
