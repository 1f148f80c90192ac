/** A plan as people read it. */

import type { PlannedAction, PolicyPlan } from '../../app/app.ts'
import { isLayoutPlace } from '../../config/hosts.ts'
import { parseDigest, shortDigest } from '../../core/descriptor.ts'
import { formatBytes } from '../../core/size.ts'
import type { Colors } from './colors.ts'
import { plural, printable } from './format.ts'
import { headingLine, leftBehind } from './summary.ts'

const SIGNS = { copy: '+', update: '~', delete: '-', keep: '!', blocked: '✗' } as const
const GAP = '    '

/** Heading, a line for each action, what is unchanged, the counts; explanations where the plan has some. In pieces, as there may be very
 *  many actions: they are read twice, first for the width of the columns and the counts. */
export function* renderPlan(plan: PolicyPlan, colors: Colors): Generator<string> {
  const widths = { source: 0, destination: 0, alone: 0, size: 0, layers: 0 }
  const tally: Tally = { copy: 0, update: 0, delete: 0, keep: 0, blocked: 0, bytes: undefined }
  for (const action of plan.actions) {
    const row = rowOf(action, plan)
    widths.source = Math.max(widths.source, row.source.length)
    const place = row.source === '' ? 'alone' : 'destination'
    widths[place] = Math.max(widths[place], row.destination.length)
    widths.size = Math.max(widths.size, row.size.length)
    widths.layers = Math.max(widths.layers, row.layers.length)
    tally[action.action] += 1
    if (action.bytes_to_copy !== null) tally.bytes = (tally.bytes ?? 0) + action.bytes_to_copy
  }
  const whole = Math.max(widths.source + ' → '.length + widths.destination, widths.alone)
  yield headingLine(plan, colors)
  for (const action of plan.actions) {
    const row = rowOf(action, plan)
    const place = row.source === '' ? row.destination : `${row.source.padEnd(widths.source)} → ${row.destination}`
    const size = row.size === '' ? '' : `${row.size.padStart(widths.size)}${row.layers.padEnd(widths.layers)}   `
    const line = `  ${row.sign} ${place.padEnd(whole)}${GAP}${size}${row.remark}`.trimEnd()
    yield `${paint(row.action, line, colors)}\n`
    if (row.hint !== '') yield `    ${row.hint}\n`
  }
  if (plan.unchanged > 0) yield `  = ${plural(plan.unchanged, 'tag')} unchanged\n`
  for (const { kept, resource, rule } of plan.explanations) {
    yield `${colors.dim(`  ${kept ? 'kept   ' : 'dropped'} ${printable(resource)}  ${printable(rule)}`)}\n`
  }
  for (const warning of plan.warnings) yield `${colors.yellow(`  ! ${printable(warning)}`)}\n`
  const left = leftBehind(plan.left_behind)
  if (left !== undefined) yield `${colors.dim(`  ${left}`)}\n`
  yield `${totals(plan, tally)}\n`
  if (plan.refused) {
    yield `${colors.red(`✗ ${printable(plan.refused.message)}`)}\n`
    if (plan.refused.hint !== null) yield `  ${printable(plan.refused.hint)}\n`
  }
}

/** True where `run` would have something to do. */
export function hasWork(plan: PolicyPlan): boolean {
  for (const { action } of plan.actions) if (action !== 'keep') return true
  return false
}

/** How many actions of each kind, and the bytes they copy, as far as that is known. */
type Tally = Record<PlannedAction['action'], number> & { bytes: number | undefined }

interface Row {
  readonly action: PlannedAction['action']
  readonly sign: string
  /** Empty for a delete: there is no source any more. */
  readonly source: string
  readonly destination: string
  /** Empty where nothing is copied or the plan is shallow. */
  readonly size: string
  readonly layers: string
  readonly remark: string
  readonly hint: string
}

function rowOf(action: PlannedAction, plan: PolicyPlan): Row {
  const { bytes_to_copy: bytes, layers, layers_to_copy: missing } = action
  const copies = action.action === 'copy' || action.action === 'update'
  return {
    action: action.action,
    sign: SIGNS[action.action],
    source: action.action === 'delete' ? '' : withoutRegistry(action.source, plan.source),
    destination: withoutRegistry(action.destination, plan.destination),
    size: copies && bytes !== null ? formatBytes(bytes) : '',
    layers: copies && layers !== null && missing !== null ? ` in ${missing} of ${plural(layers, 'layer')}` : '',
    remark: printable(remarkOf(action)),
    hint: action.action === 'blocked' && action.hint !== null ? printable(action.hint) : '',
  }
}

function remarkOf(action: PlannedAction): string {
  if (action.action === 'update') {
    const previous = parseDigest(action.previous_digest ?? '')
    return previous ? `was ${shortDigest(previous)}` : (action.reason ?? '')
  }
  if (action.action === 'copy') return action.platforms.join(', ')
  return action.reason ?? ''
}

/** The heading says which registry; `place` is the heading's `REGISTRY/NAMESPACE`. A path has slashes of its own: all of it goes. */
function withoutRegistry(resource: string, place: string): string {
  const registry = isLayoutPlace(place) ? place : (place.split('/')[0] ?? '')
  const rest = resource.startsWith(`${registry}/`) ? resource.slice(registry.length + 1) : resource
  return printable(rest)
}

/** `1 to add, 1 to change, 1 to delete, 1 kept, 58 unchanged; 15.5 MiB to copy`. */
function totals(plan: PolicyPlan, tally: Tally): string {
  const parts = [
    [tally.copy, 'to add'],
    [tally.update, 'to change'],
    [tally.delete, 'to delete'],
    [tally.keep, 'kept'],
    [tally.blocked, 'blocked'],
    [plan.unchanged, 'unchanged'],
  ] as const
  const text = parts.flatMap(([amount, word]) => (amount > 0 ? [`${amount} ${word}`] : [])).join(', ')
  const sum = tally.bytes === undefined ? '' : `; ${formatBytes(tally.bytes)} to copy`
  return hasWork(plan) ? text + sum : `nothing to do${text ? `: ${text}` : ''}`
}

function paint(action: PlannedAction['action'], line: string, colors: Colors): string {
  switch (action) {
    case 'copy':
      return colors.green(line)
    case 'update':
      return colors.yellow(line)
    case 'keep':
      return colors.magenta(line)
    default:
      return colors.red(line)
  }
}
