/** Connects the program with the queue of its workers. Nothing of a queue is loaded before one is used. */

import { hostname } from 'node:os'
import type { Configuration } from '../config/load.ts'
import type { WorkersSettings } from '../config/workers.ts'
import { systemClock } from '../core/cancel.ts'
import type { Carriers } from '../core/carrier.ts'
import type { Context } from '../core/context.ts'
import { ConfigurationError } from '../core/errors.ts'
import type { Registry } from '../core/registry.ts'
import type { ShownQueue } from '../core/worker.ts'
import type { QueueServer } from '../queue/server.ts'
import type { WorkerNews } from '../queue/worker/worker.ts'
import type { Budgets, Connections, Timing } from './connections.ts'
import type { RunningParts } from './running.ts'
import { openSides } from './sides.ts'
import { queueAccess } from './trust/queue.ts'

export type { WorkerNews } from '../queue/worker/worker.ts'

export interface WorkRequest {
  /** Absent: the host and the process. */
  readonly name?: string | undefined
  readonly concurrency: number
  /** Bytes a second. */
  readonly bandwidth?: number | undefined
  /** Milliseconds that tasks may take to end. */
  readonly drain: number
  readonly signal: AbortSignal
  readonly listen: (news: WorkerNews) => void
}

export interface Working {
  /** Takes tasks of runs elsewhere until the signal is aborted. Throws where the queue cannot be used. */
  work(request: WorkRequest): Promise<void>
  /** The workers that are there, by the user's configuration or another one. Throws where the queue does not answer. */
  workers(signal: AbortSignal, configuration?: Configuration): Promise<ShownQueue>
}

export interface WorkingParts {
  /** Connections whose limits hold over all processes. `traced`: whether requests are told, whatever the log of this process has. */
  readonly connect: (budgets: Budgets, traced?: boolean) => Connections
  /** Requests are traced: the log of this process has them. */
  readonly trace: boolean | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly timing: Timing | undefined
  readonly carriers: Carriers
  readonly guarded: (ctx: Context) => Context
  readonly redact: (text: string) => string
  /** Of this program. */
  readonly version: string
  /** Reads the user's own where no file is named. */
  readonly configuration: (files: readonly string[], how: { readonly workers: boolean }) => Promise<Configuration>
}

export function createWorking(parts: WorkingParts): {
  readonly working: Working
  readonly elsewhere: (
    ...call: Parameters<RunningParts['elsewhere']>
  ) => Promise<Awaited<ReturnType<RunningParts['elsewhere']>> & { readonly budgets: Budgets }>
  /** What limits are shared by; undefined where the configuration names no queue. Throws where it cannot be used. */
  budgets(configuration: Configuration, signal: AbortSignal): Promise<Budgets | undefined>
  /** Ends all connections to queues. */
  disconnect(): Promise<void>
} {
  const { connect, timing, carriers, guarded, redact, version } = parts
  const clock = timing?.clock ?? systemClock
  /** By the queue's settings: one connection for all runs of this process. */
  const servers = new Map<string, Promise<Opened>>()

  function opened(settings: WorkersSettings, signal: AbortSignal): Promise<Opened> {
    const { queue, ...others } = settings
    const key = JSON.stringify([queue.reveal(), others])
    const known = servers.get(key)
    if (known) return known
    const opening = import('../queue/server.ts').then(async ({ openQueueServer }) => {
      const server = await openQueueServer(settings, await queueAccess(settings, parts.env), signal)
      return { server, connections: connect(server.sharing) }
    })
    servers.set(key, opening)
    opening.catch(() => servers.delete(key))
    return opening
  }

  return {
    working: {
      async work({ name, ...request }) {
        const configuration = await parts.configuration([], { workers: true })
        const settings = settingsOf(configuration)
        const { server, connections } = await opened(settings, request.signal)
        const { work } = await import('../queue/worker/worker.ts')
        // Warnings of the search for credentials are heard.
        guarded({ signal: request.signal, emit: (event) => event.type === 'log' && tell(event.text, request) })
        await work({
          ...request,
          name: name ?? `${hostname()}-${process.pid}`,
          host: hostname(),
          version,
          server,
          registryOf: configuration.registryOf,
          hasCredential: (registry) => hasCredential(registry, connections),
          requested: parts.trace ? request.listen : undefined,
          async open({ policy, requests }) {
            // Nothing is made of requests that no one hears of: clients of their own serve a run that does.
            const own = requests && !parts.trace ? connect(server.sharing, true) : connections.anew()
            try {
              return { ...(await openSides(policy, configuration, own)), release: () => own.close() }
            } catch (error) {
              await own.close()
              throw error
            }
          },
          carriers,
          clock,
          patience: timing?.patience,
          grace: timing?.grace,
          redact,
          guarded,
        })
      },
      async workers(signal, given) {
        const settings = settingsOf(given ?? (await parts.configuration([], { workers: true })))
        const { server } = await opened(settings, signal)
        const { shownWorkers } = await import('../queue/present.ts')
        return { queue: settings.shown, name: settings.name, workers: await shownWorkers(server, signal) }
      },
    },
    async elsewhere(configuration, ctx) {
      const settings = settingsOf(configuration)
      const { server, connections } = await opened(settings, ctx.signal)
      const { createElsewhere } = await import('../queue/coordinator/run.ts')
      const known = (registry: Registry): Promise<boolean> => hasCredential(registry, connections)
      const elsewhere = createElsewhere({
        server,
        version,
        host: hostname(),
        hasCredential: known,
        requests: parts.trace ?? false,
      })
      return { elsewhere, connections, budgets: server.sharing }
    },
    async budgets(configuration, signal) {
      return configuration.workers && (await opened(configuration.workers, signal)).server.sharing
    },
    async disconnect() {
      for (const one of await Promise.allSettled(servers.values())) {
        if (one.status !== 'fulfilled') continue
        await one.value.connections.close()
        await one.value.server.close()
      }
    },
  }
}

interface Opened {
  readonly server: QueueServer
  readonly connections: Connections
}

async function hasCredential(registry: Registry, { credential }: Connections): Promise<boolean> {
  return (await credential(registry)).kind !== 'anonymous'
}

function tell(text: string, { listen }: WorkRequest): void {
  listen({ type: 'log', level: 'warning', text })
}

function settingsOf({ workers }: Configuration): WorkersSettings {
  if (workers) return workers
  throw new ConfigurationError('no configuration names a queue for workers', {
    hint: 'add `workers: {queue: rediss://HOST:6379}` to the configuration',
  })
}
