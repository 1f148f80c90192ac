/** `replicate executions show`: one execution and its tasks, however many they are. */

import { type Task, taskName } from '../../../core/execution.ts'
import { formatBytes } from '../../../core/size.ts'
import { createFailures } from '../../render/failures.ts'
import { formatDuration, formatRelative, formatTime, printable } from '../../render/format.ts'
import { jsonPieces } from '../../render/json.ts'
import { executionSummary, paintStatus, statusWords } from '../../render/summary.ts'
import { tablePieces } from '../../render/table.ts'
import type { Session } from '../../session.ts'
import { writeAll } from '../../stream.ts'

export async function show(session: Session, id: string, flags: { readonly failed?: boolean }): Promise<number> {
  const history = await (await session.app()).records()
  const execution = history.executions.get(history.executions.resolveId(id))
  const tasks = history.tasks.list(execution.id, flags.failed ? { status: 'failed' } : {})
  if (session.json) {
    await writeAll(session, jsonPieces(tasks, { fields: execution, name: 'tasks' }))
    return 0
  }
  const { colors, timer, stdout } = session
  const { policy, start_time, end_time, trigger, error } = execution
  const ended = end_time === null ? '' : `, ended ${formatTime(end_time)}`
  const times = `started ${formatTime(start_time)} (${formatRelative(start_time, timer.now())})${ended}`
  const head = [
    `${colors.bold(printable(policy))}  ${times}, ${trigger}\n`,
    executionSummary(execution, colors),
    error ? `  ${colors.red(printable(error.message))}\n` : '',
    error?.hint ? `  ${printable(error.hint)}\n` : '',
  ]
  await writeAll(session, head)
  const shown = flags.failed ? execution.failed : execution.total
  if (shown > 0) stdout.write('\n')
  await writeAll(session, shown > 0 ? taskTable(tasks, execution.skipped > 0, session) : [])
  await writeAll(session, failures())
  return 0

  function* failures(): Generator<string> {
    const failed = createFailures(colors)
    for (const task of history.tasks.list(execution.id, { status: 'failed' })) {
      const text = failed.add(task)
      if (text !== undefined) yield `\n${text}`
    }
    const counted = failed.counted()
    if (counted !== '') yield `\n${counted}`
  }
}

function taskTable(tasks: Iterable<Task>, hasKept: boolean, { stdout, colors }: Session): Generator<string> {
  const right = { align: 'right' } as const
  return tablePieces(
    [
      { title: 'TASK', ...right },
      { title: 'STATUS', paint: (text) => paintStatus(text, colors) },
      { title: 'SOURCE → DESTINATION' },
      { title: 'ATTEMPTS', ...right, leave: 3 },
      { title: 'COPIED', ...right, leave: 1 },
      { title: 'TOOK', leave: 2 },
      // Of what failed, the reason stands below with what to do.
      ...(hasKept ? [{ title: 'WHY', leave: 4 }] : []),
    ],
    rowsOf(tasks),
    stdout.columns,
    colors,
  )
}

function* rowsOf(tasks: Iterable<Task>): Generator<readonly string[]> {
  for (const task of tasks) {
    const { id, status, attempts, bytes_copied } = task
    const why = status === 'skipped' ? (task.reason ?? task.error?.message ?? '') : ''
    const bytes = formatBytes(bytes_copied)
    yield [String(id), statusWords(status), taskName(task), String(attempts), bytes, tookOf(task), why]
  }
}

function tookOf(task: Task): string {
  return task.start_time && task.end_time ? formatDuration(Date.parse(task.end_time) - Date.parse(task.start_time)) : ''
}
