/** What forms are made of. */

import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'

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
