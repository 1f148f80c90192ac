/** Tasks and log lines of the HTML report: the first of them as markup, all of them as data for its script. */

import type { Task } from '../../../core/execution.ts'
import { formatBytes } from '../../../core/size.ts'
import { TASK_MOVES } from '../../../core/states.ts'
import type { LogLine } from '../../../history/history.ts'
import { formatDuration, printable } from '../format.ts'
import { type Html, html } from '../html.ts'
import type { ReportedExecution } from '../reported.ts'
import { statusWords } from '../summary.ts'
import { tookOf } from './chart.ts'

export interface List {
  readonly html: Html
  readonly rows: readonly (readonly (string | number)[])[]
}

/** Shown at first, and with each click on "more". */
const PAGE = 200
/** A page with more tasks than this is slow to open. */
const MOST_TASKS = 100_000

/** What went wrong comes first. */
const ORDER = ['failed', 'stopped', 'in_progress', 'pending']

export function taskList({ execution, tasks }: ReportedExecution): List {
  const rank = ({ status }: Task): number => (ORDER.indexOf(status) + ORDER.length + 1) % (ORDER.length + 1)
  const sorted = tasks.toSorted((a, b) => rank(a) - rank(b) || a.id - b.id).slice(0, MOST_TASKS)
  const rows = sorted.map(taskRow)
  const counts = Object.keys(TASK_MOVES).flatMap((status) => {
    const count = sorted.reduce((sum, task) => sum + (task.status === status ? 1 : 0), 0)
    return count === 0
      ? []
      : [html`<option value="${status}">${statusWords(status)} (${count.toLocaleString('en')})</option>`]
  })
  const left =
    tasks.length > rows.length
      ? html`<p class="note">This page holds the first ${rows.length.toLocaleString('en')} of ${tasks.length.toLocaleString('en')} tasks, those that failed first; <code>replicate executions show ${execution.id}</code> has all of them.</p>`
      : undefined
  const body = rows.slice(0, PAGE).map(taskMarkup)
  return {
    rows,
    html: html`<div class="card" data-list="tasks" data-page="${PAGE}"><h3>Tasks</h3>
<div class="controls" hidden><input type="search" placeholder="Filter by name or error" aria-label="Filter tasks by name or error"><select aria-label="Status"><option value="">every status</option>${counts}</select></div>
${rows.length === 0 ? html`<p class="none">No tasks.</p>` : undefined}
<table class="stack"${rows.length === 0 ? html` hidden` : undefined}><thead><tr><th>Status</th><th>Source → destination</th><th class="n">Copied</th><th class="n">Attempts</th><th class="n">Took</th><th class="n">Task</th></tr></thead><tbody data-rows>${body}</tbody></table>
${foot(rows.length)}${left}</div>`,
  }
}

export function logList({ execution, logs }: ReportedExecution): List {
  const rows = (logs?.lines ?? []).map(logRow)
  if (rows.length === 0) return { rows, html: html`` }
  const total = logs?.total ?? 0
  const left =
    total > rows.length
      ? html`<p class="note">These are the last ${rows.length.toLocaleString('en')} of ${total.toLocaleString('en')} lines; <code>replicate executions logs ${execution.id}</code> has all of them.</p>`
      : undefined
  const body = rows.slice(0, PAGE).map(logMarkup)
  return {
    rows,
    html: html`<div class="card" data-list="logs" data-page="${PAGE}"><details><summary><h3>Log</h3></summary>
<div class="controls" hidden><input type="search" placeholder="Filter by text or task number" aria-label="Filter log lines"><select aria-label="Level"><option value="">every level</option><option value="warning">warnings and errors</option><option value="error">errors</option></select></div>
<div class="lines" data-rows>${body}</div>
${foot(rows.length)}${left}</details></div>`,
  }
}

/** Without a script it tells what the markup holds. */
function foot(total: number): Html {
  const shown = Math.min(PAGE, total)
  const text = `${shown < total ? `${shown} of ${total.toLocaleString('en')}` : total} shown`
  return html`<p class="count" data-count>${text}</p><button type="button" data-more hidden>Show more</button>`
}

type Row = readonly (string | number)[]

/** As the script's `taskRow` reads it. */
function taskRow(task: Task): Row {
  const took = tookOf(task)
  return [
    task.id,
    task.status,
    task.action === 'delete' ? '' : task.src_resource,
    task.dest_resource,
    formatBytes(task.bytes_copied),
    task.attempts,
    took === undefined ? '' : formatDuration(took),
    ...(task.error ? [task.error.message, task.error.hint ?? ''] : []),
  ]
}

function taskMarkup([id = '', status = '', source, destination = '', bytes, attempts, took, message, hint]: Row): Html {
  return html`<tr><td><span class="pill ${status}">${statusWords(String(status))}</span></td><td class="names">${source ? html`${source} <i>→ </i>` : undefined}${destination}${message ? html`<div class="why">${message}</div>` : undefined}${hint ? html`<div class="hint">${hint}</div>` : undefined}</td><td class="n" data-label="copied">${bytes}</td><td class="n" data-label="attempts">${attempts}</td><td class="n" data-label="took">${took}</td><td class="n" data-label="task">${id}</td></tr>`
}

/** As the script's `logRow` reads it. */
function logRow({ time, level, task_id, text }: LogLine): Row {
  return [time.slice(0, 23).replace('T', ' '), level, task_id ?? '', printable(text)]
}

function logMarkup([time = '', level = '', task, text = '']: Row): Html {
  return html`<div class="line ${level}"><span>${time}  </span><b>${String(level).padEnd(7)}</b>${task ? `  [${task}] ` : '  '}${text}</div>`
}
