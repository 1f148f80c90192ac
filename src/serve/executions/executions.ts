/** Starts executions: at most so many at once, fair between policies, one at a time of each policy. */

import type { Context } from '../../core/context.ts'
import { HistoryError, LockedError } from '../../core/errors.ts'
import type { Execution } from '../../core/execution.ts'
import type { Policy } from '../../core/policy.ts'
import type { PolicyOutcome } from '../../core/requests.ts'
import type { TriggerKind } from '../../core/states.ts'
import { sayLeftOut } from '../../engine/run/begin.ts'
import { isResumedLater } from '../../engine/run/draining.ts'
import type { AgainWish, Current, Daemon, Executions, Program, ServeNews, Wish, WishEnd } from '../parts.ts'
import { type Group, joined, openGroup } from './group.ts'

export interface ExecutionOptions {
  readonly program: Program
  readonly current: () => Current
  readonly tell: (news: ServeNews) => void
  readonly keep: Daemon['keep']
  /** Aborted before `signal`: tasks that run may end, and no others begin. */
  readonly draining: AbortSignal
  /** Stops what runs. */
  readonly signal: AbortSignal
}

export interface ExecutionQueue extends Executions {
  /** Goes on with an execution that an earlier process left. */
  resume(execution: Execution): void
  /** Until then everything waits. */
  open(): void
  /** `max_executions` may have grown, or a policy be gone. */
  reloaded(): void
  /** Starts nothing more: what waits is dropped. Resolves when nothing runs. */
  close(): Promise<void>
}

/** How long a policy that another process runs is left alone, in milliseconds. */
const LOCKED_PAUSE = 5000

/** What one policy does and is to do. */
interface Line {
  readonly policy: string
  running: boolean
  /** What runs is about a few artifacts: a run of everything waits for it, and is not left out. */
  isShort: boolean
  /** The execution that runs, once it has a number. */
  execution: number | undefined
  /** Another process runs it: it is tried again later. */
  held: boolean
  /** In the order in which they are started. */
  readonly waiting: Work[]
}

type Work = { readonly kind: 'wishes'; readonly group: Group } | ({ readonly kind: 'again' } & AgainWish)

type Running = Executions['running'][number]

export function createExecutions(options: ExecutionOptions): ExecutionQueue {
  const { program, current, tell, keep, signal, draining } = options
  /** Those that wait or run, the next to be served first. */
  const lines = new Map<string, Line>()
  const running = new Set<Running>()
  /** Those that run, also those that have no number yet. */
  let busy = 0
  let opened = false
  let closed = false
  const idle: (() => void)[] = []

  function lineOf(policy: string): Line {
    const line = lines.get(policy) ?? {
      policy,
      running: false,
      isShort: false,
      execution: undefined,
      held: false,
      waiting: [],
    }
    lines.set(policy, line)
    return line
  }

  function policyNamed(name: string): Policy | undefined {
    return current().configuration.policies.find((policy) => policy.name === name && policy.enabled)
  }

  function end(wish: Wish, how: WishEnd): void {
    if (how.kind === 'left') {
      tell({ type: 'wish_left', policy: wish.policy, trigger: wish.trigger, reason: how.reason })
    }
    wish.settled?.(how)
  }

  function endAll({ wishes }: Group, how: WishEnd): void {
    for (const wish of wishes) end(wish, how)
  }

  function wish(wanted: Wish): void {
    const at = once(wanted)
    if (at) end(wanted, at)
    else serve()
  }

  /** Puts it where it waits; its end where it does not. */
  function once(wanted: Wish): WishEnd | undefined {
    if (closed) return { kind: 'dropped' }
    const policy = policyNamed(wanted.policy)
    if (!policy) return gone()
    const line = lineOf(policy.name)
    const isWaiting = line.waiting.some((work) => work.kind === 'wishes' && joined(work.group, wanted))
    if (isWaiting) return wanted.events ? undefined : { kind: 'left', reason: 'the same waits already' }
    const left = wanted.events ? undefined : overlap(line, policy, wanted.trigger)
    if (!left) line.waiting.push({ kind: 'wishes', group: openGroup(wanted) })
    return left
  }

  function overlap(line: Line, { on_overlap }: Policy, trigger: TriggerKind): WishEnd | undefined {
    if (!line.running || line.isShort || on_overlap === 'queue') return undefined
    return leftOut(line.execution, trigger, 'the policy is still running')
  }

  /** The execution that runs tells it in its log, where it has one. */
  function leftOut(running: number | undefined, trigger: TriggerKind, reason: string): WishEnd {
    if (running !== undefined) unlessBroken(() => sayLeftOut(program.history, running, trigger, program.clock.now()))
    return { kind: 'left', reason }
  }

  /** What is only for the record fails with the history, which the daemon tells by itself. */
  function unlessBroken(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error
      tell({ type: 'log', level: 'warning', text: error.message })
    }
  }

  function serve(): void {
    if (!opened) return
    for (const line of [...lines.values()]) {
      if (closed || busy >= current().settings.max_executions) return
      if (line.running || line.held) continue
      const work = line.waiting.shift()
      if (!work) continue
      void keep(`an execution of policy ${line.policy}`, start(line, work))
    }
  }

  async function start(line: Line, work: Work): Promise<void> {
    line.running = true
    line.isShort = work.kind === 'wishes' && work.group.events !== undefined
    busy += 1
    try {
      await (work.kind === 'again' ? runAgain(line, work) : runGroup(line, work.group))
    } finally {
      line.running = false
      line.execution = undefined
      busy -= 1
      // Served last, it is the last to be served again.
      lines.delete(line.policy)
      if (line.waiting.length > 0) lines.set(line.policy, line)
      serve()
      if (busy === 0) for (const resolve of idle.splice(0)) resolve()
    }
  }

  async function runGroup(line: Line, group: Group): Promise<void> {
    const { configuration } = current()
    const policy = policyNamed(line.policy)
    if (!policy) return endAll(group, gone())
    const { trigger, events, options: how } = group
    const options = { ...how, trigger, wait: false, ...(events ? { events } : {}) }
    const outcome = await watched(line, group.wishes, (started, ctx) =>
      program.run(policy, configuration, options, started, ctx),
    )
    if (!isLocked(outcome)) {
      tell({ type: 'execution_ended', policy: line.policy, trigger, outcome })
      return endAll(group, { kind: 'ran', outcome })
    }
    if (events === undefined && policy.on_overlap === 'skip') {
      return endAll(group, leftOut(outcome.error.execution, trigger, 'another process runs the policy'))
    }
    if (closed) return endAll(group, { kind: 'dropped' })
    hold(line, { kind: 'wishes', group })
  }

  async function runAgain(line: Line, work: Extract<Work, { readonly kind: 'again' }>): Promise<void> {
    const { how, execution, settled } = work
    const { id, trigger } = execution
    const { configuration } = current()
    const outcome = await watched(line, [work], (started, ctx) =>
      program.again({ how, execution: id }, configuration, { wait: false }, started, ctx),
    )
    if (isLocked(outcome)) {
      if (closed) settled?.({ kind: 'dropped' })
      else hold(line, work)
      return
    }
    // What could not be resumed is what it was.
    if (!outcome.execution && how === 'resume') unlessBroken(() => program.history.daemon.ended(id))
    tell({ type: 'execution_ended', policy: line.policy, trigger, outcome: { execution, ...outcome } })
    settled?.({ kind: 'ran', outcome })
  }

  async function watched(
    line: Line,
    wishes: readonly Pick<Wish, 'started'>[],
    run: (started: (execution: Execution) => void, ctx: Context) => Promise<PolicyOutcome>,
  ): Promise<PolicyOutcome> {
    const { policy } = line
    let own: Running | undefined
    try {
      const outcome = await run(
        (execution) => {
          line.execution = execution.id
          own = { execution, policy, since: program.clock.now() }
          running.add(own)
          tell({ type: 'execution_started', execution })
          for (const wanted of wishes) wanted.started?.(execution)
        },
        {
          signal,
          draining,
          emit: (event) => {
            if (own) tell({ type: 'execution_event', execution: own.execution.id, policy, event })
          },
        },
      )
      const { execution } = outcome
      if (execution && !isResumedLater(execution, outcome.exitCode, draining)) {
        unlessBroken(() => program.history.daemon.ended(execution.id))
      }
      return outcome
    } finally {
      if (own) running.delete(own)
    }
  }

  /** What another process does now is tried again later. */
  function hold(line: Line, work: Work): void {
    line.waiting.unshift(work)
    line.held = true
    const over = (): void => {
      line.held = false
      serve()
    }
    void keep('starting executions', program.clock.sleep(LOCKED_PAUSE, signal).then(over, over))
  }

  return {
    wish,
    resume(execution) {
      lineOf(execution.policy).waiting.push({ kind: 'again', how: 'resume', execution })
      serve()
    },
    again(wanted) {
      const line = lineOf(wanted.execution.policy)
      if (closed || line.running || line.waiting.length > 0) return false
      line.waiting.push({ kind: 'again', ...wanted })
      serve()
      return true
    },
    open() {
      opened = true
      serve()
    },
    reloaded: serve,
    get waiting() {
      let count = 0
      for (const { waiting } of lines.values()) count += waiting.length
      return count
    },
    get running() {
      return [...running]
    },
    async close() {
      closed = true
      for (const line of [...lines.values()]) {
        for (const work of line.waiting.splice(0)) {
          if (work.kind === 'wishes') endAll(work.group, { kind: 'dropped' })
          else work.settled?.({ kind: 'dropped' })
        }
        if (!line.running) lines.delete(line.policy)
      }
      if (busy > 0) await new Promise<void>((resolve) => idle.push(resolve))
    },
  }
}

/** True where it never began, as another process runs the policy. */
function isLocked(outcome: PolicyOutcome): outcome is PolicyOutcome & { readonly error: LockedError } {
  return outcome.execution === undefined && outcome.error instanceof LockedError
}

function gone(): WishEnd {
  return { kind: 'left', reason: 'the policy is gone or disabled' }
}
