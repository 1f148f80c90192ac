/** Runs selected policies and shows it: the common end of `run` and `copy`. */

import type { App, PolicyOutcome, RunOptions } from '../app/app.ts'
import type { Context } from '../core/context.ts'
import type { Execution } from '../core/execution.ts'
import type { Policy } from '../core/policy.ts'
import { worstExitCode } from './exit-code.ts'
import type { RunFlags } from './options.ts'
import { jsonView } from './render/events.ts'
import { jsonLine } from './render/json.ts'
import { lineView } from './render/lines.ts'
import { progressView } from './render/progress.ts'
import { headingOf } from './render/summary.ts'
import type { View } from './render/view.ts'
import { checkReports, writeMetrics, writeReports } from './report.ts'
import type { Selection } from './selection.ts'
import type { Session } from './session.ts'

/** The exit status of all of them. Reports are written whatever the outcome. */
export function executePolicies(
  session: Session,
  app: App,
  { policies, configuration }: Selection,
  flags: RunFlags,
  { conclude, ...more }: Pick<RunOptions, 'plan' | 'same'> & { readonly conclude?: Conclude } = {},
): Promise<number> {
  const options = { ...runOptions(flags), ...more }
  const run: StartRun = (started, ctx) => app.run(policies, configuration, options, started, ctx)
  const written = (outcomes: readonly PolicyOutcome[]) =>
    writeMetrics(session, flags.metrics, () => app.metrics(outcomes, configuration))
  return showRun(session, app, flags, run, conclude, written)
}

type StartRun = (started: (policy: Policy, execution: Execution) => void, ctx: Context) => AsyncIterable<PolicyOutcome>

/** Prints what is left to say of an execution that has ended. */
export type Conclude = (outcome: PolicyOutcome) => Promise<void>

/** Shows what `run` does as it happens, then `write`s more of it than reports; the result is the exit status. */
export async function showRun(
  session: Session,
  app: App,
  flags: RunFlags,
  run: StartRun,
  conclude?: Conclude,
  write: (outcomes: readonly PolicyOutcome[]) => Promise<number> = async () => 0,
): Promise<number> {
  await checkReports(session, flags.report, flags.summary, flags.metrics)
  const view = viewOf(session)
  const outcomes: PolicyOutcome[] = []
  let shown = new Set<number>()
  try {
    const ended = run(
      (policy, execution) => {
        shown = new Set()
        view.begin(headingOf(policy), execution)
      },
      {
        signal: session.signal,
        emit: (event) => {
          if (event.type === 'task' && event.task.status === 'failed') shown.add(event.task.id)
          view.event(event)
        },
      },
    )
    for await (const outcome of ended) {
      await showFailures(app, outcome, shown, view)
      view.end(outcome)
      await conclude?.(outcome)
      outcomes.push(outcome)
    }
  } finally {
    view.close()
  }
  const written = [await writeReports(session, app, outcomes, flags), await write(outcomes)]
  const code = worstExitCode([...outcomes.map(({ exitCode }) => exitCode), ...written])
  if (session.json) {
    const executions = outcomes.flatMap(({ execution }) => (execution ? [execution] : []))
    session.stdout.write(jsonLine({ type: 'exit', code, executions }))
  }
  return code
}

export function runOptions(flags: RunFlags): RunOptions {
  const { trigger, concurrency, bandwidth, filter, failFast, maxFailures, wait, timeout, shard, referrers } = flags
  const { workers } = flags
  return {
    ...(trigger === undefined ? {} : { trigger }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    ...(filter === undefined ? {} : { filter }),
    ...(failFast === undefined ? {} : { failFast }),
    ...(maxFailures === undefined ? {} : { maxFailures }),
    ...(wait === undefined ? {} : { wait }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(shard === undefined ? {} : { shard }),
    ...(referrers === undefined ? {} : { referrers }),
    ...(workers === undefined ? {} : { workers }),
  }
}

export function viewOf(session: Session): View {
  if (session.json) return jsonView(session)
  return session.bars ? progressView(session) : lineView(session)
}

/** Tasks that failed while the plan was made (blocked, not listed) had no event of their own. */
async function showFailures(app: App, outcome: PolicyOutcome, shown: ReadonlySet<number>, view: View): Promise<void> {
  const { execution } = outcome
  if (!execution || execution.failed <= shown.size) return
  const history = await app.records()
  for (const task of history.tasks.list(execution.id, { status: 'failed' })) {
    if (shown.has(task.id)) continue
    view.event({ type: 'task', task })
  }
}
