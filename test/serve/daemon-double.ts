/** What a part of the daemon is given, with a clock that stands, a history of its own, and an HTTP server that does not listen. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { adapters } from '../../adapters/index.ts'
import type { Configuration } from '../../src/config/load.ts'
import { readConfiguration } from '../../src/config/read.ts'
import { defaultServe } from '../../src/config/serve.ts'
import type { RegistryEvent } from '../../src/core/adapter.ts'
import { createOutsideRunners } from '../../src/engine/run/outside.ts'
import { type History, openHistory } from '../../src/history/history.ts'
import type { Desk } from '../../src/serve/api/desk.ts'
import { createListener } from '../../src/serve/http/listener.ts'
import type { Daemon, Part, Program, ServeNews, Wish } from '../../src/serve/parts.ts'
import { Turns } from '../../src/serve/turns.ts'
import { type ManualClock, manualClock } from '../support/manual-clock.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { noLooks } from './no-looks.ts'

export interface DaemonDouble extends Daemon {
  readonly clock: ManualClock
  readonly history: History
  /** Everything that was told, oldest first. */
  readonly news: readonly ServeNews[]
  /** Everything that was wished; nothing runs. */
  readonly wishes: readonly Wish[]
  /** What was handed in as events. */
  readonly taken: readonly Taken[]
  /** Puts another configuration into force, and says so to `parts`. */
  reload(yaml: string, ...parts: readonly Part[]): Promise<void>
  end(): void
}

export interface Taken {
  readonly registry: string
  readonly events: readonly RegistryEvent[]
  readonly via: 'event' | 'poll'
  readonly policy?: string
}

const nothing = (): never => {
  throw new Error('this daemon is a double')
}

/** Nothing is changed through it. */
export const NO_DESK: Desk = {
  home: '/config.yaml',
  read: nothing,
  etag: nothing,
  written: nothing,
  yaml: nothing,
  edit: nothing,
  ping: nothing,
  certificate: nothing,
  keep: nothing,
  forget: nothing,
  authorityPath: nothing,
  keepAuthority: nothing,
}

export async function daemonDouble(
  yaml: string,
  program: Partial<Program> = {},
  env: Readonly<Record<string, string>> = {},
  clock: ManualClock = manualClock(),
): Promise<DaemonDouble> {
  const directory = temporaryDirectory()
  const history = await openHistory(directory, { clock })
  const ending = new AbortController()
  const listener = await createListener(defaultServe(), nothing)
  const listeners = new Set<(one: ServeNews) => void>()
  const news: ServeNews[] = []
  const wishes: Wish[] = []
  const taken: Taken[] = []

  function read(text: string): Promise<Configuration> {
    writeFileSync(join(directory, 'config.yaml'), text)
    const options = { env, cwd: directory, types: adapters, stdin: nothing, secrets: () => {} }
    return readConfiguration({ ...options, config: join(directory, 'config.yaml'), home: directory, files: [] })
  }

  let configuration = await read(yaml)
  onTestFinished(async () => {
    ending.abort()
    await listener.close(0)
    history.close()
  })
  return {
    clock,
    history,
    news,
    wishes,
    taken,
    program: {
      history,
      clock,
      outside: {},
      turns: new Turns(clock),
      runners: createOutsideRunners(clock),
      redact: (text) => text,
      desk: NO_DESK,
      files: [],
      read: async () => configuration,
      run: nothing,
      again: nothing,
      open: nothing,
      openAnew: program.open ?? nothing,
      typeOf: nothing,
      looks: noLooks,
      workers: async () => undefined,
      ...program,
    },
    current: () => ({ configuration, settings: configuration.serve, broken: undefined }),
    events: {
      take(registry, events, via, policy) {
        taken.push({ registry, events, via, ...(policy === undefined ? {} : { policy }) })
        return events.length
      },
      listen: () => () => {},
    },
    resuming: new Set(),
    reread: async () => {},
    http: listener.app,
    draining: () => ending.signal.aborted,
    executions: { wish: (wish) => void wishes.push(wish), again: () => false, waiting: 0, running: [] },
    tell(one) {
      news.push(one)
      for (const hear of listeners) hear(one)
    },
    listen(hear) {
      listeners.add(hear)
      return () => void listeners.delete(hear)
    },
    async keep(_what, work) {
      await work
    },
    signal: ending.signal,
    async reload(text, ...parts) {
      configuration = await read(text)
      for (const part of parts) part.reloaded?.()
    },
    end: () => ending.abort(),
  }
}
