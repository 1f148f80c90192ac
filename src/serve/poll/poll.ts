/** Polls the sources of policies: what has changed becomes the events that their registries do not send. */

import { createHash } from 'node:crypto'
import { describeError } from '../../core/errors.ts'
import { plural } from '../../core/plural.ts'
import type { Policy } from '../../core/policy.ts'
import { Slots } from '../../transfer/slots.ts'
import type { Daemon, Part, WishEnd } from '../parts.ts'
import { type Looked, lookAt } from './look.ts'

/** Policies whose sources are looked at at once. */
const AT_ONCE = 4
/** The first looks after a start are spread over this time, in milliseconds. */
const SPREAD = 30_000
/** A source that fails is asked less and less often, but no less often than this; in milliseconds. */
const LONGEST_PAUSE = 60 * 60 * 1000
/** A run of everything that fails is made again this often. */
const MOST_RUNS = 10

/** A policy that is polled, from the first look until it is no longer polled. */
interface Line {
  readonly policy: string
  /** Looks in a row that have failed. */
  failures: number
  /** What failed last was told. */
  isTold: boolean
  /** Runs of everything in a row that have failed, and when the next may be made (monotonic). */
  runs: number
  notBefore: number
  isWished: boolean
}

export function startPolls(daemon: Daemon): Part {
  const { clock, history } = daemon.program
  const slots = new Slots(AT_ONCE)
  const lines = new Map<string, Promise<void>>()
  let changed = new AbortController()

  /** Undefined where it is gone, disabled, or no longer polled. */
  function polled(name: string): { readonly policy: Policy; readonly interval: number } | undefined {
    const policy = daemon.current().configuration.policies.find((one) => one.name === name)
    const interval = policy?.enabled === true ? intervalOf(policy) : undefined
    return policy && interval !== undefined ? { policy, interval } : undefined
  }

  function read(): void {
    const names = daemon.current().configuration.policies.flatMap(({ name }) => (polled(name) ? [name] : []))
    noting(() => history.polls.keepOnly(names))
    for (const name of names)
      if (!lines.has(name)) lines.set(name, daemon.keep(`polling for policy ${name}`, follow(name)))
  }

  async function follow(policy: string): Promise<void> {
    const line: Line = { policy, failures: 0, isTold: false, runs: 0, notBefore: 0, isWished: false }
    let next = clock.monotonic() + spread(policy, Math.min(polled(policy)?.interval ?? 0, SPREAD))
    for (;;) {
      const left = next - clock.monotonic()
      if (left > 0) await clock.sleep(left, AbortSignal.any([daemon.signal, changed.signal])).catch(() => {})
      const now = daemon.signal.aborted ? undefined : polled(policy)
      if (!now) break
      // A reload may change the interval, but does not bring the next look forward.
      if (next > clock.monotonic()) {
        next = Math.min(next, clock.monotonic() + now.interval)
        continue
      }
      const began = clock.monotonic()
      await slots.use(line, daemon.signal, () => look(line, now.policy)).catch(unlessStopped)
      next = began + pauseOf(now.interval, line.failures)
    }
    lines.delete(policy)
  }

  function unlessStopped(error: unknown): void {
    if (!daemon.signal.aborted) throw error
  }

  async function look(line: Line, policy: Policy): Promise<void> {
    if (daemon.draining()) return
    const { configuration } = daemon.current()
    const ctx = { signal: daemon.signal, emit: () => {} }
    try {
      const looked = await lookAt(policy, configuration, daemon, ctx)
      tell(line, policy, looked)
      if (looked.isOwed) runAll(line, policy, looked)
    } catch (error) {
      if (daemon.signal.aborted) return
      line.failures += 1
      const reason = describeError(error)
      daemon.tell({ type: 'polled', policy: policy.name, events: 0, error: reason })
      say(line, `policy ${policy.name}: polling ${policy.source.registry} fails, it is tried less often: ${reason}`)
    }
  }

  function tell(line: Line, policy: Policy, { events, unlisted, failure }: Looked): void {
    line.failures = 0
    const { name, source } = policy
    const error =
      failure && `${plural(unlisted, 'repository', 'repositories')} could not be listed: ${describeError(failure)}`
    daemon.tell({ type: 'polled', policy: name, events, ...(error === undefined ? {} : { error }) })
    if (error !== undefined) say(line, `policy ${name}: polling ${source.registry}: ${error}`)
    else if (line.isTold) {
      line.isTold = false
      daemon.tell({ type: 'log', level: 'info', text: `policy ${name}: polling ${source.registry} works again` })
    }
  }

  /** Once, until it works again. */
  function say(line: Line, text: string): void {
    if (!line.isTold) daemon.tell({ type: 'log', level: 'warning', text })
    line.isTold = true
  }

  /** What was there before the first snapshot makes no events: a run of everything copies it. */
  function runAll(line: Line, policy: Policy, { poll, isEmpty, failure }: Looked): void {
    if (isEmpty && !failure) {
      daemon.tell({
        type: 'log',
        level: 'warning',
        text: `policy ${policy.name} selects nothing at ${policy.source.registry} yet: polling goes on`,
      })
      noting(() => history.polls.owed(poll, false))
      return
    }
    if (line.isWished || clock.monotonic() < line.notBefore) return
    line.isWished = true
    daemon.executions.wish({
      policy: policy.name,
      trigger: 'poll',
      settled: (end) => {
        line.isWished = false
        noting(() => ran(line, poll, end))
      },
    })
  }

  function ran(line: Line, poll: number, end: WishEnd): void {
    // Left out or dropped, it is still owed.
    if (end.kind !== 'ran' || daemon.signal.aborted) return
    const { execution, error } = end.outcome
    if (execution && execution.status !== 'failed') {
      line.runs = 0
      history.polls.owed(poll, false)
      return
    }
    line.runs += 1
    line.notBefore = clock.monotonic() + pauseOf(polled(line.policy)?.interval ?? LONGEST_PAUSE, line.runs)
    if (line.runs < MOST_RUNS) return
    history.polls.owed(poll, false)
    const reason = execution ? `see \`replicate executions show ${execution.id}\`` : describeError(error)
    const text = `policy ${line.policy}: its first run has failed ${line.runs} times and is given up, only another run of it makes up for that: ${reason}`
    daemon.tell({ type: 'log', level: 'error', text })
  }

  function noting(work: () => void): void {
    try {
      work()
    } catch (error) {
      daemon.tell({ type: 'log', level: 'error', text: `polling: ${describeError(error)}` })
    }
  }

  read()
  return {
    reloaded() {
      read()
      changed.abort()
      changed = new AbortController()
    },
    async ended() {
      await Promise.all(lines.values())
    },
  }
}

/** Of several, the shortest. */
function intervalOf({ triggers }: Policy): number | undefined {
  const intervals = triggers.flatMap((trigger) => ('poll' in trigger ? [trigger.poll] : []))
  return intervals.length === 0 ? undefined : Math.min(...intervals)
}

/** A source that fails is asked after twice the time, and twice that. */
function pauseOf(interval: number, failures: number): number {
  return Math.min(interval * 2 ** Math.min(failures, 20), Math.max(interval, LONGEST_PAUSE))
}

/** The same for a policy at every start, and different for most. */
function spread(policy: string, over: number): number {
  return Math.floor((createHash('sha256').update(policy).digest().readUInt32BE(0) / 2 ** 32) * over)
}
