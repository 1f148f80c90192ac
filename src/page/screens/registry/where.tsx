/** Where a registry is, and how gently it is used. */

import { Choice, Field, Fold } from '../../parts/form.tsx'
import { type Adapter, limited, type RegistryForm, textOf } from './form.ts'

interface WhereProps {
  readonly form: RegistryForm
  readonly onForm: (change: Partial<RegistryForm>) => void
  readonly adapters: readonly Adapter[]
  readonly adapter: Adapter | undefined
  /** Undefined: it has one already. */
  readonly name: string | undefined
  readonly onName: (name: string) => void
}

/** Of its `limits`, with what they mean. */
const LIMITS = [
  ['bandwidth', 'Bandwidth', '50MiB/s'],
  ['connections', 'Connections', '16'],
  ['requests_per_second', 'Requests a second', '10'],
] as const

export function Where({ form, onForm, adapters, adapter, name, onName }: WhereProps) {
  const { type, place, description, limits } = form
  const isPath = adapter?.registry.place === 'path'
  return (
    <fieldset>
      <legend>Where</legend>
      <Choice
        label="Type"
        value={type}
        options={adapters.length === 0 ? [[type, type]] : adapters.map((one) => [one.identity, one.name] as const)}
        onChange={(now) => onForm({ type: now })}
        hint={adapter?.description}
      />
      {name === undefined ? null : (
        <Field
          label="Name"
          value={name}
          onInput={onName}
          required
          placeholder={adapter?.registry.default_name ?? 'harbor'}
          hint="What policies call it"
        />
      )}
      <Field
        label={isPath ? 'Path' : 'URL'}
        value={place}
        onInput={(now) => onForm({ place: now })}
        required={!adapter?.registry.url}
        placeholder={isPath ? '/srv/images' : (adapter?.registry.url ?? 'https://registry.example.com')}
      />
      <Field label="Description" value={description} onInput={(now) => onForm({ description: now })} />
      {isPath ? null : (
        <Fold title="Limits" open={Object.keys(limits).length > 0}>
          {LIMITS.map(([key, label, placeholder]) => (
            <Field
              key={key}
              label={label}
              value={textOf(limits, key)}
              placeholder={placeholder}
              onInput={(value) => onForm({ limits: limited(limits, key, value) })}
            />
          ))}
        </Fold>
      )}
    </fieldset>
  )
}
