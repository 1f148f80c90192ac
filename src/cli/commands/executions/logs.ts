/** `replicate executions logs`: what was written while an execution ran, or is being written. */

import { systemClock } from '../../../core/cancel.ts'
import { ConfigurationError } from '../../../core/errors.ts'
import type { Level } from '../../../core/events.ts'
import { isFinal } from '../../../core/states.ts'
import type { History, LogLine } from '../../../history/history.ts'
import type { Colors } from '../../render/colors.ts'
import { printable } from '../../render/format.ts'
import { jsonLine, jsonPieces } from '../../render/json.ts'
import type { Session } from '../../session.ts'
import { writeAll } from '../../stream.ts'

export interface LogFlags {
  readonly level?: Level
  readonly follow?: boolean
}

/** How often a followed log is looked at, in milliseconds. */
const FOLLOW_INTERVAL = 500

export async function logs(session: Session, id: string, task: string | undefined, flags: LogFlags): Promise<number> {
  if (task !== undefined && !/^\d+$/.test(task))
    throw new ConfigurationError(`${task} is not a task: it must be a number`)
  const history = await (await session.app()).records()
  const execution = history.executions.get(history.executions.resolveId(id))
  if (task !== undefined) expectTask(history, execution.id, Number(task))
  const wanted = {
    ...(task === undefined ? {} : { task: Number(task) }),
    ...(flags.level === undefined ? {} : { level: flags.level }),
  }
  if (!flags.follow) {
    const lines = history.logs.list(execution.id, wanted)
    await writeAll(session, session.json ? jsonPieces(mapped(lines, logJson)) : mapped(lines, text))
    return 0
  }
  let after = 0
  // Read once more after the end: the last lines are written with it.
  for (let running = true; running && !session.signal.aborted; ) {
    running = !isFinal(history.executions.get(execution.id).status)
    await writeAll(session, mapped(history.logs.list(execution.id, { ...wanted, after }), followed))
    if (running) await systemClock.sleep(FOLLOW_INTERVAL, session.signal).catch(() => {})
  }
  return 0

  function text(line: LogLine): string {
    return logText(line, session.colors)
  }

  function followed(line: LogLine): string {
    after = line.id
    return session.json ? jsonLine({ type: 'log', ...logJson(line) }) : text(line)
  }
}

function expectTask(history: History, execution: number, task: number): void {
  for (const { id } of history.tasks.list(execution, { after: task - 1, limit: 1 })) if (id === task) return
  throw new ConfigurationError(`execution ${execution} has no task ${task}`, {
    hint: `\`replicate executions show ${execution}\` has their numbers`,
  })
}

function* mapped<T>(lines: Iterable<LogLine>, map: (line: LogLine) => T): Generator<T> {
  for (const line of lines) yield map(line)
}

function logJson(line: LogLine): Record<string, unknown> {
  return { time: line.time, level: line.level, task_id: line.task_id, text: line.text }
}

function logText(line: LogLine, colors: Colors): string {
  const place = line.task_id === null ? '' : `[${line.task_id}] `
  return `${colors.dim(line.time)}  ${line.level.padEnd(7)}  ${place}${printable(line.text)}\n`
}
