/** The composition root: the one place that knows all parts and puts them together. */

import { adapters } from '../adapters/index.ts'
import metadata from '../package.json' with { type: 'json' }
import type { Configuration } from './config/load.ts'
import { homeDirectory } from './config/paths.ts'
import { readConfiguration } from './config/read.ts'
import { createConnections } from './connect.ts'
import type { PingStep } from './core/adapter.ts'
import type { Context } from './core/context.ts'
import { CancelledError, ReplicateError } from './core/errors.ts'
import type { Execution } from './core/execution.ts'
import type { PolicyPlan, SavedPlan } from './core/plan.ts'
import type { Policy } from './core/policy.ts'
import type { Registry } from './core/registry.ts'
import { execute } from './engine/execute.ts'
import { preview } from './engine/preview.ts'
import { type History, openHistory } from './history/history.ts'
import { createRedactor } from './http/redact.ts'
import { pingRegistry } from './ping.ts'
import { createThrottle, type Throttle } from './transfer/throttle.ts'

/** What every command needs to know of its surroundings. */
export interface AppOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** `--home`; else the environment's, else the default state directory. */
  readonly home?: string
  /** `--config`. */
  readonly config?: string
  readonly cwd: string
  /** Reads standard input, for the file name `-`. */
  readonly stdin: () => Promise<string>
}

export interface RunOptions {
  /** Blob streams at once. */
  readonly concurrency?: number
  /** Bytes a second over all streams. */
  readonly bandwidth?: number
  /** Narrow the policies' own filters further: `name`, `tag`, `resource`, `label` to patterns. */
  readonly filter?: Readonly<Record<string, readonly string[]>>
  readonly failFast?: boolean
  readonly maxFailures?: number
  /** Wait for a running execution of the same policy instead of failing. */
  readonly wait?: boolean
  /** Milliseconds. */
  readonly timeout?: number
  /** The I-th of N parts, 1-based. */
  readonly shard?: { readonly index: number; readonly count: number }
  /** Apply exactly this plan, and refuse where a source digest has moved since. */
  readonly plan?: SavedPlan
}

export interface PlanOptions {
  readonly filter?: RunOptions['filter']
  readonly shard?: RunOptions['shard']
  /** Leave out sizes: no manifest is read. */
  readonly shallow?: boolean
  /** Say of every tag seen why it was kept or dropped, also of the unchanged. */
  readonly explain?: boolean
}

export type { Explanation, PlannedAction, PolicyPlan, SavedPlan } from './core/plan.ts'

/** How one policy of a `run` ended. */
export interface PolicyOutcome {
  readonly policy: string
  /** Absent where the policy never began: it is locked, or its configuration was refused. */
  readonly execution?: Execution
  readonly exitCode: number
  readonly error?: unknown
}

/** The program, without its command line. */
export interface App {
  /** Reads and checks everything; throws a `ConfigurationError` that names all that is wrong. */
  configuration(files: readonly string[]): Promise<Configuration>
  /** Runs policies one after another, in order. `started` is called once an execution has its number. */
  run(
    policies: readonly Policy[],
    configuration: Configuration,
    options: RunOptions,
    started: (policy: Policy, execution: number) => void,
    ctx: Context,
  ): AsyncIterable<PolicyOutcome>
  plan(policy: Policy, configuration: Configuration, options: PlanOptions, ctx: Context): Promise<PolicyPlan>
  ping(registry: string, configuration: Configuration, ctx: Context): Promise<readonly PingStep[]>
  /** Opens the history on first use. */
  history(): Promise<History>
  close(): Promise<void>
}

const DEFAULT_CONCURRENCY = 8

export function createApp(options: AppOptions): App {
  const redactor = createRedactor()
  const warnings: string[] = []
  const connections = createConnections({
    env: options.env,
    redactor,
    userAgent: `${metadata.name}/${metadata.version}`,
    warn: (text) => warnings.push(text),
  })
  let history: Promise<History> | undefined
  const openedHistory = (): Promise<History> => {
    const opened = history ?? openHistory(homeDirectory(options), { redact: (text) => redactor.text(text) })
    history = opened
    return opened
  }

  /** What leaves the program by events has its secrets removed. */
  function guarded(ctx: Context): Context {
    for (const text of warnings.splice(0)) ctx.emit({ type: 'log', level: 'warning', text: redactor.text(text) })
    return {
      signal: ctx.signal,
      emit: (event) => ctx.emit('text' in event ? { ...event, text: redactor.text(event.text) } : event),
    }
  }

  async function endpoints(policy: Policy, configuration: Configuration) {
    const [source, destination] = await Promise.all([
      connections.open(configuration.registryOf(policy.source.registry)),
      connections.open(configuration.registryOf(policy.destination.registry)),
    ])
    return { source, destination }
  }

  async function runPolicy(
    policy: Policy,
    configuration: Configuration,
    run: RunOptions,
    throttles: readonly Throttle[],
    started: (policy: Policy, execution: number) => void,
    ctx: Context,
  ): Promise<PolicyOutcome> {
    try {
      const { source, destination } = await endpoints(policy, configuration)
      const saved = run.plan?.policies.find((candidate) => candidate.policy === policy.name)
      const result = await execute(
        {
          policy,
          source,
          destination,
          history: await openedHistory(),
          trigger: 'manual',
          lock: lockOf(policy, configuration),
          concurrency: run.concurrency ?? DEFAULT_CONCURRENCY,
          throttles: [...throttles, ...bandwidthLimits(source.registry, destination.registry)],
          narrow: run.filter,
          shard: run.shard,
          maxFailures: run.failFast ? 1 : run.maxFailures,
          wait: run.wait,
          ...(run.plan ? { plan: saved?.tasks ?? [] } : {}),
          started: (execution) => started(policy, execution),
        },
        guarded(ctx),
      )
      return { policy: policy.name, ...result }
    } catch (error) {
      return { policy: policy.name, exitCode: error instanceof ReplicateError ? error.exitCode : 1, error }
    }
  }

  return {
    configuration: (files) =>
      readConfiguration({
        files,
        ...options,
        knownTypes: adapters.map((type) => type.identity),
        secrets: (secret) => redactor.add(secret),
      }),
    async *run(policies, configuration, run, started, ctx) {
      const throttles = run.bandwidth === undefined ? [] : [createThrottle(run.bandwidth)]
      const signal = run.timeout === undefined ? ctx.signal : AbortSignal.any([ctx.signal, timeLimit(run.timeout)])
      for (const policy of policies) {
        yield await runPolicy(policy, configuration, run, throttles, started, { ...ctx, signal })
        if (signal.aborted) return
      }
    },
    async plan(policy, configuration, planning, ctx) {
      const { filter, ...rest } = planning
      return preview({ policy, ...(await endpoints(policy, configuration)), ...rest, narrow: filter }, guarded(ctx))
    },
    async ping(name, configuration, ctx) {
      const registry = configuration.registryOf(name)
      return pingRegistry(registry, connections, guarded(ctx))
    },
    history: openedHistory,
    async close() {
      await connections.close()
      if (history) (await history).close()
    },
  }
}

/** What may run only once at a time: a policy of a file; a one-kick copy is its two references. */
function lockOf(policy: Policy, configuration: Configuration): string {
  const file = configuration.policyFile(policy.name)
  return file === undefined ? `${policy.name} ${policy.description ?? ''}` : `${file}#${policy.name}`
}

function bandwidthLimits(...registries: readonly Registry[]): readonly Throttle[] {
  const limits = new Map(registries.map((registry) => [registry.name, registry.limits?.bandwidth]))
  return [...limits.values()].flatMap((rate) => (rate === undefined ? [] : [createThrottle(rate)]))
}

function timeLimit(milliseconds: number): AbortSignal {
  const controller = new AbortController()
  const reason = new CancelledError(`stopped: the time limit of ${Math.round(milliseconds / 1000)} s is over`, 1)
  setTimeout(() => controller.abort(reason), milliseconds).unref()
  return controller.signal
}
