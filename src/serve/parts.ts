/** What the parts of `replicate serve` are given, and what they are to each other. */

import type { FastifyInstance } from 'fastify'
import type { Configuration } from '../config/load.ts'
import type { ServeSettings } from '../config/serve.ts'
import type { AdapterType, RegistryEvent } from '../core/adapter.ts'
import type { Clock } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import type { Event } from '../core/events.ts'
import type { Execution } from '../core/execution.ts'
import type { Policy } from '../core/policy.ts'
import type { Registry } from '../core/registry.ts'
import type { ArtifactEvent, PolicyOutcome, RunOptions } from '../core/requests.ts'
import type { TriggerKind } from '../core/states.ts'
import type { ShownQueue } from '../core/worker.ts'
import type { Endpoint } from '../engine/endpoint.ts'
import type { Outside } from '../engine/notify/send.ts'
import type { Again } from '../engine/run/again.ts'
import type { OutsideRunners } from '../engine/run/outside.ts'
import type { EventWay, History } from '../history/history.ts'
import type { Desk } from './api/desk.ts'
import type { SpoolLimits } from './gateway/pull/spool.ts'
import type { Looks } from './looks.ts'
import type { Turns } from './turns.ts'

/** What the program lends: the same functions that its commands use. */
export interface Program {
  readonly history: History
  readonly clock: Clock
  /** The files of the configuration, whether they exist or not. */
  readonly files: readonly string[]
  /** Reads the configuration anew; throws a `ConfigurationError` that names all that is wrong. */
  read(): Promise<Configuration>
  /** One execution of one policy, as `replicate run` does it. Never throws: how it ended is the outcome. */
  run(
    policy: Policy,
    configuration: Configuration,
    options: RunOptions,
    started: (execution: Execution) => void,
    ctx: Context,
  ): Promise<PolicyOutcome>
  /** Goes on with one that was interrupted, or does again what failed in it: with this configuration, where it is of the files that the
   *  execution was begun with. */
  again(
    earlier: Again,
    configuration: Configuration,
    options: RunOptions,
    started: (execution: Execution) => void,
    ctx: Context,
  ): Promise<PolicyOutcome>
  /** Opened once for each registry as long as it is configured like that: its adapter may remember what was there before. */
  open(registry: Registry): Promise<Endpoint>
  /** With the same clients, and an adapter that has seen nothing yet, for who closes it. */
  openAnew(registry: Registry): Promise<Endpoint>
  /** Programs outside that do tasks of executions in this process. */
  readonly runners: OutsideRunners
  /** What notifications are sent with. */
  readonly outside: Outside
  /** Which run brings a blob that several need. */
  readonly turns: Turns
  readonly desk: Desk
  /** Takes secrets out of what is said. */
  redact(text: string): string
  typeOf(registry: Registry): Promise<AdapterType>
  readonly looks: Looks
  /** Who takes tasks on other machines; undefined where the configuration names no queue. Throws where it does not answer. */
  workers(configuration: Configuration, signal: AbortSignal): Promise<ShownQueue | undefined>
}

/** The configuration in force. A part reads it anew each time: it is replaced as a whole. */
export interface Current {
  readonly configuration: Configuration
  readonly settings: ServeSettings
  /** Set where a newer one is broken and this one stayed in force. */
  readonly broken: { readonly message: string; readonly since: Date } | undefined
}

/** Something that a policy is to do. */
export interface Wish {
  readonly policy: string
  readonly trigger: TriggerKind
  readonly events?: readonly ArtifactEvent[]
  /** How it is run, where that is said; it is an execution of its own then. */
  readonly options?: RunOptions
  /** Its execution has a number now, and is in the history. */
  readonly started?: (execution: Execution) => void
  /** Called once, when nothing more becomes of it in this process: it ran, or it was left out because the policy still runs. */
  readonly settled?: (end: WishEnd) => void
}

/** An execution that has ended, and is to go on. */
export interface AgainWish extends Pick<Wish, 'started' | 'settled'> {
  readonly how: Again['how']
  readonly execution: Execution
}

export type WishEnd =
  | { readonly kind: 'ran'; readonly outcome: PolicyOutcome }
  /** Another execution of the policy runs, and `on_overlap` is `skip`; or the policy is gone or disabled. */
  | { readonly kind: 'left'; readonly reason: string }
  /** The process ends first: it is to be wished again at the next start. */
  | { readonly kind: 'dropped' }

/**
 * Starts all executions: at most `max_executions` at once, fair between policies, one at a time of each policy.
 *
 * A wish without events is left out while the policy runs (`on_overlap: skip`), or waits (`queue`); a second one that would wait is left
 * out too. Wishes with events always wait, and one execution does those of the same trigger together: each is `started` and `settled`.
 */
export interface Executions {
  wish(wish: Wish): void
  /** Goes on with an execution that has ended, or does again what failed in it. False where its policy runs, or is to run. */
  again(wish: AgainWish): boolean
  readonly waiting: number
  readonly running: readonly { readonly execution: Execution; readonly policy: string; readonly since: number }[]
}

/** Turns what registries tell into executions. */
export interface Events {
  /** Keeps what a webhook or a look at a registry has told, and returns how many of the events are new; `policy` is the only one they are for.
   *  Once it returns, they outlive a crash. Throws a `HistoryError` where they cannot be kept or too many wait: they are to be sent again. */
  take(registry: string, events: readonly RegistryEvent[], via: EventWay, policy?: string): number
  /** Calls back with what is taken; the result ends it. */
  listen(listener: (registry: string, events: readonly RegistryEvent[]) => void): () => void
}

/** What happens in the daemon, for logs, metrics and other listeners. */
export type ServeNews =
  | { readonly type: 'listening'; readonly url: string }
  /** No token is configured: users of this machine have this one. */
  | {
      readonly type: 'token'
      readonly url: string
      readonly token: string
      readonly file: string
      readonly isNew: boolean
    }
  | { readonly type: 'execution_started'; readonly execution: Execution }
  /** An event of a running execution. */
  | { readonly type: 'execution_event'; readonly execution: number; readonly policy: string; readonly event: Event }
  | {
      readonly type: 'execution_ended'
      readonly policy: string
      readonly trigger: TriggerKind
      readonly outcome: PolicyOutcome
    }
  | { readonly type: 'wish_left'; readonly policy: string; readonly trigger: TriggerKind; readonly reason: string }
  | {
      readonly type: 'registry_changed'
      readonly registry: string
      readonly healthy: boolean
      readonly reason?: string
    }
  | { readonly type: 'delivery'; readonly registry: string; readonly status: number; readonly events: number }
  | { readonly type: 'polled'; readonly policy: string; readonly events: number; readonly error?: string }
  | { readonly type: 'reloaded'; readonly policies: number }
  | { readonly type: 'reload_failed'; readonly message: string }
  /** The first signal to end has come; `running` executions have so many milliseconds to end their tasks. */
  | { readonly type: 'draining'; readonly running: number; readonly within: number }
  | { readonly type: 'ended' }
  /** `saved`: what the source's registry would have counted as a pull, and was not asked for. */
  | {
      readonly type: 'gateway'
      readonly policy: string
      readonly hit: boolean
      readonly bytes: number
      readonly saved: boolean
    }
  | { readonly type: 'log'; readonly level: 'info' | 'warning' | 'error'; readonly text: string }

/** What every part of the daemon gets. */
export interface Daemon {
  readonly program: Program
  readonly current: () => Current
  readonly executions: Executions
  readonly events: Events
  /** Executions that the last process left and this one goes on with, events of theirs included; each has its `execution_ended` later. */
  readonly resuming: ReadonlySet<number>
  /** Not listening yet while parts start: each registers its routes then, in a plugin of its own (`http.register`). */
  readonly http: FastifyInstance
  readonly tell: (news: ServeNews) => void
  /** Reads the configuration anew, as after a change of its files. */
  readonly reread: () => Promise<void>
  /** The result ends it. */
  readonly listen: (listener: (news: ServeNews) => void) => () => void
  /** Work of a part that nothing awaits before the end. Never rejects: a failure ends the daemon with an error that names `what`. */
  readonly keep: (what: string, work: Promise<unknown>) => Promise<void>
  /** What of blobs that are on their way is kept for clients, where a test wants other bounds than the gateway. */
  readonly spooled?: SpoolLimits | undefined
  /** True from the first signal to end: nothing new is taken. */
  readonly draining: () => boolean
  /** Aborted when the daemon ends. */
  readonly signal: AbortSignal
}

/** What starts a part, before the daemon listens. */
export type StartPart = (daemon: Daemon) => Part | Promise<Part>

/** A part that runs until the daemon's signal is aborted, and looks at the configuration again when told. */
export interface Part {
  /** The configuration in force has changed. */
  reloaded?(): void
  /** What it runs beside `Executions`. */
  readonly running?: { readonly count: number; readonly idle: Promise<unknown> }
  /** Called once, after the signal was aborted. Resolves when everything of it has ended. */
  ended(): Promise<void>
}
