/** Plain columns that fit a width: no borders, two spaces between. */

import { type Colors, colorsFor } from './colors.ts'
import { printable, truncate } from './format.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** Paints a cell that is already padded, so that escape sequences never count as width. */
  readonly paint?: (text: string) => string
}

const GAP = '  '
const NARROWEST = 8

/**
 * The table's lines, each ended. Cells are made printable. Where the width (in columns; Infinity for none) is too small, the
 * widest columns are cut with an ellipsis.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
  colors: Colors = colorsFor(false),
): string {
  const cells = rows.map((row) => columns.map((_, index) => printable(row[index] ?? '')))
  const widths = fit(
    columns.map((column, index) => Math.max(column.title.length, ...cells.map((row) => row[index]?.length ?? 0))),
    width - GAP.length * (columns.length - 1),
  )
  const line = (row: readonly string[], painted: boolean): string =>
    columns
      .map((column, index) => {
        const cell = truncate(row[index] ?? '', widths[index] ?? 0)
        const padded = pad(cell, widths[index] ?? 0, column.align ?? 'left', index === columns.length - 1)
        return painted && column.paint ? column.paint(padded) : padded
      })
      .join(GAP)
      .trimEnd()
  const titles = columns.map((column) => column.title)
  return [colors.bold(line(titles, false)), ...cells.map((row) => line(row, true))].map((text) => `${text}\n`).join('')
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
