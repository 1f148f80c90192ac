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
import type { Elsewhere } from '../engine/run/elsewhere.ts'
import { sidedEndpoint } from '../engine/sided.ts'
import type { BlobsElsewhere } from '../engine/verify/reading.ts'
import type { QueueServer } from '../queue/server.ts'
import type { WorkerNews } from '../queue/worker/worker.ts'
import type { Budgets, Connections, Timing } from './connections.ts'
import { openSides } from './sides.ts'
import { queueAccess } from './trust/queue.ts'

export type { ShownRun, WorkerNews } from '../queue/worker/worker.ts'

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

/** What gives work to workers: tasks, or blobs to read. */
export interface GivenAway {
  readonly elsewhere: Elsewhere
  readonly blobs: BlobsElsewhere
  /** Their limits are those of the workers too. */
  readonly connections: Connections
  readonly budgets: Budgets
  /** To be called once nothing of it is used any more. */
  release(): void
}

export function createWorking(parts: WorkingParts): {
  readonly working: Working
  readonly elsewhere: (configuration: Configuration, ctx: Context) => Promise<GivenAway>
  /** What limits are shared by from now on; undefined where the configuration names no queue. Throws where it cannot be used. Connections to any
   *  other queue end once no run uses them. */
  budgets(configuration: Configuration, signal: AbortSignal): Promise<Budgets | undefined>
  /** Ends all connections to queues. */
  disconnect(): Promise<void>
} {
  const { connect, timing, carriers, guarded, redact, version } = parts
  const clock = timing?.clock ?? systemClock
  /** By the queue's settings: one connection for all runs of this process. */
  const servers = new Map<string, Shared>()
  const closing = new Set<Promise<void>>()
  /** Whether a queue stays open that nothing uses. */
  let isKept = (_key: string): boolean => true

  /** To be released. */
  async function use(settings: WorkersSettings, signal: AbortSignal): Promise<Opened & { release(): void }> {
    const key = keyOf(settings)
    const shared = servers.get(key) ?? { opening: opened(settings, signal), users: 0 }
    servers.set(key, shared)
    shared.users += 1
    const release = once(() => {
      shared.users -= 1
      closeUnused()
    })
    try {
      return { ...(await shared.opening), release }
    } catch (error) {
      // The next one tries again.
      if (servers.get(key) === shared) servers.delete(key)
      throw error
    }
  }

  async function opened(settings: WorkersSettings, signal: AbortSignal): Promise<Opened> {
    const { openQueueServer } = await import('../queue/server.ts')
    const server = await openQueueServer(settings, await queueAccess(settings, parts.env), signal)
    return { server, connections: connect(server.sharing) }
  }

  function closeUnused(): void {
    for (const [key, shared] of servers) {
      if (shared.users > 0 || isKept(key)) continue
      servers.delete(key)
      const closed = close(shared)
      closing.add(closed)
      void closed.finally(() => closing.delete(closed))
    }
  }

  return {
    working: {
      async work({ name, ...request }) {
        const configuration = await parts.configuration([], { workers: true })
        const settings = settingsOf(configuration)
        const { server, connections } = await use(settings, request.signal)
        const { work } = await import('../queue/worker/worker.ts')
        /** Connections of one run, which end with what was opened by them. */
        async function anew<T>(
          requests: boolean | undefined,
          open: (own: Connections) => Promise<T>,
        ): Promise<T & { release(): Promise<void> }> {
          // Nothing is made of requests that no one hears of: clients of their own serve a run that does.
          const own = requests && !parts.trace ? connect(server.sharing, true) : connections.anew()
          try {
            return { ...(await open(own)), release: () => own.close() }
          } catch (error) {
            await own.close()
            throw error
          }
        }
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
          openSides: ({ policy, requests }) => anew(requests, (own) => openSides(policy, configuration, own)),
          openPlaces: ({ registries, side, requests }) =>
            anew(requests, async (own) => {
              const opened = registries.map(({ name }) => own.open(configuration.registryOf(name)))
              await Promise.allSettled(opened)
              const places = await Promise.all(opened)
              return { places: side ? places.map((place) => sidedEndpoint(place, side)) : places }
            }),
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
        const { server, release } = await use(settings, signal)
        try {
          const { shownWorkers } = await import('../queue/present.ts')
          return { queue: settings.shown, name: settings.name, workers: await shownWorkers(server, signal) }
        } finally {
          release()
        }
      },
    },
    async elsewhere(configuration, ctx) {
      const settings = settingsOf(configuration)
      const { server, connections, release } = await use(settings, ctx.signal)
      const [{ createElsewhere }, { createBlobsElsewhere }] = await Promise.all([
        import('../queue/coordinator/run.ts'),
        import('../queue/coordinator/verification.ts'),
      ])
      const known = (registry: Registry): Promise<boolean> => hasCredential(registry, connections)
      const tools = { server, version, host: hostname(), hasCredential: known, requests: parts.trace ?? false }
      const given = { elsewhere: createElsewhere(tools), blobs: createBlobsElsewhere(tools) }
      return { ...given, connections, budgets: server.sharing, release }
    },
    async budgets({ workers }, signal) {
      const own = workers && keyOf(workers)
      isKept = (key) => key === own
      closeUnused()
      if (!workers) return undefined
      const { server, release } = await use(workers, signal)
      release()
      return server.sharing
    },
    async disconnect() {
      await Promise.all([...closing, ...[...servers.values()].map(close)])
    },
  }
}

/** A queue that is opened once for all that use it. */
interface Shared {
  readonly opening: Promise<Opened>
  users: number
}

async function close({ opening }: Shared): Promise<void> {
  // One that could not be opened was told where it was needed.
  const one = await opening.catch(() => undefined)
  await one?.connections.close()
  await one?.server.close()
}

function keyOf({ queue, ...others }: WorkersSettings): string {
  return JSON.stringify([queue.reveal(), others])
}

function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
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
    hint: 'name the file that has `workers: {queue: rediss://HOST:6379}` by --config, or add that to your configuration',
  })
}
