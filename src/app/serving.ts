/** Lends the program to the daemon: the same functions that commands use, with connections that last for days. */

import type { Configuration } from '../config/load.ts'
import type { Clock } from '../core/cancel.ts'
import type { Carriers } from '../core/carrier.ts'
import { ConfigurationError, ReplicateError } from '../core/errors.ts'
import type { PolicyOutcome } from '../core/requests.ts'
import { createOutsideRunners } from '../engine/run/outside.ts'
import type { History } from '../history/history.ts'
import { type CarriersOptions, createCarriers } from '../http/threads/carriers.ts'
import type { Desk } from '../serve/api/desk.ts'
import { type ServeOptions, serve } from '../serve/daemon.ts'
import type { Program } from '../serve/parts.ts'
import type { SystemdSurroundings } from '../serve/process/systemd.ts'
import { Turns } from '../serve/turns.ts'
import type { Budgets, ConnectionOptions } from './connections.ts'
import { noteSeen } from './definitions.ts'
import { createLooks } from './looks.ts'
import { type ConnectionPool, createPool } from './pool.ts'
import { createPost } from './post.ts'
import { createRunning, defaultSlots, type Running, type RunningParts } from './running.ts'
import type { createWorking } from './workers.ts'

/** What the command line gives the daemon. */
export interface ServeRequest extends Omit<ServeOptions, 'program' | 'parts' | 'systemd'> {
  /** As the user wrote them. */
  readonly files: readonly string[]
}

export interface ServingParts extends Pick<RunningParts, 'guarded' | 'config' | 'read' | 'commandEnv'> {
  readonly queue: Pick<ReturnType<typeof createWorking>, 'elsewhere' | 'budgets'>
  readonly history: History
  readonly clock: Clock
  /** Threads for large blobs, where a test wants others. */
  readonly carriers: CarriersOptions | undefined
  /** What all connections have in common. */
  readonly about: Omit<ConnectionOptions, 'warn'>
  readonly trace: boolean | undefined
  /** The paths of files that the user named, and of the user's own configuration. */
  readonly filesOf: (files: readonly string[]) => readonly string[]
  readonly workers: Program['workers']
  readonly desk: (files: readonly string[], paths: readonly string[]) => Desk
}

export async function serveWith({ files, ...request }: ServeRequest, parts: ServingParts): Promise<void> {
  if (files.includes('-')) {
    throw new ConfigurationError('`serve` reads its configuration again and again, which standard input cannot be', {
      hint: 'name a file',
    })
  }
  const warn = (text: string): void => request.listen({ type: 'log', level: 'warning', text })
  const limits: Limits = { shared: undefined }
  const pool = createPool({ ...parts.about, warn }, () => limits.shared)
  const carriers = createCarriers({ ...CARRIERS, ...parts.carriers })
  try {
    await serve({
      ...request,
      program: createProgram(files, parts, pool, carriers, limits),
      systemd: systemdOf(parts.about.env),
    })
  } finally {
    await Promise.all([pool.close(), carriers.close()])
  }
}

/** The daemon's own thread answers webhooks and clients: it carries no blob that takes longer than that. */
const CARRIERS: CarriersOptions = { always: true, smallest: 1024 * 1024 }

const NEVER = new AbortController().signal

/** By what the limits of registries are shared with workers, as the configuration last said. Written by the program alone. */
interface Limits {
  shared: Budgets | undefined
}

function createProgram(
  files: readonly string[],
  parts: ServingParts,
  pool: ConnectionPool,
  carriers: Carriers,
  limits: Limits,
): Program {
  const { history, clock, about, trace, config, commandEnv } = parts
  const post = createPost({ ...about, connections: pool, trace })
  const slots = defaultSlots()
  const turns = new Turns(clock)
  const runners = createOutsideRunners(clock)
  /** As it was last read. */
  let last: Configuration | undefined

  /** The one outcome of a run of one policy. */
  async function outcomeOf(
    policy: string,
    running: (one: Running) => AsyncIterable<PolicyOutcome>,
  ): Promise<PolicyOutcome> {
    const { connections, release } = pool.lend()
    const one = createRunning({
      ...parts,
      carriers,
      connections,
      slots,
      others: turns.others(),
      runners,
      alwaysElsewhere: true,
      async elsewhere(configuration, ctx) {
        const one = await parts.queue.elsewhere(configuration, ctx)
        if (configuration === last) limits.shared = one.budgets
        return one
      },
      history: async () => history,
      timing: about.timing,
      post,
    })
    try {
      for await (const outcome of running(one)) return outcome
      return { policy, exitCode: 1 }
    } catch (error) {
      return { policy, exitCode: error instanceof ReplicateError ? error.exitCode : 1, error }
    } finally {
      await release()
    }
  }

  return {
    history,
    clock,
    files: parts.filesOf(files),
    async read() {
      const configuration = await parts.read(files, config)
      await noteSeen(configuration, async () => history)
      last = configuration
      // Without a queue that can be used limits are those of this process; a run says what is wrong with it.
      limits.shared = await parts.queue.budgets(configuration, NEVER).catch(() => undefined)
      return configuration
    },
    run: (policy, configuration, options, started, ctx) =>
      outcomeOf(policy.name, ({ run }) => run([policy], configuration, options, (_policy, one) => started(one), ctx)),
    again: (earlier, configuration, options, started, ctx) =>
      outcomeOf(history.executions.get(earlier.execution).policy, ({ again }) =>
        again(earlier, options, (_policy, one) => started(one), ctx, configuration),
      ),
    runners,
    outside: { post, commandEnv },
    turns,
    desk: parts.desk(files, parts.filesOf(files)),
    redact: (text) => about.redactor.text(text),
    open: pool.open,
    openAnew: pool.openAnew,
    typeOf: pool.typeOf,
    workers: parts.workers,
    looks: createLooks({ pool, history, env: about.env, secrets: about.redactor.add, guarded: parts.guarded }),
  }
}

function systemdOf({ NOTIFY_SOCKET, ...env }: ConnectionOptions['env']): SystemdSurroundings | undefined {
  const { WATCHDOG_USEC, WATCHDOG_PID, PATH } = env
  return NOTIFY_SOCKET ? { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, PATH } : undefined
}
