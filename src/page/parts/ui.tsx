/** Small things that every screen is made of. */

import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { Refused } from '../api.ts'
import { clock, relative, words } from '../format.ts'
import { useNow } from './now.ts'

export function Status({ status }: { readonly status: string }) {
  return <span class={`status ${status}`}>{words(status)}</span>
}

/** The time since, with the exact one behind it; it grows by itself. */
export function Ago({ time }: { readonly time: string | null | undefined }) {
  const now = useNow(10_000)
  if (!time) return <span class="dim">never</span>
  return (
    <time dateTime={time} title={clock(time)}>
      {relative(time, now)}
    </time>
  )
}

/** What was refused, with its hint and every wrong field. */
export function Complaint({ error }: { readonly error: unknown }) {
  if (error === undefined) return null
  const message = error instanceof Error ? error.message : String(error)
  const problem = error instanceof Refused ? error.problem : { message, hint: undefined, errors: undefined }
  const errors = problem.errors ?? []
  return (
    <div class="complaint" role="alert">
      {errors.length > 1 ? (
        <ul>
          {errors.map(({ message, hint }) => (
            <li key={message}>
              {message}
              {hint ? <em> {hint}</em> : null}
            </li>
          ))}
        </ul>
      ) : (
        <p>{problem.message}</p>
      )}
      {problem.hint ? <p class="hint">{problem.hint}</p> : null}
    </div>
  )
}

interface ButtonProps {
  readonly children: ComponentChildren
  readonly onClick: () => unknown
  readonly kind?: 'primary' | 'danger' | 'plain'
  /** Why it cannot be used now. */
  readonly not?: string | undefined
  readonly label?: string
  /** Enter in a field of its form does it, too. */
  readonly submits?: boolean
}

/** Is busy until what it does has ended. */
export function Button({ children, onClick, kind = 'plain', not, label, submits = false }: ButtonProps) {
  const [busy, setBusy] = useState(false)
  const alive = useAlive()
  return (
    <button
      type={submits ? 'submit' : 'button'}
      class={kind}
      title={not}
      aria-label={label}
      disabled={busy || not !== undefined}
      onClick={async (event) => {
        event.preventDefault()
        setBusy(true)
        try {
          await onClick()
        } finally {
          if (alive.current) setBusy(false)
        }
      }}
    >
      {children}
    </button>
  )
}

export function useAlive(): { readonly current: boolean } {
  const alive = useRef(true)
  useEffect(() => {
    alive.current = true
    return () => {
      alive.current = false
    }
  }, [])
  return alive
}

interface FieldProps {
  readonly label: string
  readonly value: string
  readonly onInput: (value: string) => void
  readonly hint?: ComponentChildren
  readonly type?: 'text' | 'password'
  readonly placeholder?: string
  readonly required?: boolean
}

export function Field({ label, value, onInput, hint, type = 'text', placeholder, required }: FieldProps) {
  const id = useId()
  const common = {
    id,
    value,
    placeholder,
    required,
    autocomplete: 'off',
    spellcheck: false,
    'aria-describedby': hint ? `${id}-hint` : undefined,
    onInput: (event: { readonly currentTarget: HTMLInputElement }) => onInput(event.currentTarget.value),
  } as const
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {type === 'password' ? <input type="password" {...common} /> : <input type="text" {...common} />}
      {hint ? (
        <small id={`${id}-hint`} class="dim">
          {hint}
        </small>
      ) : null}
    </div>
  )
}

interface ChoiceProps<T extends string> {
  readonly label: string
  readonly value: T
  readonly options: readonly (readonly [value: T, text: string])[]
  readonly onChange: (value: T) => void
  readonly hint?: ComponentChildren
}

export function Choice<T extends string>({ label, value, options, onChange, hint }: ChoiceProps<T>) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {options.map(([one, text]) => (
          <option key={one} value={one} selected={one === value}>
            {text}
          </option>
        ))}
      </select>
      {hint ? <small class="dim">{hint}</small> : null}
    </div>
  )
}

interface SwitchProps {
  readonly label: string
  readonly on: boolean
  readonly onChange: (on: boolean) => unknown
  readonly not?: string | undefined
  /** The label is only read aloud. */
  readonly quiet?: boolean
}

export function Switch({ label, on, onChange, not, quiet = false }: SwitchProps) {
  return (
    <label class="switch" title={not}>
      <input
        type="checkbox"
        role="switch"
        checked={on}
        aria-checked={on}
        disabled={not !== undefined}
        aria-label={quiet ? label : undefined}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      {quiet ? null : label}
    </label>
  )
}

/** Folded away until it is opened; `open`: it is from the beginning. */
export function Fold({ title, open, children }: FoldProps) {
  const [isOpen, set] = useState(open)
  return (
    <details class="folded" open={isOpen} onToggle={(event) => set(event.currentTarget.open)}>
      <summary>{title}</summary>
      {isOpen ? <div>{children}</div> : null}
    </details>
  )
}

interface FoldProps {
  readonly title: string
  readonly open: boolean
  readonly children: ComponentChildren
}

/** How much of it is done, from 0 to 1. */
export function Bar({ part, label }: { readonly part: number; readonly label: string }) {
  return <progress max={1} value={Math.min(1, Math.max(0, part))} aria-label={label} />
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

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
                <td key={at} class={columns[at]?.class}>
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

interface DialogProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}

/** Escape closes it, and the focus goes back to where it was. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    ref.current?.showModal()
  }, [])
  return (
    <dialog
      ref={ref}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  )
}
