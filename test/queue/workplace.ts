/** Workers and runs of this process beside a real Redis: what tests of the queue begin with. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { type AppOptions, createApp, type PolicyOutcome, type RunOptions } from '../../src/app/app.ts'
import type { WorkerNews } from '../../src/app/workers.ts'
import type { Event } from '../../src/core/events.ts'
import type { Execution, Task } from '../../src/core/execution.ts'
import { until } from '../e2e/program.ts'
import { type RealRedis, type RedisOptions, startRedis } from '../support/redis.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export interface TestRedis extends RealRedis {
  /** To look at it, and to disturb it. */
  readonly client: Redis
}

export async function redis(options: RedisOptions = {}, password?: string): Promise<TestRedis> {
  const secured = password === undefined ? [] : ['--requirepass', password]
  const server = await startRedis({ ...options, arguments: [...(options.arguments ?? []), ...secured] })
  const url = password === undefined ? server.url : server.url.replace('//', `//:${password}@`)
  const client = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 100 })
  client.on('error', () => {})
  onTestFinished(async () => {
    client.disconnect()
    await server.stop()
  })
  return { ...server, url, client }
}

export interface WorkerOptions extends Pick<AppOptions, 'trace'> {
  readonly name?: string
  readonly concurrency?: number
  readonly drain?: number
  readonly env?: Readonly<Record<string, string>>
}

export interface TestWorker {
  readonly news: WorkerNews[]
  /** As SIGTERM does. */
  end(): Promise<void>
}

/** `yaml` are registries and `workers:`. Fulfilled once it takes tasks. */
export async function worker(yaml: string, options: WorkerOptions = {}): Promise<TestWorker> {
  const { name = 'w', concurrency = 8, drain = 30_000, env = {}, ...more } = options
  const app = appIn(temporaryDirectory(), yaml, env, more)
  const stop = new AbortController()
  const news: WorkerNews[] = []
  const working = app.work({ name, concurrency, drain, signal: stop.signal, listen: (one) => news.push(one) })
  working.catch(() => {})
  let ended: Promise<void> | undefined
  const end = (): Promise<void> => {
    stop.abort()
    ended ??= working.finally(() => app.close())
    return ended
  }
  onTestFinished(() => end().catch(() => {}))
  await Promise.race([working, until(`worker ${name} is ready`, () => news.some(({ type }) => type === 'ready'))])
  return { news, end }
}

export interface Ran {
  readonly outcome: PolicyOutcome
  readonly execution: Execution
  readonly tasks: readonly Task[]
  readonly events: readonly Event[]
  readonly logs: readonly string[]
}

export interface Place {
  readonly home: string
  run(yaml: string, options?: RunOptions & { readonly signal?: AbortSignal }): Promise<Ran>
  /** As `run`, with an end of its own. */
  start(
    yaml: string,
    options?: RunOptions,
  ): { readonly ran: Promise<Ran>; readonly events: readonly Event[]; stop(reason: Error): void }
  app(yaml: string): ReturnType<typeof createApp>
}

export function place(env: Readonly<Record<string, string>> = {}, more: Pick<AppOptions, 'trace'> = {}): Place {
  const directory = temporaryDirectory()

  async function running(yaml: string, options: RunOptions, signal: AbortSignal, events: Event[]): Promise<Ran> {
    const app = appIn(directory, yaml, env, more)
    try {
      const configuration = await app.configuration([])
      const emit = (event: Event): void => void events.push(event)
      for await (const outcome of app.run(configuration.policies, configuration, options, () => {}, { signal, emit })) {
        const { execution } = outcome
        if (!execution) throw outcome.error
        const history = await app.history()
        const logs = [...history.logs.list(execution.id)].map(({ text }) => text)
        return { outcome, execution, tasks: [...history.tasks.list(execution.id)], events, logs }
      }
      throw new Error('no policy ran')
    } finally {
      await app.close()
    }
  }

  return {
    home: join(directory, 'home'),
    app: (yaml) => appIn(directory, yaml, env),
    run: (yaml, { signal = new AbortController().signal, ...options } = {}) => running(yaml, options, signal, []),
    start(yaml, options = {}) {
      const stop = new AbortController()
      const events: Event[] = []
      const ran = running(yaml, options, stop.signal, events)
      ran.catch(() => {})
      return { ran, events, stop: (reason) => stop.abort(reason) }
    },
  }
}

function appIn(
  directory: string,
  yaml: string,
  env: AppOptions['env'],
  more: Partial<AppOptions> = {},
): ReturnType<typeof createApp> {
  writeFileSync(join(directory, 'config.yaml'), yaml)
  return createApp({
    env: { HOME: directory, XDG_CONFIG_HOME: directory, DOCKER_CONFIG: directory, ...env },
    home: join(directory, 'home'),
    config: join(directory, 'config.yaml'),
    cwd: directory,
    stdin: async () => '',
    ...more,
  })
}
