/** Fields of the form of a policy. */

import type { ComponentChildren } from 'preact'
import { Choice, Field, Fold } from '../../../parts/form.tsx'
import type { PolicyForm, TextName } from './form.ts'

export interface FieldsProps {
  readonly form: PolicyForm
  readonly onForm: (change: Partial<PolicyForm>) => void
  /** Names and how they are shown. */
  readonly registries: readonly (readonly [string, string])[]
}

interface TextProps extends Pick<FieldsProps, 'form' | 'onForm'> {
  readonly of: TextName
  readonly label: string
  readonly placeholder?: string
  readonly hint?: ComponentChildren
}

export function Text({ form, onForm, of, ...field }: TextProps) {
  return <Field {...field} value={form[of]} onInput={(value) => onForm({ [of]: value })} />
}

interface SelectProps extends Omit<TextProps, 'placeholder'> {
  /** The usual one is the empty text. */
  readonly options: readonly (readonly [string, string])[]
}

export function Select({ form, onForm, of, ...choice }: SelectProps) {
  return <Choice {...choice} value={form[of]} onChange={(value) => onForm({ [of]: value })} />
}

/** Open from the beginning where something in it is set. */
export function Folded({ title, form, of, children }: FoldedProps) {
  return (
    <Fold title={title} open={of.some((name) => form[name] !== '')}>
      {children}
    </Fold>
  )
}

interface FoldedProps extends Pick<FieldsProps, 'form'> {
  readonly title: string
  readonly of: readonly TextName[]
  readonly children: ComponentChildren
}

/** The one that is written stays among them also where the list does not have it. */
export function known(options: FieldsProps['registries'], value: string): FieldsProps['registries'] {
  return value === '' || options.some(([name]) => name === value) ? options : [...options, [value, value]]
}
