/** `GET /metrics`: what the daemon does, as Prometheus reads it. */

import { collectDefaultMetrics, Gauge, Registry as Register } from 'prom-client'
import metadata from '../../../package.json' with { type: 'json' }
import { ReplicateError } from '../../core/errors.ts'
import type { Registry } from '../../core/registry.ts'
import type { Daemon, Part, Program } from '../parts.ts'
import { registriesIn } from '../registries.ts'
import { createCounters } from './counters.ts'
import { createLastExecutions } from './last.ts'
import { createRegistryGauges } from './registries.ts'

export function startMetrics(daemon: Daemon): Part {
  const register = new Register()
  collectDefaultMetrics({ register })
  const counters = createCounters([register], {
    policy: (name) => policies().includes(name),
    registry: (name) => registriesIn(daemon.current().configuration).has(name),
  })
  const gauges = createGauges(register, daemon)
  const stopListening = daemon.listen((news) => counters.count(news))

  function policies(): readonly string[] {
    return daemon.current().configuration.policies.map(({ name }) => name)
  }

  daemon.http.get('/metrics', async (_request, reply) => {
    await gauges.read(policies())
    reply.type(register.contentType)
    return register.metrics()
  })
  return {
    reloaded: () => counters.forget(),
    async ended() {
      stopListening()
    },
  }
}

function createGauges(register: Register, daemon: Daemon) {
  const { program } = daemon
  const registers: [Register] = [register]
  const gauge = <L extends string>(name: string, help: string, ...labelNames: readonly L[]) =>
    new Gauge<L>({ name: `replicate_${name}`, help, labelNames, registers })
  const last = createLastExecutions(registers, program.history)
  const registries = createRegistryGauges(registers, program.history)
  gauge('build_info', '1; its version is a label', 'version').set({ version: metadata.version }, 1)
  const running = gauge('executions_running', 'Executions that run now', 'policy')
  const waiting = gauge('executions_waiting', 'Executions that wait for their turn')
  const events = gauge('events_waiting', 'Events of webhooks and polls that a policy has still to act on')
  const enabled = gauge('policy_enabled', '1 for a policy that triggers start, 0 for one that is disabled', 'policy')
  const broken = gauge(
    'config_last_reload_successful',
    '0 where the configuration was changed and is broken, so that the one before is still in force',
  )
  const draining = gauge('draining', '1 where the daemon takes nothing new and ends')
  const pulls = gauge(
    'registry_pulls_left',
    "What is left of a registry's allowance of pulls, where it tells",
    'registry',
  )

  async function readAllowances(): Promise<void> {
    pulls.reset()
    for (const registry of registriesIn(daemon.current().configuration).values()) {
      const left = await pullsLeft(program, registry)
      if (left !== undefined) pulls.set({ registry: registry.name }, left)
    }
  }

  return {
    async read(policies: readonly string[]): Promise<void> {
      const { configuration, broken: failure } = daemon.current()
      last.read(policies)
      registries.read(registriesIn(configuration).values())
      running.reset()
      for (const policy of policies) running.set({ policy }, 0)
      for (const { policy } of daemon.executions.running) running.inc({ policy })
      waiting.set(daemon.executions.waiting)
      events.set(program.history.events.waiting())
      enabled.reset()
      for (const policy of configuration.policies) enabled.set({ policy: policy.name }, policy.enabled ? 1 : 0)
      broken.set(failure ? 0 : 1)
      draining.set(daemon.draining() ? 1 : 0)
      await readAllowances()
    },
  }
}

/** Asks nothing of the registry: it is what its last answer told. */
async function pullsLeft(program: Program, registry: Registry): Promise<number | undefined> {
  try {
    return (await program.open(registry)).adapter.pullsLeft?.()
  } catch (error) {
    // A run that uses the registry says why it cannot be opened.
    if (error instanceof ReplicateError) return undefined
    throw error
  }
}
