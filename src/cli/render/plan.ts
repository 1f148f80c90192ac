/** A plan as people read it. */

import type { PlannedAction, PolicyPlan } from '../../app.ts'
import { parseDigest, shortDigest } from '../../core/descriptor.ts'
import { formatBytes } from '../../core/size.ts'
import type { Colors } from './colors.ts'
import { plural, printable } from './format.ts'
import { headingLine } from './summary.ts'

const SIGNS = { copy: '+', update: '~', delete: '-', keep: '!', blocked: '✗' } as const
const GAP = '    '

/** Heading, a line for each action, what is unchanged, the counts; explanations where the plan has some. */
export function renderPlan(plan: PolicyPlan, colors: Colors): string {
  const rows = plan.actions.map((action) => rowOf(action, plan))
  const names = widest(rows, (row) => row.source)
  const targets = widest(rows, (row) => (row.source === '' ? '' : row.destination))
  const alone = widest(rows, (row) => (row.source === '' ? row.destination : ''))
  const whole = Math.max(names + ' → '.length + targets, alone)
  const sizes = widest(rows, (row) => row.size)
  const layers = widest(rows, (row) => row.layers)
  const lines = rows.flatMap((row) => {
    const place = row.source === '' ? row.destination : `${row.source.padEnd(names)} → ${row.destination}`
    const size = row.size === '' ? '' : `${row.size.padStart(sizes)}${row.layers.padEnd(layers)}   `
    const line = `  ${row.sign} ${place.padEnd(whole)}${GAP}${size}${row.remark}`.trimEnd()
    const painted = paint(row.action, line, colors)
    return row.hint === '' ? [painted] : [painted, `    ${row.hint}`]
  })
  if (plan.unchanged > 0) lines.push(`  = ${plural(plan.unchanged, 'tag')} unchanged`)
  for (const { kept, resource, rule } of plan.explanations) {
    lines.push(colors.dim(`  ${kept ? 'kept   ' : 'dropped'} ${printable(resource)}  ${printable(rule)}`))
  }
  for (const warning of plan.warnings) lines.push(colors.yellow(`  ! ${printable(warning)}`))
  return [headingLine(plan, colors), ...[...lines, totals(plan)].map((line) => `${line}\n`)].join('')
}

/** True where `run` would have something to do. */
export function hasWork(plan: PolicyPlan): boolean {
  return plan.actions.some((action) => action.action !== 'keep')
}

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

/** Not `Math.max` of them all: there may be more rows than a call takes arguments. */
function widest(rows: readonly Row[], cell: (row: Row) => string): number {
  return rows.reduce((most, row) => Math.max(most, cell(row).length), 0)
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

/** The heading says which registry; `place` is the heading's `REGISTRY/NAMESPACE`. */
function withoutRegistry(resource: string, place: string): string {
  const registry = place.split('/')[0] ?? ''
  const rest = resource.startsWith(`${registry}/`) ? resource.slice(registry.length + 1) : resource
  return printable(rest)
}

/** `1 to add, 1 to change, 1 to delete, 1 kept, 58 unchanged; 15.5 MiB to copy`. */
function totals(plan: PolicyPlan): string {
  const count = (kind: PlannedAction['action']): number => plan.actions.filter(({ action }) => action === kind).length
  const parts = [
    [count('copy'), 'to add'],
    [count('update'), 'to change'],
    [count('delete'), 'to delete'],
    [count('keep'), 'kept'],
    [count('blocked'), 'blocked'],
    [plan.unchanged, 'unchanged'],
  ] as const
  const text = parts.flatMap(([amount, word]) => (amount > 0 ? [`${amount} ${word}`] : [])).join(', ')
  const known = plan.actions.flatMap(({ bytes_to_copy: bytes }) => (bytes === null ? [] : [bytes]))
  const sum = known.length > 0 ? `; ${formatBytes(known.reduce((total, bytes) => total + bytes, 0))} to copy` : ''
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
