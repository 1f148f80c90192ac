/** What happens during an execution, kept in the history as far as a user may want to read it later. */

import type { Clock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import type { Event } from '../../core/events.ts'
import type { History } from '../../history/history.ts'

/** Passes events on, and keeps those that a user may want to read later. A line that cannot be kept fails nothing. */
export function recording(history: History, id: number, clock: Clock, ctx: Context): Context['emit'] {
  return (event: Event) => {
    attempt(() => keep(event, history, id, clock.now()))
    ctx.emit(event)
  }
}

function keep(event: Event, history: History, id: number, now: number): void {
  if (event.type === 'log') history.logs.add(id, event.task, event.level, event.text, now)
  else if (event.type === 'stage') {
    history.logs.add(id, undefined, 'info', `${event.stage} ${event.state}: ${event.text}`, now, event)
    // Ends of tasks are written at once: a reader has to see them after the stage that they belong to has begun.
    history.logs.flush()
  } else if (event.type === 'retry')
    history.logs.add(
      id,
      event.task,
      'warning',
      `${event.what}: ${event.reason}; again in ${event.delay} ms`,
      now,
      event,
    )
  else if (event.type === 'waiting') history.logs.add(id, undefined, 'info', event.reason, now, event)
}

/** The result, or undefined where the history cannot be used: then the first failure is told, not what follows from it. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
