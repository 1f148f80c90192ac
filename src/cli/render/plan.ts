/** A plan as people read it. */

import type { PlannedAction, PolicyPlan } from '../../app/app.ts'
import { isLayoutPlace } from '../../config/hosts.ts'
import { parseDigest, shortDigest } from '../../core/descriptor.ts'
import { formatBytes } from '../../core/size.ts'
import type { Colors } from './colors.ts'
import { plural, printable } from './format.ts'
import { headingLine, leftBehind } from './summary.ts'
import { wrapLines } from './wrap.ts'

const SIGNS = { copy: '+', update: '~', delete: '-', keep: '!', blocked: '✗' } as const
const GAP = '    '
const REMARK_GAP = '   '

/** Heading, a line for each action, what is unchanged, the counts; explanations where the plan has some. In pieces, as there may be very
 *  many actions: they are read twice, first for the width of the columns and the counts. `columns`: of the terminal. */
export function* renderPlan(plan: PolicyPlan, colors: Colors, columns = Number.POSITIVE_INFINITY): Generator<string> {
  const widths: Widths = { source: 0, destination: 0, alone: 0, size: 0, layers: 0, remark: 0 }
  const tally: Tally = { copy: 0, update: 0, delete: 0, keep: 0, blocked: 0, bytes: undefined }
  const platforms = commonPlatforms(plan)
  for (const action of plan.actions) {
    const row = rowOf(action, plan, platforms)
    widths.source = Math.max(widths.source, row.source.length)
    const place = row.source === '' ? 'alone' : 'destination'
    widths[place] = Math.max(widths[place], row.destination.length)
    widths.size = Math.max(widths.size, row.size.length)
    widths.layers = Math.max(widths.layers, row.layers.length)
    // What is blocked says why in a sentence, which may be long.
    if (row.action !== 'blocked') widths.remark = Math.max(widths.remark, row.remark.length)
    tally[action.action] += 1
    if (action.bytes_to_copy !== null) tally.bytes = (tally.bytes ?? 0) + action.bytes_to_copy
  }
  const layout = layoutOf(widths, columns)
  const fitted = (text: string): string => `${wrapLines(text, columns)}\n`
  yield headingLine(plan, colors)
  let chart: string | null = null
  for (const action of plan.actions) {
    const row = rowOf(action, plan, platforms)
    const { named_by } = action
    if (named_by !== null && named_by !== chart) {
      yield fitted(colors.dim(`  = ${withoutRegistry(named_by, plan.source)} is unchanged, its images are not`))
    }
    chart = named_by ?? action.source
    yield `${paint(row.action, wrapLines(lineOf(row, layout, columns), columns), colors)}\n`
    if (row.hint !== '') yield fitted(`    ${row.hint}`)
  }
  if (plan.unchanged > 0) yield `  = ${plural(plan.unchanged, 'tag')} unchanged\n`
  if (platforms !== undefined) yield fitted(colors.dim(`  each for ${printable(platforms)}`))
  for (const { kept, resource, rule } of plan.explanations) {
    yield fitted(colors.dim(`  ${kept ? 'kept   ' : 'dropped'} ${printable(resource)}  ${printable(rule)}`))
  }
  for (const warning of plan.warnings) yield fitted(colors.yellow(`  ! ${printable(warning)}`))
  const left = leftBehind(plan.left_behind)
  if (left !== undefined) yield fitted(colors.dim(`  ${left}`))
  yield fitted(totals(plan, tally))
  if (plan.refused) {
    yield fitted(colors.red(`✗ ${printable(plan.refused.message)}`))
    if (plan.refused.hint !== null) yield fitted(`  ${printable(plan.refused.hint)}`)
  }
}

interface Widths {
  source: number
  destination: number
  /** Of a destination that stands without its source. */
  alone: number
  size: number
  layers: number
  remark: number
}

interface Layout extends Widths {
  /** Of the names. */
  readonly place: number
  /** Size and remark stand below the names. */
  readonly isStacked: boolean
}

/** Where the terminal is too narrow, first the layers are left out, then the rest stands below the names. */
function layoutOf(widths: Widths, columns: number): Layout {
  const place = Math.max(widths.source + ' → '.length + widths.destination, widths.alone)
  const size = widths.size === 0 ? 0 : widths.size + widths.layers + REMARK_GAP.length
  const whole = '  + '.length + place + GAP.length + size + widths.remark
  if (whole <= columns) return { ...widths, place, isStacked: false }
  if (whole - widths.layers <= columns) return { ...widths, layers: 0, place, isStacked: false }
  return { ...widths, place, isStacked: true }
}

function lineOf(row: Row, { source, place, size, layers, isStacked }: Layout, columns: number): string {
  const names = row.source === '' ? row.destination : `${row.source.padEnd(source)} → ${row.destination}`
  const layersText = layers === 0 ? '' : row.layers.padEnd(layers)
  if (isStacked) {
    const rest = [`${row.size}${row.layers}`, row.remark].filter((text) => text !== '').join(REMARK_GAP)
    const line = `  ${row.sign} ${row.source === '' ? row.destination : `${row.source} → ${row.destination}`}`
    const fitting = line.length <= columns ? line : line.replace(' → ', '\n    → ')
    return rest === '' ? fitting : `${fitting}\n      ${rest}`
  }
  const sizeText = row.size === '' ? '' : `${row.size.padStart(size)}${layersText}${REMARK_GAP}`
  return `  ${row.sign} ${names.padEnd(place)}${GAP}${sizeText}${row.remark}`.trimEnd()
}

/** What all copies of several are for; then it is said once. */
function commonPlatforms(plan: PolicyPlan): string | undefined {
  let common: string | undefined
  let copies = 0
  for (const { action, resource_type: type, platforms } of plan.actions) {
    if (action !== 'copy' || type === 'chart') continue
    const own = platforms.join(', ')
    if (own === '' || (common !== undefined && own !== common)) return undefined
    common = own
    copies += 1
  }
  return copies > 1 ? common : undefined
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

function rowOf(action: PlannedAction, plan: PolicyPlan, platforms: string | undefined): Row {
  const { bytes_to_copy: bytes, layers, layers_to_copy: missing } = action
  const copies = action.action === 'copy' || action.action === 'update'
  return {
    action: action.action,
    sign: SIGNS[action.action],
    // Images stand below the chart that names them.
    source:
      action.action === 'delete'
        ? ''
        : `${action.named_by === null ? '' : '  '}${withoutRegistry(action.source, plan.source)}`,
    destination: withoutRegistry(action.destination, plan.destination),
    size: copies && bytes !== null ? formatBytes(bytes) : '',
    layers: copies && layers !== null && missing !== null ? ` in ${missing} of ${plural(layers, 'layer')}` : '',
    remark: printable(
      [remarkOf(action, platforms), referrersOf(action)].filter((text) => text !== '').join(REMARK_GAP),
    ),
    hint: action.action === 'blocked' && action.hint !== null ? printable(action.hint) : '',
  }
}

function remarkOf(action: PlannedAction, platforms: string | undefined): string {
  if (action.action === 'update') {
    const previous = parseDigest(action.previous_digest ?? '')
    return previous ? `was ${shortDigest(previous)}` : (action.reason ?? '')
  }
  if (action.action === 'copy') return platforms === undefined ? action.platforms.join(', ') : ''
  return action.reason ?? ''
}

/** Signatures, SBOMs and whatever else travels with it. */
function referrersOf({ referrers }: PlannedAction): string {
  return referrers === null || referrers === 0 ? '' : `+ ${plural(referrers, 'referrer')}`
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
