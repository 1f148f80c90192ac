/** The composition root: the one place that knows all parts and puts them together. */

import { join } from 'node:path'
import { adapters } from '../../adapters/index.ts'
import metadata from '../../package.json' with { type: 'json' }
import { type DefinitionFacts, definitionsOf } from '../config/document/definition.ts'
import type { Edit } from '../config/edit/edit.ts'
import type { Edited, EditMode } from '../config/edit/file.ts'
import type { Configuration } from '../config/load.ts'
import { homeDirectory } from '../config/paths.ts'
import { configurationFiles, readConfiguration } from '../config/read.ts'
import type { Deed } from '../core/audit.ts'
import { systemClock } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import type { DefinitionKind } from '../core/definition.ts'
import type { PolicyOutcome } from '../core/requests.ts'
import type { Keychain } from '../credentials/keychain.ts'
import { createLongLists } from '../history/scratch.ts'
import { createRedactor, redactAll } from '../http/redact.ts'
import { type CarriersOptions, createCarriers } from '../http/threads/carriers.ts'
import { againOf, record, startOf } from './audit.ts'
import { createCache } from './cache.ts'
import { type Checking, createChecking } from './checking.ts'
import { type Budgets, type Connections, createConnections, type Timing } from './connections.ts'
import { noteEdit, noteSeen } from './definitions.ts'
import { type Check, examine } from './doctor.ts'
import { createLooking, type Looking } from './looking.ts'
import { metricsOf } from './metrics.ts'
import { commandEnvironment, createPost } from './post.ts'
import { recorderAt } from './recorder.ts'
import { createRecords, type Records } from './records.ts'
import { createRunning, type ReadFiles, type Running } from './running.ts'
import type { ServeRequest } from './serving.ts'
import { createVerifications, type Verifications } from './verifications.ts'
import { createWorking, type Working } from './workers.ts'

/** What every command needs to know of its surroundings. */
export interface AppOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** `--home`; else the environment's, else the default state directory. */
  readonly home?: string
  /** `--config`. */
  readonly config?: string
  /** `--untrusted`. */
  readonly untrusted?: boolean
  readonly cwd: string
  /** Reads standard input, for the file name `-`. */
  readonly stdin: () => Promise<string>
  /** Absent: the system's. */
  readonly timing?: Timing
  /** Told what was not done beside what was asked for. */
  readonly warn?: (text: string) => void
  /** Emit an event for each request. */
  readonly trace?: boolean
  /** Other threads for large blobs; absent: what suits the machine. */
  readonly carriers?: CarriersOptions
}

export type { Damage, Difference, Soundness, Verification } from '../core/drift.ts'
export type { Explanation, PlannedAction, PolicyPlan, SavedPlan } from '../core/plan.ts'
export type { PlanOptions, PolicyOutcome, RunOptions, VerifyOptions } from '../core/requests.ts'
export type { Match } from '../engine/plan/matches.ts'
export type { Handshake, ShownCertificate } from '../http/trust/handshake.ts'
export type { ServeNews } from '../serve/parts.ts'
export type { FoundCredential } from './ping.ts'
export type { ServeRequest } from './serving.ts'

/** The program, without its command line. */
export interface App extends Running, Looking, Verifications, Checking, Working, Pick<Records, 'history' | 'records'> {
  /** Reads and checks everything; throws a `ConfigurationError` that names all that is wrong. */
  configuration(files: readonly string[], how?: { readonly workers?: boolean | undefined }): Promise<Configuration>
  /** The same for what contacts nothing: variables need not be set. */
  offline(files: readonly string[]): Promise<Configuration>
  /** The user's configuration for editing: empty where the file does not exist, and with variables that need not be set. */
  editable(): Promise<Configuration>
  /** Edits the user's configuration and leaves the rest of its file alone; an invalid result is never written. The history keeps who did it. */
  edit(edits: readonly Edit[], how?: EditMode): Promise<Edited>
  /** Who defined the registries and policies of a configuration, and when. */
  definitions(configuration: Configuration): Promise<(kind: DefinitionKind, name: string) => DefinitionFacts>
  readonly keychain: Keychain
  /** Runs policies by their triggers until the signal is aborted. Throws where it could not start. */
  serve(request: ServeRequest): Promise<void>
  /** What Prometheus' node exporter is told of a run that has ended. */
  metrics(outcomes: readonly PolicyOutcome[], configuration: Configuration): Promise<string>
  /** Checks versions, files, keychain, registries and clock, one after another. */
  examine(ctx: Context): AsyncIterable<Check>
  /** Keeps in the audit log that the user of this process did it. Never fails: what cannot be kept is warned of. */
  record(deed: Deed): Promise<void>
  close(): Promise<void>
}

export function createApp(options: AppOptions): App {
  const redactor = createRedactor()
  /** What was warned of before anything listened. */
  const warnings: string[] = []
  let listening: Context | undefined
  const userAgent = `replicate/${metadata.version}`
  const clock = options.timing?.clock ?? Date
  const now = (): number => clock.now()
  const cache = createCache(() => join(homeDirectory(options), 'cache'), now)
  let told: Context['emit'] = () => {}
  const tell: Context['emit'] = (event) => told(event)
  const trace = options.trace ? tell : undefined
  const { cwd, env, timing } = options
  const recording = recorderAt(env.REPLICATE_RECORD, { cwd, now, warn: (text) => warn(text) })
  const warn = (text: string): void => {
    if (listening) listening.emit({ type: 'log', level: 'warning', text: redactor.text(text) })
    else warnings.push(text)
  }
  const about = { cwd, env, redactor, userAgent, timing, trace, recording, cache, warn }
  const connections = createConnections(about)
  const post = createPost({ ...about, connections, trace: options.trace })
  const carriers = createCarriers(options.carriers)
  const lists = createLongLists()
  const records = createRecords(
    () => homeDirectory(options),
    (text) => redactor.text(text),
  )

  /** What leaves the program by events has its secrets removed. From now on `ctx` hears what is warned of. */
  function guarded(ctx: Context): Context {
    listening = ctx
    for (const text of warnings.splice(0)) ctx.emit({ type: 'log', level: 'warning', text: redactor.text(text) })
    told = (event) => ctx.emit(redactAll(event, (text) => redactor.text(text)))
    return { ...ctx, emit: told }
  }

  const read: ReadFiles = (files, config, { offline = false, workers = false } = {}) =>
    readConfiguration({
      ...options,
      offline,
      workers,
      ...(config === undefined ? {} : { config }),
      files,
      types: adapters,
      secrets: (secret) => redactor.add(secret),
    })

  const commandEnv = () => commandEnvironment(options.env, homeDirectory(options), redactor)
  const connect = (budgets: Budgets, traced = options.trace): Connections =>
    createConnections({ ...about, budgets, trace: traced ? tell : undefined })
  const said = { trace: options.trace, version: metadata.version }
  const lent = { connect, env, timing, carriers, guarded, redact: redactor.text, ...said }
  const configuration: App['configuration'] = (files, how) => read(files, options.config, how)
  const queue = createWorking({ ...lent, configuration })
  const { working, elsewhere, disconnect } = queue
  const looked = { connections, guarded, readHistory: records.readHistory }
  const running = createRunning({
    connections,
    history: records.history,
    read,
    guarded,
    config: options.config,
    timing,
    carriers,
    elsewhere,
    post,
    commandEnv,
  })

  const app: App = {
    configuration,
    offline: (files) => read(files, options.config, { offline: true }),
    editable: async () =>
      (await import('../config/edit/file.ts')).editableConfiguration({ ...options, types: adapters }),
    async edit(edits, how) {
      const { editConfiguration } = await import('../config/edit/file.ts')
      const edited = await editConfiguration(edits, { ...options, types: adapters, ...how })
      if (!how?.dry) await noteEdit(edited, records.history, options.warn ?? warn)
      return edited
    },
    ...running,
    async *run(policies, configuration, how, started, ctx) {
      await noteSeen(configuration, records.history)
      const begun: typeof started = (policy, execution) => {
        started(policy, execution)
        void app.record(startOf(execution))
      }
      yield* running.run(policies, configuration, how, begun, ctx)
    },
    again(earlier, how, started, ctx, inForce) {
      const begun: typeof started = (policy, execution) => {
        started(policy, execution)
        void app.record(againOf(earlier, execution))
      }
      return running.again(earlier, how, begun, ctx, inForce)
    },
    ...working,
    ...createChecking({ about, connections, guarded, records }),
    ...createLooking({ ...looked, lists }),
    ...createVerifications({ ...looked, elsewhere }),
    async definitions(configuration) {
      const { definitions } = await records.records()
      return definitionsOf(configuration, definitions.get)
    },
    async serve(request) {
      const redact = (text: string): string => redactor.text(text)
      const [{ serveWith }, { createDesk }] = await Promise.all([import('./serving.ts'), import('./desk.ts')])
      const history = await records.history()
      const clock = options.timing?.clock ?? systemClock
      // What happens in an execution has been through this already.
      const listen: ServeRequest['listen'] = (news) =>
        request.listen(news.type === 'execution_event' ? news : redactAll(news, redact))
      await serveWith(
        { ...request, listen },
        {
          about,
          history,
          clock,
          carriers: options.carriers,
          guarded,
          config: options.config,
          read,
          filesOf: (files) => configurationFiles({ ...options, files }),
          desk: (files, paths) =>
            createDesk({
              ...options,
              types: adapters,
              files,
              paths,
              app,
              keychain: connections.keychain,
              edited: (edited, by) => noteEdit(edited, records.history, warn, by),
            }),
          commandEnv,
          queue,
          workers: async (given, signal) => (given.workers ? working.workers(signal, given) : undefined),
          trace: options.trace,
        },
      )
    },
    metrics: async (outcomes, configuration) => metricsOf(outcomes, configuration, await records.history()),
    keychain: connections.keychain,
    examine: (ctx) =>
      examine(
        {
          paths: options,
          connections,
          clock: options.timing?.clock ?? Date,
          configuration: () => configuration([]),
          workers: working.workers,
        },
        guarded(ctx),
      ),
    history: records.history,
    records: records.records,
    record: (deed) => record(deed, records.history, options.warn ?? warn),
    async close() {
      lists.close()
      await Promise.all([connections.close(), carriers.close(), disconnect()])
      await records.close()
    },
  }
  return app
}
