/** Gives the tasks of one execution to workers, and waits for their ends. */

import type { Context } from '../../core/context.ts'
import { CredentialError } from '../../core/errors.ts'
import type { Elsewhere, ElsewhereRun, TasksElsewhere } from '../../engine/run/elsewhere.ts'
import { Slots } from '../../transfer/slots.ts'
import { fromWire } from '../errors.ts'
import { Given } from './given.ts'
import { createInform } from './inform.ts'
import { type CoordinatorTools, openRun } from './open.ts'
import { ofExecution } from './record.ts'

export function createElsewhere(tools: CoordinatorTools): Elsewhere {
  return { begin: (run, ctx) => beginRun(run, tools, ctx) }
}

/** In milliseconds. */
const LAST_WORDS = 15_000
/** Tasks that wait or are given away at once, for each that workers do: the more, the more of them may go together. */
const GIVEN_FOR_EACH = 8
const MOST_GIVEN = 1000
const LEAST_GIVEN = 32
/** Of those that this process does itself, at once. */
const MOST_LOCAL = 32

async function beginRun(run: ElsewhereRun, tools: CoordinatorTools, ctx: Context): Promise<TasksElsewhere> {
  const { jobs, roster, absence, end } = await openRun(
    {
      name: String(run.execution),
      own: ofExecution(run),
      registries: [run.source, ...run.destinations],
      plan: run,
      words: { refuses: 'takes no tasks of this run', can: 'can do the tasks' },
      lastWords: LAST_WORDS,
    },
    tools,
    ctx,
  )
  const inform = createInform('this process does such tasks itself', ctx)
  const here = new Slots(MOST_LOCAL)
  let number = 0
  return {
    atOnce: () => Math.min(MOST_GIVEN, Math.max(LEAST_GIVEN, roster.capacity * GIVEN_FOR_EACH)),
    async run(task, done, context, again = false) {
      const local = (isTried: boolean): Promise<void> =>
        here.use(run, context.signal, () => run.local(task, done, context, isTried))
      if (isLocal(task.destination.registry) || isLocal(task.source.registry)) return local(again)
      number += 1
      const end = await jobs.give(new Given(number, { task }, again, done, context))
      if (end.named) run.names?.keep(end.named.manifest, end.named)
      if (end.error) {
        const error = fromWire(end.error)
        // What this process may do its workers may not: the task is done as it is without them.
        if (!(error instanceof CredentialError) || ctx.signal.aborted) throw error
        inform(end.worker, error)
        return local(true)
      }
      if (end.written !== undefined) done.written = end.written
      if (end.platforms) done.platforms = end.platforms
    },
    absence,
    end,
  }

  function isLocal(name: string): boolean {
    const known = [run.source, ...run.destinations].find((registry) => registry.name === name)
    return known?.path !== undefined
  }
}
