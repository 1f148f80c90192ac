/** Plain columns that fit a width: no borders, two spaces between. */

import { type Colors, colorsFor } from './colors.ts'
import { printable, truncate } from './format.ts'

export interface Column {
  readonly title: string
  /** What stands at the right is never cut. */
  readonly align?: 'left' | 'right'
  /** May be left out where the width is too small; the highest number goes first. */
  readonly leave?: number
  /** Paints a cell that is already padded, so that escape sequences never count as width. */
  readonly paint?: (text: string) => string
}

const GAP = '  '
const NARROWEST = 8
/** A column of text is left out before another one is cut below this. */
const READABLE = 20

/**
 * The table's lines, each ended. Cells are made printable. Where the width (in columns; Infinity for none) is too small, columns are left
 * out, then the widest are cut with an ellipsis.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
  colors: Colors = colorsFor(false),
): string {
  return [...tablePieces(columns, rows, width, colors, rows.length)].join('')
}

/** Rows that the widths of a long table are taken from. */
const SAMPLE = 1000

/** The same for any number of rows: the first of them say how wide the columns are. */
export function* tablePieces(
  columns: readonly Column[],
  rows: Iterable<readonly string[]>,
  width: number,
  colors: Colors = colorsFor(false),
  sample = SAMPLE,
): Generator<string> {
  const table = tableOf(columns, width, colors, sample)
  for (const row of rows) yield table.add(row)
  yield table.end()
}

/** A table whose rows come one by one: what each of them adds to the text. */
export interface Table {
  add(row: readonly string[]): string
  end(): string
}

export function tableOf(columns: readonly Column[], width: number, colors: Colors, sample = SAMPLE): Table {
  const first: (readonly string[])[] = []
  let layout: Layout | undefined
  const begin = (): string => {
    const made = layoutOf(columns, first, width)
    layout = made
    const titles = columns.map((column) => column.title)
    const title = `${colors.bold(rowLine(titles, { ...made, painted: false }).slice(0, -1))}\n`
    return title + first.map((cells) => rowLine(cells, made)).join('')
  }
  return {
    add(row) {
      const cells = columns.map((_, index) => printable(row[index] ?? ''))
      if (layout) return rowLine(cells, layout)
      first.push(cells)
      return first.length < sample ? '' : begin()
    },
    end: () => (layout ? '' : begin()),
  }
}

interface Layout {
  readonly columns: readonly { readonly column: Column; readonly index: number; readonly width: number }[]
  /** Too long cells are cut: the width is not endless. */
  readonly cut: boolean
  readonly painted: boolean
}

function layoutOf(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): Layout {
  const natural = columns.map((column, index) =>
    rows.reduce((widest, row) => Math.max(widest, row[index]?.length ?? 0), column.title.length),
  )
  let kept = columns.map((column, index) => ({ column, index, width: natural[index] ?? 0 }))
  const least = (): number =>
    kept.reduce((sum, one) => sum + (one.column.align === 'right' ? one.width : Math.min(one.width, READABLE)), 0) +
    GAP.length * (kept.length - 1)
  while (least() > width) {
    const leave = kept.reduce((most, { column }) => Math.max(most, column.leave ?? 0), 0)
    if (leave === 0) break
    kept = kept.filter(({ column }) => column.leave !== leave)
  }
  const widths = fit(
    kept.map((one) => one.width),
    width - GAP.length * (kept.length - 1),
  )
  return {
    columns: kept.map((one, at) => ({ ...one, width: widths[at] ?? 0 })),
    cut: width !== Number.POSITIVE_INFINITY,
    painted: true,
  }
}

function rowLine(cells: readonly string[], { columns, cut, painted }: Layout): string {
  const line = columns
    .map(({ column, index, width }, at) => {
      const cell = cells[index] ?? ''
      const shown = cut && column.align !== 'right' ? truncate(cell, width) : cell
      const padded = pad(shown, width, column.align ?? 'left', at === columns.length - 1)
      return painted && column.paint ? column.paint(padded) : padded
    })
    .join(GAP)
    .trimEnd()
  return `${line}\n`
}

function pad(text: string, width: number, align: 'left' | 'right', last: boolean): string {
  if (align === 'right') return text.padStart(width)
  return last ? text : text.padEnd(width)
}

/** Takes columns away from the widest until the sum fits, or nothing more can be taken. */
function fit(natural: readonly number[], available: number): readonly number[] {
  const widths = [...natural]
  let excess = widths.reduce((sum, width) => sum + width, 0) - available
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths))
    const current = widths[widest] ?? 0
    if (current <= NARROWEST) break
    widths[widest] = current - 1
    excess -= 1
  }
  return widths
}

/** One object as `name  value` lines; objects inside become `outer.inner`, absent values are left out. */
export function renderFields(fields: object, colors: Colors = colorsFor(false)): string {
  // As JSON has them: a secret gives what stands for it.
  const lines = flatten(JSON.parse(JSON.stringify(fields)), '')
  const widest = Math.max(0, ...lines.map(([name]) => name.length))
  return lines.map(([name, value]) => `${colors.cyan(name.padEnd(widest))}  ${value}`.trimEnd().concat('\n')).join('')
}

function flatten(fields: object, prefix: string): readonly (readonly [string, string])[] {
  return Object.entries(fields).flatMap(([key, value]: [string, unknown]): readonly (readonly [string, string])[] => {
    const name = prefix + key
    if (value === undefined || value === null) return []
    if (Array.isArray(value)) {
      return value.length === 0 ? [] : [[name, printable(value.map(scalar).join(', '))]]
    }
    if (typeof value === 'object') return flatten(value, `${name}.`)
    return [[name, printable(scalar(value))]]
  })
}

function scalar(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
