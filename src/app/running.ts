/** Runs policies one after another, and resumes what an earlier execution has left. */

import type { Configuration } from '../config/load.ts'
import { after } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import { spelledDuration } from '../core/duration.ts'
import { CancelledError, ReplicateError } from '../core/errors.ts'
import type { Execution } from '../core/execution.ts'
import type { Policy } from '../core/policy.ts'
import type { PolicyOutcome, RunOptions } from '../core/requests.ts'
import type { Again } from '../engine/run/again.ts'
import type { Elsewhere } from '../engine/run/elsewhere.ts'
import { type ExecuteRequest, execute } from '../engine/run/execute.ts'
import type { History } from '../history/history.ts'
import { createSlots } from '../transfer/job.ts'
import { createThrottle, type Throttle } from '../transfer/throttle.ts'
import type { Connections, Timing } from './connections.ts'
import { earlierExecution, filesAgain, isOf, originText } from './origin.ts'
import { openSides } from './sides.ts'

export interface Running {
  /** Runs policies one after another, in order. `started` is called once an execution has its number. */
  run(
    policies: readonly Policy[],
    configuration: Configuration,
    options: RunOptions,
    started: (policy: Policy, execution: Execution) => void,
    ctx: Context,
  ): AsyncIterable<PolicyOutcome>
  /** Resumes an execution that has ended, or runs what failed in it as a new one: with its policy as it was, and the registries as
   *  its files define them now: those in `inForce` are not read again, as they may be broken by now. Throws a `ConfigurationError` where
   *  that cannot be. */
  again(
    earlier: Again,
    options: RunOptions,
    started: (policy: Policy, execution: Execution) => void,
    ctx: Context,
    inForce?: Configuration,
  ): AsyncIterable<PolicyOutcome>
}

export interface RunningParts extends Pick<ExecuteRequest, 'carriers' | 'others' | 'post' | 'commandEnv'> {
  readonly connections: Connections
  readonly history: () => Promise<History>
  /** Reads configuration files, beside the user's own. */
  readonly read: ReadFiles
  /** Removes secrets from events. */
  readonly guarded: (ctx: Context) => Context
  /** The user's configuration, as it was named. */
  readonly config: string | undefined
  readonly timing: Timing | undefined
  /** Of all runs that do not say how many streams: in the daemon several run at once. */
  readonly slots?: ExecuteRequest['slots']
  /** What gives tasks to workers, and connections whose limits are those of the workers too; to be released once the run has ended. Throws where
   *  the configuration names no queue, or it cannot be used. */
  readonly elsewhere: (
    configuration: Configuration,
    ctx: Context,
  ) => Promise<{ readonly elsewhere: Elsewhere; readonly connections: Connections; release(): void }>
  /** Programs outside, which may take single tasks. */
  readonly runners?: ExecuteRequest['outside']
  /** Every run is done by workers, where the configuration names a queue. */
  readonly alwaysElsewhere?: boolean
}

/** `workers`: the queue may stand in the user's own configuration. `offline`: nothing is contacted, and variables need not be set. */
export type ReadFiles = (
  files: readonly string[],
  config: string | undefined,
  how?: { readonly workers?: boolean | undefined; readonly offline?: boolean },
) => Promise<Configuration>

type Started = (policy: Policy, execution: Execution) => void

const DEFAULT_CONCURRENCY = 8

/** For runs that share them. */
export function defaultSlots(): NonNullable<RunningParts['slots']> {
  return createSlots(DEFAULT_CONCURRENCY)
}

export function createRunning(parts: RunningParts): Running {
  const { connections, carriers, read, guarded, post, commandEnv, timing, slots } = parts

  async function runPolicy(
    policy: Policy,
    configuration: Configuration,
    run: RunOptions,
    { throttles, ctx }: Limited,
    started: Started,
    again?: Again & { readonly lock: string },
  ): Promise<PolicyOutcome> {
    let workers: Awaited<ReturnType<RunningParts['elsewhere']>> | undefined
    try {
      const isElsewhere = run.workers ?? (parts.alwaysElsewhere === true && configuration.workers !== undefined)
      workers = isElsewhere ? await parts.elsewhere(configuration, ctx) : undefined
      const own = parts.alwaysElsewhere ? connections : (workers?.connections ?? connections)
      const { source, routes, images } = await openSides(policy, configuration, own)
      const saved = run.plan?.policies.find((candidate) => candidate.policy === policy.name)
      const result = await execute(
        {
          policy,
          source,
          routes,
          images,
          history: await parts.history(),
          trigger: run.trigger ?? 'manual',
          lock: again?.lock ?? lockOf(policy, configuration),
          origin: originText(configuration, narrowingOf(run), { saved: run.plan !== undefined }),
          again,
          concurrency: run.concurrency ?? DEFAULT_CONCURRENCY,
          slots: run.concurrency === undefined ? slots : undefined,
          throttles,
          elsewhere: workers?.elsewhere,
          outside: parts.runners,
          bandwidth: run.bandwidth,
          streams: run.concurrency,
          carriers,
          others: parts.others,
          narrow: run.filter,
          same: run.same,
          shard: run.shard,
          referrers: run.referrers,
          events: run.events,
          maxFailures: run.failFast ? 1 : run.maxFailures,
          wait: run.wait,
          thorough: run.thorough,
          audience: run.audience,
          ...(run.plan ? { plan: saved?.tasks ?? [], isCurrent: run.isCurrent } : {}),
          clock: timing?.clock,
          patience: timing?.patience,
          grace: timing?.grace,
          started: (execution) => started(policy, execution),
          ...(post ? { post } : {}),
          ...(commandEnv ? { commandEnv } : {}),
        },
        guarded(ctx),
      )
      return { policy: policy.name, ...result }
    } catch (error) {
      return { policy: policy.name, exitCode: error instanceof ReplicateError ? error.exitCode : 1, error }
    } finally {
      workers?.release()
    }
  }

  return {
    async *run(policies, configuration, run, started, ctx) {
      const limited = limitedBy(run, ctx)
      try {
        for (const policy of policies) {
          yield await runPolicy(policy, configuration, run, limited, started)
          if (limited.ctx.signal.aborted) return
        }
      } finally {
        limited.end()
      }
    },
    async *again(earlier, run, started, ctx, inForce) {
      const { policy, lock, origin } = earlierExecution<RunOptions>(await parts.history(), earlier)
      const { config = origin.config } = parts
      const configuration =
        inForce && isOf(origin, inForce)
          ? inForce
          : await read(filesAgain(earlier.execution, origin, parts.config), config, { workers: run.workers })
      const narrowed = { ...origin.narrowing, ...run }
      const calling = { ...policy, ...callsOf(configuration.policies.find(({ name }) => name === policy.name)) }
      const limited = limitedBy(run, ctx)
      try {
        yield await runPolicy(calling, configuration, narrowed, limited, started, { ...earlier, lock })
      } finally {
        limited.end()
      }
    },
  }
}

/** What holds for all policies of a run together. */
interface Limited {
  readonly throttles: readonly Throttle[]
  readonly ctx: Context
  /** Forgets the time limit. */
  end(): void
}

function limitedBy({ bandwidth, timeout }: RunOptions, ctx: Context): Limited {
  const throttles = bandwidth === undefined ? [] : [createThrottle(bandwidth)]
  if (timeout === undefined) return { throttles, ctx, end: () => {} }
  const over = new AbortController()
  const reason = new CancelledError(`stopped: the time limit of ${spelledDuration(timeout)} is over`, 1)
  const end = after(timeout, () => over.abort(reason), true)
  return { throttles, ctx: { ...ctx, signal: AbortSignal.any([ctx.signal, over.signal]) }, end }
}

/** The options that say what is planned; the others say how it is done. */
function narrowingOf(run: RunOptions): RunOptions {
  const { plan, trigger, concurrency, bandwidth, failFast, maxFailures, wait, timeout, ...others } = run
  const { same, audience, isCurrent, workers, ...narrowing } = others
  return narrowing
}

/** What a policy calls as its file has it now. */
function callsOf(policy: Policy | undefined): Pick<Policy, 'prepare' | 'notify'> {
  return {
    ...(policy?.prepare ? { prepare: policy.prepare } : {}),
    ...(policy?.notify ? { notify: policy.notify } : {}),
  }
}

/** What may run only once at a time: a policy of a file; a one-kick copy is its two references. */
function lockOf(policy: Policy, configuration: Configuration): string {
  // A copy may have the name of a policy in a file.
  const file = configuration.policies.includes(policy) ? configuration.policyFile(policy.name) : undefined
  return file === undefined ? `${policy.name} ${policy.description ?? ''}` : `${file}#${policy.name}`
}
