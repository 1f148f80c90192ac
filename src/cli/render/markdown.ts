/** Executions as Markdown, for a job's summary. */

import { formatBytes } from '../../core/size.ts'
import { type ExecutionStatus, isFinal } from '../../core/states.ts'
import { formatDuration, printable } from './format.ts'
import type { ReportedExecution } from './reported.ts'
import { statusWords } from './summary.ts'

/** More failed tasks than this are only counted: a job's summary is limited to 1 MiB. */
const MOST_FAILURES = 100

export function renderMarkdown(executions: readonly ReportedExecution[]): string {
  const rows = executions.map(({ execution }) =>
    row([
      execution.policy,
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

function failures({ execution, tasks }: ReportedExecution): readonly string[] {
  const failed = tasks.filter((task) => task.status === 'failed')
  const lines = failed.slice(0, MOST_FAILURES).map((task) => {
    const hint = task.error?.hint ? `. ${escapeMarkdown(task.error.hint)}` : ''
    return `- ${escapeMarkdown(`${task.src_resource} → ${task.dest_resource}`)}: ${escapeMarkdown(task.error?.message ?? 'failed')}${hint}`
  })
  if (failed.length > MOST_FAILURES) lines.push(`- and ${failed.length - MOST_FAILURES} more`)
  if (execution.error) lines.unshift(`- ${escapeMarkdown(execution.error.message)}`)
  return lines.length === 0 ? [] : ['', `### ${escapeMarkdown(execution.policy)}`, '', ...lines]
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => (cell === '---' ? cell : escapeMarkdown(cell))).join(' | ')} |`
}

/** Names and messages come from elsewhere: no link, no HTML, no new column. */
function escapeMarkdown(text: string): string {
  return printable(text).replace(/[\\`*_[\]<>|~#]/g, '\\$&')
}
