/** `replicate executions`: what ran, what runs, how it went; stopping one, and going on with it. */

import type { App } from '../../app.ts'
import { didYouMean } from '../../config/suggest.ts'
import { systemClock } from '../../core/cancel.ts'
import { ConfigurationError } from '../../core/errors.ts'
import type { Level } from '../../core/events.ts'
import type { Execution, Task } from '../../core/execution.ts'
import { formatBytes } from '../../core/size.ts'
import { EXECUTION_MOVES, type ExecutionStatus, isFinal } from '../../core/states.ts'
import type { LogLine } from '../../history/history.ts'
import { runOptions, showRun } from '../execute.ts'
import type { RunFlags } from '../options.ts'
import type { Colors } from '../render/colors.ts'
import { formatDuration, formatRelative, printable } from '../render/format.ts'
import { jsonLine } from '../render/json.ts'
import { executionSummary, failedTask, statusWords } from '../render/summary.ts'
import { renderTable } from '../render/table.ts'
import { print, type Session } from '../session.ts'

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
  const history = await (await session.app()).history()
  const executions = history.list({
    limit,
    ...(policy === undefined ? {} : { policy }),
    ...(status === undefined ? {} : { status }),
    ...(since === undefined ? {} : { since: session.timer.now() - since }),
  })
  print(session, executions, () => (executions.length === 0 ? 'no executions\n' : executionTable(executions, session)))
  return 0
}

export async function show(session: Session, id: string, flags: { readonly failed?: boolean }): Promise<number> {
  const history = await (await session.app()).history()
  const execution = history.execution(history.resolveId(id))
  const tasks = [...history.tasks(execution.id, flags.failed ? { status: 'failed' } : {})]
  print(session, { ...execution, tasks }, () => {
    const head = `${session.colors.bold(printable(execution.policy))}  started ${formatRelative(execution.start_time, session.timer.now())}, ${execution.trigger}\n`
    const reason = execution.error ? `  ${session.colors.red(printable(execution.error.message))}\n` : ''
    const hint = execution.error?.hint ? `  ${printable(execution.error.hint)}\n` : ''
    const failures = tasks
      .filter((task) => task.status === 'failed')
      .map((task) =>
        failedTask({ execution: execution.id, task: task.id, name: nameOf(task), error: task.error }, session.colors),
      )
    const table = tasks.length === 0 ? '' : `\n${taskTable(tasks, session)}`
    return [
      head,
      executionSummary(execution, session.colors),
      reason,
      hint,
      table,
      ...failures.map((text) => `\n${text}`),
    ].join('')
  })
  return 0
}

export interface LogFlags {
  readonly level?: Level
  readonly follow?: boolean
}

/** How often a followed log is looked at, in milliseconds. */
const FOLLOW_INTERVAL = 500

export async function logs(session: Session, id: string, task: string | undefined, flags: LogFlags): Promise<number> {
  if (task !== undefined && !/^\d+$/.test(task)) throw new ConfigurationError(`${task} is no task: it must be a number`)
  const history = await (await session.app()).history()
  const execution = history.execution(history.resolveId(id))
  const wanted = {
    ...(task === undefined ? {} : { task: Number(task) }),
    ...(flags.level === undefined ? {} : { level: flags.level }),
  }
  const lines = [...history.logs(execution.id, wanted)]
  if (!flags.follow) {
    print(session, lines.map(logJson), () => lines.map((line) => logText(line, session.colors)).join(''))
    return 0
  }
  let after = writeLines(lines, 0)
  // Read once more after the end: the last lines are written with it.
  for (let running = true; running && !session.signal.aborted; ) {
    running = !isFinal(history.execution(execution.id).status)
    if (running) await systemClock.sleep(FOLLOW_INTERVAL, session.signal).catch(() => {})
    after = writeLines(history.logs(execution.id, { ...wanted, after }), after)
  }
  return 0

  function writeLines(more: Iterable<LogLine>, last: number): number {
    let newest = last
    for (const line of more) {
      session.stdout.write(session.json ? jsonLine({ type: 'log', ...logJson(line) }) : logText(line, session.colors))
      newest = line.id
    }
    return newest
  }
}

export async function stop(session: Session, id: string): Promise<number> {
  const history = await (await session.app()).history()
  const execution = history.execution(history.resolveId(id))
  if (isFinal(execution.status)) {
    throw new ConfigurationError(`execution ${execution.id} is not running: it ${verbOf(execution.status)}`)
  }
  if (!history.requestStop(execution.id)) {
    throw new ConfigurationError(`execution ${execution.id} is not running: it has just ended`)
  }
  print(session, { id: execution.id, status: execution.status, stopping: true }, () =>
    session.quiet ? '' : `execution ${execution.id} is being stopped\n`,
  )
  return 0
}

export async function pause(session: Session, id: string): Promise<number> {
  const history = await (await session.app()).history()
  const execution = history.execution(history.resolveId(id))
  if (isFinal(execution.status)) {
    throw new ConfigurationError(`execution ${execution.id} is not running: it ${verbOf(execution.status)}`)
  }
  if (!history.requestPause(execution.id)) {
    throw new ConfigurationError(`execution ${execution.id} is not running: it has just ended`)
  }
  print(session, { id: execution.id, status: execution.status, pausing: true }, () =>
    session.quiet
      ? ''
      : `execution ${execution.id} holds before its next blob; \`replicate executions resume ${execution.id}\` lets it go on\n`,
  )
  return 0
}

/** A paused execution goes on in its own process; one that has ended goes on in this one. */
export async function resume(session: Session, id: string, flags: RunFlags): Promise<number> {
  const app = await session.app()
  const history = await app.history()
  const execution = history.execution(history.resolveId(id))
  if (isFinal(execution.status)) return again(session, app, { how: 'resume', execution: execution.id }, flags)
  if (!history.requestGoOn(execution.id)) {
    throw new ConfigurationError(`execution ${execution.id} is running, and not paused`)
  }
  print(session, { id: execution.id, status: execution.status, resuming: true }, () =>
    session.quiet ? '' : `execution ${execution.id} goes on\n`,
  )
  return 0
}

export async function retry(session: Session, id: string, flags: RunFlags): Promise<number> {
  const app = await session.app()
  const history = await app.history()
  return again(session, app, { how: 'retry', execution: history.resolveId(id) }, flags)
}

/** Prints and ends like `run`. */
function again(session: Session, app: App, earlier: Parameters<App['again']>[0], flags: RunFlags): Promise<number> {
  return showRun(session, app, flags, (started, ctx) => app.again(earlier, runOptions(flags), started, ctx))
}

function statusOf(text: string): ExecutionStatus {
  const known = Object.keys(EXECUTION_MOVES)
  const status = known.find((candidate): candidate is ExecutionStatus => candidate === text.replaceAll(' ', '_'))
  if (status) return status
  throw new ConfigurationError(`there is no status ${text}`, {
    hint: didYouMean(text, known) ?? `it is one of ${known.join(', ')}`,
  })
}

function verbOf(status: ExecutionStatus): string {
  return status === 'succeeded' || status === 'failed' ? status : `was ${statusWords(status)}`
}

function executionTable(executions: readonly Execution[], { stdout, colors, timer }: Session): string {
  const right = { align: 'right' } as const
  return renderTable(
    [
      { title: 'ID', ...right },
      { title: 'POLICY' },
      { title: 'STATUS', paint: (text) => paintStatus(text, colors) },
      { title: 'TRIGGER' },
      { title: 'TOTAL', ...right },
      { title: 'OK', ...right },
      { title: 'FAILED', ...right },
      { title: 'RUNNING', ...right },
      { title: 'SAME', ...right },
      { title: 'COPIED', ...right },
      { title: 'STARTED' },
      { title: 'TOOK' },
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
      formatRelative(one.start_time, timer.now()),
      one.duration_ms === null ? '' : formatDuration(one.duration_ms),
    ]),
    stdout.columns,
    colors,
  )
}

function taskTable(tasks: readonly Task[], { stdout, colors }: Session): string {
  const right = { align: 'right' } as const
  return renderTable(
    [
      { title: 'TASK', ...right },
      { title: 'STATUS', paint: (text) => paintStatus(text, colors) },
      { title: 'SOURCE → DESTINATION' },
      { title: 'ATTEMPTS', ...right },
      { title: 'COPIED', ...right },
      { title: 'TOOK' },
    ],
    tasks.map((task) => [
      String(task.id),
      statusWords(task.status),
      nameOf(task),
      String(task.attempts),
      formatBytes(task.bytes_copied),
      tookOf(task),
    ]),
    stdout.columns,
    colors,
  )
}

function nameOf(task: Task): string {
  return task.action === 'delete' ? task.dest_resource : `${task.src_resource} → ${task.dest_resource}`
}

function tookOf(task: Task): string {
  return task.start_time && task.end_time ? formatDuration(Date.parse(task.end_time) - Date.parse(task.start_time)) : ''
}

function paintStatus(text: string, colors: Colors): string {
  const status = text.trim()
  if (status === 'succeeded') return colors.green(text)
  if (status === 'failed' || status === 'interrupted') return colors.red(text)
  return colors.yellow(text)
}

function logJson(line: LogLine): Record<string, unknown> {
  return { time: line.time, level: line.level, task_id: line.task_id, text: line.text }
}

function logText(line: LogLine, colors: Colors): string {
  const place = line.task_id === null ? '' : `[${line.task_id}] `
  return `${colors.dim(line.time)}  ${line.level.padEnd(7)}  ${place}${printable(line.text)}\n`
}
