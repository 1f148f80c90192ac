/** Lends the program to the daemon: the same functions that commands use. */

import type { Configuration } from '../config/load.ts'
import type { PingStep } from '../core/adapter.ts'
import type { Clock } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import { ReplicateError } from '../core/errors.ts'
import type { PolicyOutcome } from '../core/requests.ts'
import type { Outside } from '../engine/notify/send.ts'
import type { History } from '../history/history.ts'
import { type ServeOptions, serve } from '../serve/daemon.ts'
import type { Program } from '../serve/parts.ts'
import type { Connections } from './connections.ts'
import type { Running } from './running.ts'

/** What the command line gives the daemon. */
export interface ServeRequest extends Omit<ServeOptions, 'program' | 'parts'> {
  /** As the user wrote them. */
  readonly files: readonly string[]
}

export interface ServingParts extends Running {
  readonly history: History
  readonly clock: Clock
  readonly connections: Connections
  readonly read: (files: readonly string[]) => Promise<Configuration>
  readonly outside: Outside
  readonly ping: (registry: string, configuration: Configuration, ctx: Context) => Promise<readonly PingStep[]>
}

export function serveWith({ files, ...request }: ServeRequest, parts: ServingParts): Promise<void> {
  return serve({ ...request, program: createProgram(files, parts) })
}

function createProgram(files: readonly string[], { run, again, connections, ...parts }: ServingParts): Program {
  const { history, clock } = parts
  return {
    history,
    clock,
    read: () => parts.read(files),
    run: (policy, configuration, options, started, ctx) =>
      outcomeOf(policy.name, () => run([policy], configuration, options, (_policy, one) => started(one), ctx)),
    again: (earlier, options, started, ctx) =>
      outcomeOf(history.executions.get(earlier.execution).policy, () =>
        again(earlier, options, (_policy, one) => started(one), ctx),
      ),
    ping: (registry, configuration, ctx) => parts.ping(registry.name, configuration, ctx),
    open: connections.open,
    outside: parts.outside,
    typeOf: connections.typeOf,
  }
}

/** The one outcome of a run of one policy. */
async function outcomeOf(policy: string, run: () => AsyncIterable<PolicyOutcome>): Promise<PolicyOutcome> {
  try {
    for await (const outcome of run()) return outcome
    return { policy, exitCode: 1 }
  } catch (error) {
    return { policy, exitCode: error instanceof ReplicateError ? error.exitCode : 1, error }
  }
}
