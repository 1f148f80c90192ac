/** The daemon in a time that the test turns: its queue and history are the real ones, and each run takes as long as it is told. */

import { onTestFinished } from 'vitest'
import type { Clock } from '../../src/core/cancel.ts'
import type { Execution } from '../../src/core/execution.ts'
import type { PolicyOutcome } from '../../src/core/requests.ts'
import { createOutsideRunners } from '../../src/engine/run/outside.ts'
import { type History, openHistory } from '../../src/history/history.ts'
import { serve } from '../../src/serve/daemon.ts'
import type { Program, ServeNews, StartPart } from '../../src/serve/parts.ts'
import { Turns } from '../../src/serve/turns.ts'
import { load } from '../config/setup.ts'
import { NO_DESK } from './daemon-double.ts'
import { noLooks } from './no-looks.ts'

export interface DaemonInTime {
  readonly history: History
  readonly news: readonly ServeNews[]
  /** Puts another configuration into force. */
  reload(yaml: string): Promise<void>
  /** As by a signal to end. */
  end(): Promise<void>
  /** It has ended by itself; rejects with the reason. */
  readonly done: Promise<void>
  readonly url: string
}

export interface InTime {
  readonly directory: string
  readonly clock: Clock
  readonly parts: readonly StartPart[]
  /** How long an execution of a policy takes, in milliseconds. Default 0. */
  readonly duration?: (policy: string) => number
  readonly program?: Partial<Program>
  /** Which process this is to the history: another one's executions are those of a process that has ended. */
  readonly pid?: number
}

export async function serveInTime(yaml: string, { directory, clock, parts, ...given }: InTime): Promise<DaemonInTime> {
  const { duration = () => 0, pid = process.pid } = given
  const me = { host: 'here', machine: 'here', pid, start: String(pid) }
  const history = await openHistory(directory, { clock, me, isAlive: (owner) => owner.pid === pid })
  let configuration = load(yaml)
  const ended = async (id: number, policy: string, signal: AbortSignal): Promise<PolicyOutcome> => {
    history.executions.move(id, 'in_progress')
    if (duration(policy) > 0) await clock.sleep(duration(policy), signal).catch(() => {})
    const execution: Execution = history.executions.finish(id, signal.aborted ? 'stopped' : 'succeeded')
    history.locks.release(id)
    return { policy, execution, exitCode: 0 }
  }
  const unused = (): never => {
    throw new Error('not part of this test')
  }
  const program: Program = {
    history,
    clock,
    files: [],
    read: async () => configuration,
    async run({ name }, _configuration, { trigger = 'manual' }, started, { signal }) {
      const begun = history.executions.begin({ policy: name, snapshot: '{}', trigger, lock: name })
      if (!('id' in begun)) throw new Error('locked')
      started(history.executions.get(begun.id))
      return ended(begun.id, name, signal)
    },
    async again({ execution }, _configuration, _options, started, { signal }) {
      const { policy } = history.executions.get(execution)
      history.executions.resume(execution)
      started(history.executions.get(execution))
      return ended(execution, policy, signal)
    },
    outside: {},
    turns: new Turns(clock),
    runners: createOutsideRunners(clock),
    redact: (text) => text,
    desk: NO_DESK,
    open: unused,
    openAnew: given.program?.open ?? unused,
    typeOf: unused,
    looks: noLooks,
    workers: unused,
    ...given.program,
  }
  const ending = new AbortController()
  const news: ServeNews[] = []
  let reloading = (): void => {}
  const listening = Promise.withResolvers<string>()
  const done = serve({
    program,
    signal: ending.signal,
    onReload(callback) {
      reloading = callback
      return () => {}
    },
    listen(one) {
      news.push(one)
      if (one.type === 'listening') listening.resolve(one.url)
    },
    drain: 0,
    parts,
  })
  done.catch(listening.reject)
  const url = await listening.promise
  const end = async (): Promise<void> => {
    ending.abort()
    await done.catch(() => {})
    history.close()
  }
  let isOver = false
  const once = async (): Promise<void> => {
    if (!isOver) {
      isOver = true
      await end()
    }
  }
  onTestFinished(once)
  return {
    history,
    news,
    async reload(text) {
      configuration = load(text)
      const before = news.length
      reloading()
      while (!news.slice(before).some(({ type }) => type === 'reloaded')) await new Promise((r) => setImmediate(r))
    },
    end: once,
    done,
    url,
  }
}
