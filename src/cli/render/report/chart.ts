/** Charts of the HTML report as inline SVG: bytes over time, and how long tasks took. Shapes are stretched, texts stand beside them. */

import type { Execution, Task } from '../../../core/execution.ts'
import { formatBytes } from '../../../core/size.ts'
import { formatDuration, formatRate, plural } from '../format.ts'
import { type Html, html } from '../html.ts'

const STEPS = 60
const WIDTH = 600
const HEIGHT = 200

/** Copied bytes over time. Only the start and end of a task are known, so its bytes are spread evenly between them. */
export function bytesChart(execution: Execution, tasks: readonly Task[]): Html {
  const moved = tasks.flatMap(({ start_time, end_time, bytes_copied: bytes }) =>
    start_time && end_time && bytes > 0 ? [{ start: Date.parse(start_time), end: Date.parse(end_time), bytes }] : [],
  )
  if (moved.length === 0) return html`<p class="none">No task has copied anything.</p>`
  const begin = Date.parse(execution.start_time)
  const end = moved.reduce((last, task) => Math.max(last, task.end), Date.parse(execution.end_time ?? '') || begin + 1)
  const step = Math.max(1, end - begin) / STEPS
  const sums = Array.from({ length: STEPS + 1 }, () => 0)
  for (const { start, end: until, bytes } of moved) {
    const first = Math.max(0, Math.floor((start - begin) / step))
    const last = Math.min(STEPS - 1, Math.floor((until - begin) / step))
    const length = Math.max(1, until - start)
    let spread = 0
    for (let at = first; at < last; at += 1) {
      const share = (bytes * Math.max(0, begin + (at + 1) * step - Math.max(start, begin + at * step))) / length
      sums[at + 1] = (sums[at + 1] ?? 0) + share
      spread += share
    }
    sums[last + 1] = (sums[last + 1] ?? 0) + bytes - spread
  }
  const rates = sums.map((bytes) => (bytes * 1000) / step)
  for (let at = 1; at <= STEPS; at += 1) sums[at] = (sums[at] ?? 0) + (sums[at - 1] ?? 0)
  const most = roundBytes(sums.at(-1) ?? 0)
  const x = (at: number): number => round((at * WIDTH) / STEPS)
  const points = sums.map((bytes, at) => `${x(at)},${round(HEIGHT - (bytes * HEIGHT) / most)}`)
  const steps = sums.slice(1).map((bytes, at) => {
    const title = `${formatDuration((at + 1) * step)}: ${formatBytes(bytes)}, ${formatRate(rates[at + 1] ?? 0)}`
    return html`<rect x="${x(at)}" y="0" width="${round(WIDTH / STEPS)}" height="${HEIGHT}"><title>${title}</title></rect>`
  })
  return html`<div class="chart">
<div class="y"><span>${formatBytes(most)}</span><span>${formatBytes(most / 2)}</span><span>0</span></div>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${formatBytes(sums.at(-1) ?? 0)} copied in ${formatDuration(end - begin)}">
<path class="grid" d="M0 1H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 1}H${WIDTH}"/>
<polygon points="0,${HEIGHT} ${points.join(' ')} ${WIDTH},${HEIGHT}"/><polyline points="${points.join(' ')}"/><g>${steps}</g></svg>
<div class="x"><span>0</span><span>${formatDuration((end - begin) / 2)}</span><span>${formatDuration(end - begin)}</span></div>
</div>
<p class="note">Each task’s bytes are spread evenly over its time.</p>`
}

/** Where a group of task times ends, in milliseconds. */
const BOUNDS = [100, 300, 1000, 3000, 10_000, 30_000, 120_000, 600_000, 3_600_000, Number.POSITIVE_INFINITY] as const

/** How many tasks took how long; those that failed in their own colour. */
export function timesChart(tasks: readonly Task[]): Html {
  const timed = tasks
    .flatMap((task) => {
      const took = tookOf(task)
      return took === undefined ? [] : [{ task, took }]
    })
    .sort((a, b) => a.took - b.took)
  const slowest = timed.at(-1)
  if (!slowest) return html`<p class="none">No task has run.</p>`
  const groups = BOUNDS.map((bound, at) => {
    const from = BOUNDS[at - 1] ?? 0
    const label = bound === Number.POSITIVE_INFINITY ? `over ${formatBound(from)}` : `up to ${formatBound(bound)}`
    return { label, failed: 0, others: 0 }
  })
  for (const { task, took } of timed) {
    const group = groups[BOUNDS.findIndex((bound) => took <= bound)]
    if (!group) continue
    if (task.status === 'failed') group.failed += 1
    else group.others += 1
  }
  const used = groups.flatMap((group, at) => (group.failed + group.others > 0 ? [at] : []))
  const shown = groups.slice(used[0], (used.at(-1) ?? 0) + 1)
  const most = shown.reduce((largest, { failed, others }) => Math.max(largest, failed + others), 1)
  const rows = shown.map(({ label, failed, others }) => {
    const title = `${label}: ${plural(failed + others, 'task')}${failed > 0 ? `, ${failed} failed` : ''}`
    return html`<div class="row"><span>${label}</span><svg viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="${title}"><title>${title}</title><rect class="base" width="100" height="1"/><rect width="${round((others * 100) / most)}" height="1"/><rect class="failed" x="${round((others * 100) / most)}" width="${round((failed * 100) / most)}" height="1"/></svg><b>${(failed + others).toLocaleString('en')}</b></div>`
  })
  const at = (share: number): string => formatDuration(timed[Math.floor((timed.length - 1) * share)]?.took ?? 0)
  return html`<div class="bars">${rows}</div>
<p class="note">Half of them took up to ${at(0.5)}, 95 % up to ${at(0.95)}, the slowest ${formatDuration(slowest.took)}: <code>${slowest.task.dest_resource}</code></p>`
}

/** In milliseconds; undefined for a task that has not both begun and ended. */
export function tookOf({ start_time, end_time }: Task): number | undefined {
  return start_time && end_time ? Math.max(0, Date.parse(end_time) - Date.parse(start_time)) : undefined
}

function formatBound(milliseconds: number): string {
  return formatDuration(milliseconds).replace(/\.0\b/, '')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

const ROUND = [1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 30, 40, 60, 80, 100, 120, 140, 160, 200, 300, 400, 600, 800, 1024]

/** The next size whose half reads well, too. */
function roundBytes(bytes: number): number {
  let unit = 1
  while (bytes > unit * 1024) unit *= 1024
  return (ROUND.find((value) => value * unit >= bytes) ?? 1024) * unit
}
