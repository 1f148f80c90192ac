/** Tasks that a program outside does: it takes one by telling of it, and what it says at the end is checked before it counts. */

import type { Clock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { RunnerError } from '../../core/errors.ts'
import type { Level } from '../../core/events.ts'
import type { Moved, Task } from '../../core/execution.ts'
import type { TaskSpec } from '../../core/plan.ts'
import type { Done, RunTask } from './runner.ts'

export interface TaskNews {
  /** Its number within the execution. */
  readonly task: number
  /** Who tells it: another one that tells of the same task is refused. */
  readonly runner: string
  readonly status: 'in_progress' | 'succeeded' | 'failed'
  /** All that this attempt has moved until now. */
  readonly moved: { readonly [K in keyof Moved]?: number | undefined }
  readonly lines: readonly { readonly level: Level; readonly text: string }[]
  /** Why it failed. */
  readonly error?: { readonly message: string; readonly hint?: string | undefined } | undefined
}

/** The tasks of an execution that are yet to be done. */
export interface Offer {
  /** Why a task is not one for others; undefined: it may be taken. */
  refusal(task: Task): string | undefined
  /** Begins it with `run`, and resolves when it has ended, or waits for another attempt. Undefined where it is not pending. */
  take(task: number, run: RunTask): Promise<void> | undefined
  /** Throws unless the destination has what the task is to bring. */
  verify(task: TaskSpec, done: Done, ctx: Context): Promise<void>
}

export interface OutsideRunners {
  /** Tasks of the execution may be taken until the result is called. */
  offer(execution: number, offer: Offer): () => void
  /** Resolves with why it is refused, once the news is acted on: that of an end once the end was checked, or the check takes long. `task` is
   *  what it tells of. */
  tell(execution: number, task: Task, news: TaskNews): Promise<string | undefined>
}

/** A task whose runner says nothing for so many milliseconds is done by another one. */
export const SILENCE = 5 * 60 * 1000
/** Milliseconds that who tells of an end waits for the check of it. */
const PATIENCE = 30_000
/** Tasks of one execution that are outside at a time. */
const MOST_TASKS = 1000
/** Lines of one task. */
const MOST_LINES = 1000

interface Taken {
  readonly runner: string
  /** How it ended, as its runner says. */
  readonly end: PromiseWithResolvers<void>
  heard: number
  lines: number
  /** Set while it runs. */
  hear?: (news: TaskNews) => void
  work: Promise<void>
}

export function createOutsideRunners(clock: Clock): OutsideRunners {
  const offers = new Map<number, Offer>()
  /** By execution, and by the number of the task. */
  const taken = new Map<number, Map<number, Taken>>()

  function take(execution: number, task: Task, news: TaskNews): Taken | string {
    const tasks = taken.get(execution) ?? new Map<number, Taken>()
    const offer = offers.get(execution)
    if (!offer) return `execution ${execution} gives no tasks away: this daemon does not transfer it now`
    const refusal = offer.refusal(task)
    if (refusal !== undefined) return refusal
    if (tasks.size >= MOST_TASKS)
      return `${MOST_TASKS} tasks of execution ${execution} are taken, which is the most at once`
    const one: Taken = {
      runner: news.runner,
      end: Promise.withResolvers<void>(),
      heard: clock.monotonic(),
      lines: 0,
      work: Promise.resolve(),
    }
    // Only the task waits for its end, and it may have been given up.
    one.end.promise.catch(() => {})
    const work = offer.take(task.id, (spec, done, ctx) => carried(one, offer, { spec, done, ctx }))
    if (!work) {
      return task.status === 'pending'
        ? `task ${task.id} cannot be taken now: it waits for another attempt, or execution ${execution} is paused or ending`
        : `task ${task.id} is ${task.status}, and taken by no runner outside`
    }
    taken.set(execution, tasks.set(task.id, one))
    one.work = work.finally(() => {
      tasks.delete(task.id)
      if (tasks.size === 0) taken.delete(execution)
    })
    return one
  }

  /** The task as a run sees it: over when its runner says so, or says nothing any more. */
  async function carried(
    one: Taken,
    offer: Offer,
    { spec, done, ctx }: { readonly spec: TaskSpec; readonly done: Done; readonly ctx: Context },
  ): Promise<void> {
    one.hear = ({ moved, lines }) => {
      // Figures only grow.
      for (const key of ['bytes_copied', 'bytes_mounted', 'bytes_present'] as const) {
        done[key] = Math.max(done[key], moved[key] ?? 0)
      }
      for (const { level, text } of lines) {
        one.lines += 1
        if (one.lines === MOST_LINES) ctx.emit({ type: 'log', level: 'info', text: 'what follows is not listed' })
        if (one.lines < MOST_LINES) ctx.emit({ type: 'log', level, text })
      }
    }
    ctx.emit({ type: 'log', level: 'info', text: `runner ${one.runner} does it` })
    await Promise.race([one.end.promise, silence(one, ctx.signal)])
    await offer.verify(spec, done, ctx)
  }

  /** Rejects when the runner has said nothing for too long, or the run ends. */
  async function silence(one: Taken, signal: AbortSignal): Promise<never> {
    const over = new AbortController()
    one.end.promise.finally(() => over.abort()).catch(() => {})
    for (;;) {
      const left = one.heard + SILENCE - clock.monotonic()
      if (left <= 0) throw new RunnerError(`runner ${one.runner} said nothing for ${SILENCE / 60_000} minutes`)
      await clock.sleep(left, AbortSignal.any([signal, over.signal]))
    }
  }

  return {
    offer(execution, offer) {
      offers.set(execution, offer)
      return () => void offers.delete(execution)
    },
    async tell(execution, task, news) {
      const known = taken.get(execution)?.get(task.id)
      if (known && known.runner !== news.runner) return `task ${task.id} is done by runner ${known.runner}`
      if (!known && news.status !== 'in_progress') return `task ${task.id} was not taken by runner ${news.runner}`
      const one = known ?? take(execution, task, news)
      if (typeof one === 'string') return one
      one.heard = clock.monotonic()
      one.hear?.(news)
      if (news.status === 'in_progress') return undefined
      const { message = 'it says no more', hint } = news.error ?? {}
      if (news.status === 'succeeded') one.end.resolve()
      else one.end.reject(new RunnerError(`runner ${one.runner} failed: ${message}`, { hint }))
      const over = new AbortController()
      await Promise.race([one.work, clock.sleep(PATIENCE, over.signal).catch(() => {})])
      over.abort()
      return undefined
    },
  }
}
