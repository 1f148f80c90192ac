/** Executions as one HTML page that needs nothing else: no network, no other file, and no script to be read. */

import { createHash } from 'node:crypto'
import metadata from '../../../../package.json' with { type: 'json' }
import type { RecordedError } from '../../../core/execution.ts'
import { formatBytes } from '../../../core/size.ts'
import { type FailureGroup, groupFailures } from '../failures.ts'
import { formatDuration, formatRate, plural } from '../format.ts'
import { type Html, html, jsonData, verbatim } from '../html.ts'
import type { ReportedExecution } from '../reported.ts'
import { leftBehind, statusWords } from '../summary.ts'
import { bytesChart, timesChart } from './chart.ts'
import { logList, taskList } from './list.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'

/** `now` in milliseconds since 1970. */
export function renderReport(executions: readonly ReportedExecution[], now: number): string {
  const names = [...new Set(executions.map(({ execution }) => execution.policy))]
  const title = names.length === 1 ? `Replication of ${names[0]}` : 'Replication'
  // Whatever a name or a message may hold, nothing but this style and this script is obeyed, and nothing is fetched.
  const policy = `default-src 'none'; style-src '${hashOf(STYLE)}'; script-src '${hashOf(SCRIPT)}'; img-src data:; base-uri 'none'; form-action 'none'`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${verbatim(STYLE)}</style>
</head>
<body>
<header><h1>Replication report</h1><p>Made ${formatUtc(new Date(now).toISOString())} by <code>replicate</code> ${metadata.version}</p></header>
<main>
${executions.length === 0 ? html`<p class="card none">Nothing ran.</p>` : undefined}${executions.length > 1 ? overview(executions) : undefined}
${executions.map(section)}
</main>
<footer>Times are UTC.</footer>
<script>${verbatim(SCRIPT)}</script>
</body>
</html>
`.html
}

function overview(executions: readonly ReportedExecution[]): Html {
  const rows = executions.map(
    ({
      execution,
    }) => html`<tr><td>${pill(execution.status)}</td><td class="names"><a href="#execution-${execution.id}">${execution.policy}</a></td>
<td class="n" data-label="tasks">${execution.total}</td><td class="n" data-label="failed">${execution.failed}</td><td class="n" data-label="copied">${formatBytes(execution.bytes_copied)}</td><td class="n" data-label="took">${took(execution.duration_ms)}</td></tr>`,
  )
  return html`<div class="card"><table class="stack"><thead><tr><th>Result</th><th>Policy</th><th class="n">Tasks</th><th class="n">Failed</th><th class="n">Copied</th><th class="n">Took</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

function section(reported: ReportedExecution): Html {
  const { execution, tasks, heading } = reported
  const { id } = execution
  const taskRows = taskList(reported)
  const logRows = logList(reported)
  const left = leftBehind(execution.left_behind)
  return html`<section id="execution-${id}" data-id="${id}">
<div class="head"><h2>${execution.policy}</h2>${pill(execution.status)}</div>
${heading ? html`<p class="route">${heading.source} → ${heading.destination}</p>` : undefined}
<p class="when">Execution ${id} · ${execution.trigger} · ${formatUtc(execution.start_time)}${execution.duration_ms === null ? '' : ` · ${formatDuration(execution.duration_ms)}`}</p>
${execution.error ? html`<div class="card">${errorBlock(execution.error)}</div>` : undefined}
${tiles(reported)}
${shares(reported)}
${left === undefined ? undefined : html`<p class="note">${left}</p>`}
<div class="two"><div class="card"><h3>Bytes over time</h3>${bytesChart(execution, tasks)}</div>
<div class="card"><h3>Task times</h3>${timesChart(tasks)}</div></div>
${errors(reported)}
${taskRows.html}
${logRows.html}
<script type="application/json" id="data-${id}">${jsonData({ tasks: taskRows.rows, logs: logRows.rows })}</script>
</section>`
}

function tiles({ execution, logs }: ReportedExecution): Html {
  const { total, succeed, failed, in_progress, stopped, skipped, unchanged, duration_ms } = execution
  const whole = duration_ms ? formatRate((execution.bytes_copied * 1000) / duration_ms) : undefined
  const rate = logs?.rate ?? whole
  const shown: readonly (readonly [value: string | number | undefined, label: string, className?: string])[] = [
    [total, 'tasks'],
    [succeed, 'succeeded'],
    [failed, 'failed', failed > 0 ? 'failed' : ''],
    [in_progress || undefined, 'in progress'],
    [stopped || undefined, 'stopped'],
    [skipped || undefined, 'skipped'],
    [unchanged, 'unchanged'],
    [formatBytes(execution.bytes_copied), 'copied'],
    [execution.bytes_mounted ? formatBytes(execution.bytes_mounted) : undefined, 'mounted'],
    [execution.bytes_present ? formatBytes(execution.bytes_present) : undefined, 'already there'],
    [execution.bytes_copied > 0 ? rate : undefined, 'on average'],
  ]
  const made = shown.flatMap(([value, label, className = '']) =>
    value === undefined
      ? []
      : [
          html`<div class="tile ${className}"><b>${typeof value === 'number' ? value.toLocaleString('en') : value}</b><span>${label}</span></div>`,
        ],
  )
  return html`<div class="tiles">${made}</div>`
}

/** How the tasks ended, as parts of one bar. */
function shares({ execution: { total, succeed, failed } }: ReportedExecution): Html | undefined {
  if (total === 0) return undefined
  const good = (succeed * 100) / total
  const bad = (failed * 100) / total
  const label = `${succeed} of ${total} tasks succeeded, ${failed} failed`
  return html`<svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="${label}"><title>${label}</title><rect class="succeeded" width="${good}" height="1"/><rect class="failed" x="${good}" width="${bad}" height="1"/><rect class="other" x="${good + bad}" width="${Math.max(0, 100 - good - bad)}" height="1"/></svg>`
}

/** More errors than these, and more tasks of one error, stand with their tasks only. */
const MOST_ERRORS = 50
const MOST_NAMES = 5

/** What failed for one reason stands together, what hit most tasks first. */
function errors({ execution, tasks }: ReportedExecution): Html | undefined {
  const sorted = groupFailures(tasks)
  if (sorted.length === 0) return undefined
  const blocks = sorted.slice(0, MOST_ERRORS).map((group) => errorBlock(group.error, group))
  const more =
    sorted.length > MOST_ERRORS
      ? html`<p class="note">These are ${MOST_ERRORS} of ${sorted.length.toLocaleString('en')} different errors; each stands with its task below, and in <code>replicate executions show ${execution.id} --failed</code>.</p>`
      : undefined
  return html`<div class="card"><h3>Errors</h3>${blocks}${more}</div>`
}

/** Of several tasks: how many and where, and the first one's message as an example. */
function errorBlock({ message, hint }: RecordedError, group?: FailureGroup): Html {
  const { title = message, tasks = [] } = group ?? {}
  const names = tasks
    .slice(0, MOST_NAMES)
    .map(
      ({ id, src_resource, dest_resource }) =>
        html`<li><code>${src_resource} → ${dest_resource}</code> (task ${id})</li>`,
    )
  const more =
    tasks.length > MOST_NAMES
      ? html`<li class="hint">and ${plural(tasks.length - MOST_NAMES, 'more task', 'more tasks')}</li>`
      : undefined
  return html`<div class="error"><b>${title}</b>${title.startsWith(message) ? undefined : html`<p>${message}</p>`}${hint ? html`<p class="hint">${hint}</p>` : undefined}<ul>${names}${more}</ul></div>`
}

function pill(status: string): Html {
  return html`<span class="pill ${status}">${statusWords(status)}</span>`
}

function took(milliseconds: number | null): string {
  return milliseconds === null ? '' : formatDuration(milliseconds)
}

/** `2026-05-01 12:00:00 UTC`. */
function formatUtc(time: string): string {
  return `${time.slice(0, 19).replace('T', ' ')} UTC`
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
