/** The metrics of one run, as the textfile collector of Prometheus' node exporter reads them. */

import { Gauge, Registry as Register } from 'prom-client'
import metadata from '../../../package.json' with { type: 'json' }
import type { Registry } from '../../core/registry.ts'
import type { PolicyOutcome } from '../../core/requests.ts'
import type { History } from '../../history/history.ts'
import { createLastExecutions } from './last.ts'
import { createRegistryGauges } from './registries.ts'

export interface RunMetrics {
  readonly outcomes: readonly PolicyOutcome[]
  /** Those of the run's policies. */
  readonly registries: readonly Registry[]
  readonly history: Pick<History, 'executions' | 'registries'>
}

/** The gauges that `serve` has of these policies and their registries, and how the run ended. It begins with none of another run. */
export function metricsText({ outcomes, registries, history }: RunMetrics): Promise<string> {
  const register = new Register()
  new Gauge({
    name: 'replicate_build_info',
    help: '1; its version is a label',
    labelNames: ['version'] as const,
    registers: [register],
  }).set({ version: metadata.version }, 1)
  createLastExecutions([register], history).read(outcomes.map(({ policy }) => policy))
  createRegistryGauges([register], history).read(registries)
  const code = new Gauge({
    name: 'replicate_last_run_exit_code',
    help: 'The exit status of the last `replicate run` of the policy, also where its execution did not begin',
    labelNames: ['policy'] as const,
    registers: [register],
  })
  for (const { policy, exitCode } of outcomes) code.set({ policy }, exitCode)
  return register.metrics()
}
