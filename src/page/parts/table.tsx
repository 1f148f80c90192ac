/** Lists: a table, and the pages of a long one. */

import type { ComponentChildren, JSX } from 'preact'

interface ColumnProps {
  readonly title: string
  readonly class?: string
}

interface TableProps<T> {
  readonly label: string
  readonly columns: readonly ColumnProps[]
  readonly rows: readonly T[] | undefined
  readonly keyOf: (row: T) => string | number
  readonly cells: (row: T) => readonly ComponentChildren[]
  readonly rowClass?: (row: T) => string
  readonly empty?: string
}

export function Table<T>({ label, columns, rows, keyOf, cells, rowClass, empty = 'nothing' }: TableProps<T>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="table" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map(({ title, class: name }) => (
              <th key={title} scope="col" class={name}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows?.map((row) => (
            <tr key={keyOf(row)} class={rowClass?.(row)}>
              {cells(row).map((cell, at) => (
                <td key={at} class={columns[at]?.class} data-title={columns[at]?.title}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows === undefined ? <p class="dim pad">loading…</p> : rows.length === 0 ? <p class="dim pad">{empty}</p> : null}
    </section>
  )
}

interface PagesProps {
  readonly page: number
  readonly size: number
  readonly total: number
  readonly onPage: (page: number) => void
}

export function Pages({ page, size, total, onPage }: PagesProps) {
  const last = Math.max(1, Math.ceil(total / size))
  if (last === 1) return null
  const button = (text: string, to: number, off: boolean): JSX.Element => (
    <button type="button" class="plain" disabled={off} onClick={() => onPage(to)}>
      {text}
    </button>
  )
  return (
    <nav class="pages" aria-label="Pages">
      {button('First', 1, page === 1)}
      {button('Back', page - 1, page === 1)}
      <span>
        page {page.toLocaleString('en')} of {last.toLocaleString('en')}
      </span>
      {button('Next', page + 1, page >= last)}
      {button('Last', last, page >= last)}
    </nav>
  )
}
