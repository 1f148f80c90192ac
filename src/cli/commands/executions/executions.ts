/** `replicate executions`: lists what ran and what runs; stops, pauses, resumes and retries one. */

import type { App } from '../../../app/app.ts'
import { didYouMean } from '../../../config/suggest.ts'
import { ConfigurationError } from '../../../core/errors.ts'
import type { Execution } from '../../../core/execution.ts'
import { formatBytes } from '../../../core/size.ts'
import { EXECUTION_MOVES, type ExecutionStatus, isFinal } from '../../../core/states.ts'
import { runOptions, showRun } from '../../execute.ts'
import type { RunFlags } from '../../options.ts'
import { formatDuration, formatRecent } from '../../render/format.ts'
import { paintStatus, statusWords } from '../../render/summary.ts'
import { renderTable } from '../../render/table.ts'
import { print, type Session } from '../../session.ts'

export interface ListFlags {
  readonly policy?: string
  readonly status?: string
  /** Milliseconds back from now. */
  readonly since?: number
  readonly limit: number
}

export async function list(session: Session, flags: ListFlags): Promise<number> {
  const { policy, since, limit } = flags
  const status = flags.status === undefined ? undefined : statusOf(flags.status)
  const history = await (await session.app()).records()
  const executions = history.executions.list({
    limit,
    ...(policy === undefined ? {} : { policy }),
    ...(status === undefined ? {} : { status }),
    ...(since === undefined ? {} : { since: session.timer.now() - since }),
  })
  print(session, executions, () => (executions.length === 0 ? 'no executions\n' : executionTable(executions, session)))
  return 0
}

export async function stop(session: Session, id: string): Promise<number> {
  const app = await session.app()
  const history = await app.history()
  const execution = history.executions.get(history.executions.resolveId(id))
  if (isFinal(execution.status)) {
    throw new ConfigurationError(`execution ${execution.id} is not running: it ${verbOf(execution.status)}`)
  }
  if (!history.control.requestStop(execution.id)) {
    throw new ConfigurationError(`execution ${execution.id} is not running: it has just ended`)
  }
  await app.record({ verb: 'stopped', noun: 'execution', name: String(execution.id), detail: execution.policy })
  print(session, { id: execution.id, status: execution.status, stopping: true }, () =>
    session.quiet ? '' : `execution ${execution.id} is being stopped\n`,
  )
  return 0
}

export async function pause(session: Session, id: string): Promise<number> {
  const app = await session.app()
  const history = await app.history()
  const execution = history.executions.get(history.executions.resolveId(id))
  if (isFinal(execution.status)) {
    throw new ConfigurationError(`execution ${execution.id} is not running: it ${verbOf(execution.status)}`)
  }
  if (!history.control.requestPause(execution.id)) {
    throw new ConfigurationError(`execution ${execution.id} is not running: it has just ended`)
  }
  await app.record({ verb: 'paused', noun: 'execution', name: String(execution.id), detail: execution.policy })
  print(session, { id: execution.id, status: execution.status, pausing: true }, () =>
    session.quiet
      ? ''
      : `execution ${execution.id} is being paused; \`replicate executions resume ${execution.id}\` resumes it\n`,
  )
  return 0
}

/** A paused execution resumes in its own process; an ended one resumes in this process. */
export async function resume(session: Session, id: string, flags: RunFlags): Promise<number> {
  const app = await session.app()
  const history = await app.history()
  const execution = history.executions.get(history.executions.resolveId(id))
  if (isFinal(execution.status)) return again(session, app, { how: 'resume', execution: execution.id }, flags)
  if (!history.control.requestUnpause(execution.id)) {
    throw new ConfigurationError(`execution ${execution.id} is running, and not paused`)
  }
  await app.record({ verb: 'resumed', noun: 'execution', name: String(execution.id), detail: execution.policy })
  print(session, { id: execution.id, status: execution.status, resuming: true }, () =>
    session.quiet ? '' : `execution ${execution.id} resumes\n`,
  )
  return 0
}

export async function retry(session: Session, id: string, flags: RunFlags): Promise<number> {
  const app = await session.app()
  const history = await app.history()
  return again(session, app, { how: 'retry', execution: history.executions.resolveId(id) }, flags)
}

/** Prints and ends like `run`. */
function again(session: Session, app: App, earlier: Parameters<App['again']>[0], flags: RunFlags): Promise<number> {
  return showRun(session, app, flags, (started, ctx) => app.again(earlier, runOptions(flags), started, ctx))
}

function statusOf(text: string): ExecutionStatus {
  const known = Object.keys(EXECUTION_MOVES)
  const status = known.find((candidate): candidate is ExecutionStatus => candidate === text.replaceAll(' ', '_'))
  if (status) return status
  throw new ConfigurationError(`${text} is not a status`, {
    hint: didYouMean(text, known) ?? `it is one of ${known.join(', ')}`,
  })
}

function verbOf(status: ExecutionStatus): string {
  return status === 'succeeded' || status === 'failed' ? status : `was ${statusWords(status)}`
}

/** What matters least goes first where the terminal is narrow. */
function executionTable(executions: readonly Execution[], { stdout, colors, timer }: Session): string {
  const right = { align: 'right' } as const
  const now = timer.now()
  return renderTable(
    [
      { title: 'ID', ...right },
      { title: 'POLICY' },
      { title: 'STATUS', paint: (text) => paintStatus(text, colors) },
      { title: 'TRIGGER', leave: 8 },
      { title: 'TOTAL', ...right, leave: 2 },
      { title: 'SUCCEEDED', ...right, leave: 5 },
      { title: 'FAILED', ...right },
      { title: 'IN PROGRESS', ...right, leave: 6 },
      { title: 'UNCHANGED', ...right, leave: 7 },
      { title: 'COPIED', ...right, leave: 3 },
      { title: 'STARTED', leave: 1 },
      { title: 'TOOK', leave: 4 },
    ],
    executions.map((one) => [
      String(one.id),
      one.policy,
      statusWords(one.status),
      one.trigger,
      String(one.total),
      String(one.succeed),
      String(one.failed),
      String(one.in_progress),
      String(one.unchanged),
      formatBytes(one.bytes_copied),
      formatRecent(one.start_time, now),
      one.status === 'interrupted'
        ? ''
        : formatDuration(one.duration_ms ?? Math.max(0, now - Date.parse(one.start_time))),
    ]),
    stdout.columns,
    colors,
  )
}
