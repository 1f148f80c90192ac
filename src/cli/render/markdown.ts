/** Executions as Markdown, for a job's summary. */

import { type RecordedError, taskName } from '../../core/execution.ts'
import { formatBytes } from '../../core/size.ts'
import { type ExecutionStatus, isFinal } from '../../core/states.ts'
import { groupFailures } from './failures.ts'
import { formatDuration, printable } from './format.ts'
import type { ReportedExecution } from './reported.ts'
import { leftBehind, statusWords } from './summary.ts'

/** More reasons than this, and more tasks of each, are only counted: a job's summary is limited to 1 MiB. */
const MOST_FAILURES = 100
const MOST_NAMES = 10

export function renderMarkdown(executions: readonly ReportedExecution[]): string {
  const rows = executions.map(({ execution }) =>
    row([
      code(execution.policy),
      `${markOf(execution.status)} ${statusWords(execution.status)}`,
      `${execution.succeed}/${execution.total}`,
      String(execution.failed),
      String(execution.unchanged),
      formatBytes(execution.bytes_copied),
      execution.duration_ms === null ? '' : formatDuration(execution.duration_ms),
    ]),
  )
  const head = ['Policy', 'Result', 'Succeeded', 'Failed', 'Unchanged', 'Copied', 'Took']
  return [
    '## Replication',
    '',
    row(head),
    row(head.map(() => '---')),
    ...rows,
    ...executions.flatMap(failures),
    '',
  ].join('\n')
}

function markOf(status: ExecutionStatus): string {
  if (status === 'succeeded') return '✅'
  return isFinal(status) ? '❌' : '⏳'
}

/** What failed for one reason stands together, with one hint. */
function failures({ execution, tasks }: ReportedExecution): readonly string[] {
  const groups = groupFailures(tasks)
  const lines = groups.slice(0, MOST_FAILURES).flatMap(({ title, error, tasks: failed }) => {
    const names = failed.map((task) => code(taskName(task)))
    if (names.length === 1) return [`- ${names[0]}: ${reasonOf(error)}`]
    const named = names.slice(0, MOST_NAMES).map((name) => `  - ${name}`)
    const more = names.length > MOST_NAMES ? [`  - and ${names.length - MOST_NAMES} more`] : []
    const { message, hint } = error
    const example = title.startsWith(message) ? [] : [code(message)]
    return [`- ${[code(title), ...example, ...(hint ? [code(hint)] : [])].join(', ')}`, ...named, ...more]
  })
  if (groups.length > MOST_FAILURES) lines.push(`- and ${groups.length - MOST_FAILURES} more reasons`)
  if (execution.error) lines.unshift(`- ${reasonOf(execution.error)}`)
  const left = leftBehind(execution.left_behind)
  if (left !== undefined) lines.push(`- ${code(left)}`)
  return lines.length === 0 ? [] : ['', `### ${code(execution.policy)}`, '', ...lines]
}

function reasonOf({ message, hint }: Pick<RecordedError, 'message' | 'hint'>): string {
  return hint ? `${code(message)}, ${code(hint)}` : code(message)
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

/** Names and messages come from elsewhere: in a code span nothing is a link, a mention, HTML or a new column. */
function code(text: string): string {
  const plain = printable(text).replaceAll(/\s+/g, ' ').trim()
  const longest = Math.max(0, ...[...plain.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  const space = longest > 0 ? ' ' : ''
  return plain === '' ? '' : `${fence}${space}${plain}${space}${fence}`
}
