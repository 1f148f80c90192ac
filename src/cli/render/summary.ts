/** The blocks that `run` prints: heading, a line for each stage, failed tasks, the end. */

import type { Stage } from '../../core/events.ts'
import type { Execution } from '../../core/execution.ts'
import { type Policy, routesOf } from '../../core/policy.ts'
import type { Colors } from './colors.ts'
import { formatDuration, printable } from './format.ts'
import type { Heading } from './view.ts'

/** Where a stage line ends, in columns, where there is room. */
const LINE_WIDTH = 86

/** `base-images  hub → harbor/mirror`. */
export function headingLine(heading: Heading, colors: Colors): string {
  return `${colors.bold(printable(heading.policy))}  ${printable(heading.source)} → ${printable(heading.destination)}\n`
}

/** `prepare   2 registries reachable · …`; the rate at the end of what was transferred stands at the right edge. */
export function stageLine(stage: Stage, text: string, colors: Colors, columns = Number.POSITIVE_INFINITY): string {
  const { said, rate: right = '' } = splitRate(printable(text))
  const left = `${stage.padEnd(8)}  ${said}`
  const room = Math.min(LINE_WIDTH, columns - 1) - left.length
  const line = right ? left + right.padStart(Math.max(room, right.length + 2)) : left
  return `${colors.cyan(line.slice(0, 8))}${line.slice(8)}\n`
}

/** The rate at the end of what a stage says, apart from the rest. */
export function splitRate(text: string): { readonly said: string; readonly rate?: string | undefined } {
  const [, said = text, rate] = /^(.*\S) {2,}(\S+ \S+\/s)$/.exec(text) ?? []
  return { said, rate }
}

/** `Execution 42 succeeded in 2.4 s` and its counts. */
export function executionSummary(execution: Execution, colors: Colors): string {
  // The end of an execution whose process died is unknown.
  const isKnown = execution.duration_ms !== null && execution.status !== 'interrupted'
  const took = isKnown ? ` in ${formatDuration(execution.duration_ms)}` : ''
  const paint =
    execution.status === 'succeeded' ? colors.green : execution.status === 'failed' ? colors.red : colors.yellow
  const counts = [
    `total ${execution.total}`,
    ...counted('succeeded', execution.succeed),
    ...counted('failed', execution.failed),
    ...counted('in progress', execution.in_progress),
    ...counted('stopped', execution.stopped),
    ...counted('skipped', execution.skipped),
    ...counted('unchanged', execution.unchanged),
  ]
  const lines = [`${colors.bold(`Execution ${execution.id}`)} ${paint(statusWords(execution.status))}${took}`]
  lines.push(`  ${counts.join(' · ')}`)
  const left = leftBehind(execution.left_behind)
  if (left !== undefined) lines.push(`  ${left}`)
  return lines.map((line) => `${line}\n`).join('')
}

function counted(word: string, amount: number): readonly string[] {
  return amount > 0 ? [`${word} ${amount}`] : []
}

/** `left behind 20 · tag 12 · min_age 8`; undefined where that is nothing. */
export function leftBehind(counts: Execution['left_behind']): string | undefined {
  const parts = Object.entries(counts).sort(([one, a], [other, b]) => b - a || (one < other ? -1 : 1))
  if (parts.length === 0) return undefined
  const sum = parts.reduce((all, [, amount]) => all + amount, 0)
  return [`left behind ${sum}`, ...parts.map(([reason, amount]) => `${printable(reason)} ${amount}`)].join(' · ')
}

export function statusWords(status: string): string {
  return status.replaceAll('_', ' ')
}

/** The status may be padded. */
export function paintStatus(text: string, colors: Colors): string {
  const status = text.trim()
  if (status === 'succeeded') return colors.green(text)
  if (status === 'failed' || status === 'interrupted') return colors.red(text)
  return colors.yellow(text)
}

/** A policy's own heading: `hub → harbor/mirror`. */
export function headingOf(policy: Policy): Heading {
  const places = routesOf(policy).map(({ destination: { registry, repository, namespace } }) => {
    const path = repository ?? namespace
    return path === undefined ? registry : `${registry}/${path}`
  })
  return { policy: policy.name, source: policy.source.registry, destination: places.join(', ') }
}
