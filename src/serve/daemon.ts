/** `replicate serve` as a whole: starts its parts, listens, reloads, and ends in order. */

import { ConfigurationError, messageOf } from '../core/errors.ts'
import { createEvents } from './events/events.ts'
import { createExecutions } from './executions/executions.ts'
import { startGateway } from './gateway/gateway.ts'
import { startHealth } from './health/health.ts'
import { startHooks } from './hooks/hooks.ts'
import { createListener } from './http/listener.ts'
import { addProbes } from './http/probes.ts'
import { startMetrics } from './metrics/metrics.ts'
import { createNews } from './news.ts'
import type { Current, Daemon, Part, Program, ServeNews, StartPart } from './parts.ts'
import { startPolls } from './poll/poll.ts'
import { startSchedules } from './schedule/schedule.ts'

export interface ServeOptions {
  readonly program: Program
  /** Aborted to end the daemon. */
  readonly signal: AbortSignal
  /** Calls back when the configuration is to be read anew; the result ends it. */
  readonly onReload: (callback: () => void) => () => void
  readonly listen: (news: ServeNews) => void
  /** How long running tasks may take to end, in milliseconds. */
  readonly drain: number
  /** Told where it listens, once it does. */
  readonly listening: (url: string) => void
  /** Default: all. */
  readonly parts?: readonly StartPart[]
}

/** In this order they start, and in the other one they end. */
const PARTS: readonly StartPart[] = [startHealth, startMetrics, startSchedules, startPolls, startHooks, startGateway]

/** Resolves when the daemon has ended. Throws where it could not start. */
export async function serve({ program, signal, onReload, ...options }: ServeOptions): Promise<void> {
  const configuration = await program.read()
  let current: Current = { configuration, settings: configuration.serve, broken: undefined }
  const news = createNews()
  news.listen(options.listen)
  const end = new AbortController()
  const { tell } = news
  const executions = createExecutions({ program, current: () => current, tell, signal: end.signal })
  const listener = createListener()
  const base = {
    ...news,
    program,
    executions,
    current: () => current,
    resuming: new Set<number>(),
    http: listener.app,
    draining: () => signal.aborted,
    signal: end.signal,
  }
  const events = createEvents(base)
  const daemon: Daemon = { ...base, events }
  const parts: Part[] = [events]

  async function reload(): Promise<void> {
    try {
      const read = await program.read()
      current = { configuration: read, settings: read.serve, broken: undefined }
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error
      current = { ...current, broken: { message: messageOf(error), since: new Date(program.clock.now()) } }
      tell({ type: 'reload_failed', message: messageOf(error) })
      return
    }
    tell({ type: 'reloaded', policies: current.configuration.policies.length })
    executions.reloaded()
    for (const part of parts) part.reloaded?.()
  }

  const stopReloading = onReload(() => void reload())
  try {
    addProbes(daemon)
    for (const start of options.parts ?? PARTS) parts.push(await start(daemon))
    options.listening(await listener.listen(current.settings))
    await aborted(signal)
  } finally {
    stopReloading()
    const idle = executions.close()
    end.abort(signal.reason)
    await idle
    for (const part of [...parts].reverse()) await part.ended()
    await listener.close()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
