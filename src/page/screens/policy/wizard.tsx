/** The questions for a policy: what its filters match is shown beside them, and the YAML that will be written. */

import { useEffect, useState } from 'preact/hooks'
import type { Registry } from '../../../serve/api/schema/definition.ts'
import type { PreviewRow } from '../../../serve/api/schema/preview.ts'
import { ask, askLines, Refused } from '../../api.ts'
import { plural } from '../../format.ts'
import { useRead } from '../../parts/data.ts'
import { say } from '../../parts/toast.tsx'
import { Button, Choice, Complaint, Field, Switch } from '../../parts/ui.tsx'
import { Link } from '../../route.tsx'
import type { Detail } from './policy.tsx'

interface WizardProps {
  readonly before: Detail | undefined
  readonly etag: string | undefined
  readonly onDone: (name: string) => void
}

type Definition = Readonly<Record<string, unknown>>
type Matched = Extract<PreviewRow, { type: 'repository' }>
type Done = Extract<PreviewRow, { type: 'done' }>

const DELETIONS = [
  ['never', 'Never'],
  ['owned', 'What this policy has put there'],
  ['mirror', 'Everything that the source does not have'],
  ['events', 'What an event tells of'],
] as const

/** Milliseconds without a key until the preview begins. */
const QUIET = 500

export function PolicyWizard({ before, etag, onDone }: WizardProps) {
  const registries = useRead<readonly Registry[]>('/registries?page_size=100')
  const known: Definition = before?.definition ?? {}
  const isReference = typeof known.source === 'string' || typeof known.destination === 'string'
  const source = part(known.source)
  const destination = part(known.destination)
  const filters = part(known.filters)
  const triggers = Array.isArray(known.triggers) ? known.triggers.map(part) : []
  const schedule = triggers.find((one) => 'schedule' in one)
  const [name, setName] = useState(before?.name ?? '')
  const [from, setFrom] = useState(text(source.registry))
  const [namespaces, setNamespaces] = useState(listText(source.namespaces))
  const [names, setNames] = useState(listText(filters.name))
  const [tags, setTags] = useState(listText(filters.tag))
  const [to, setTo] = useState(text(destination.registry))
  const [namespace, setNamespace] = useState(text(destination.namespace))
  const [cron, setCron] = useState(text(schedule?.schedule))
  const [event, setEvent] = useState(triggers.some((one) => 'event' in one))
  const [deletion, setDeletion] = useState(text(known.deletion) || 'never')
  const [error, setError] = useState<unknown>()
  const [yaml, setYaml] = useState<string>()

  const all = registries.answer?.body ?? []
  const first = from === '' ? (all[0]?.name ?? '') : from
  const second = to === '' ? (all[1]?.name ?? all[0]?.name ?? '') : to

  function definition(): Definition {
    const { source: _, destination: __, filters: ___, triggers: ____, deletion: _____, ...rest } = known
    const others = triggers.filter((one) => !('schedule' in one) && !('event' in one))
    const wanted = [
      ...(cron.trim() === '' ? [] : [{ ...schedule, schedule: cron.trim() }]),
      ...(event ? [triggers.find((one) => 'event' in one) ?? { event: ['push'] }] : []),
      ...others,
    ]
    const selecting = { ...filters, name: words(names), tag: words(tags) }
    const kept = Object.fromEntries(Object.entries(selecting).filter(([, value]) => value !== undefined))
    return {
      ...rest,
      source:
        isReference && typeof known.source === 'string'
          ? known.source
          : without({ ...source, registry: first, namespaces: words(namespaces) }),
      destination:
        isReference && typeof known.destination === 'string'
          ? known.destination
          : without({
              ...destination,
              registry: second,
              namespace: namespace.trim() === '' ? undefined : namespace.trim(),
            }),
      ...(Object.keys(kept).length === 0 ? {} : { filters: kept }),
      ...(deletion === 'never' ? {} : { deletion }),
      ...(wanted.length === 0 ? {} : { triggers: wanted }),
    }
  }

  const wanted = JSON.stringify(definition())
  const isReady = first !== '' && second !== ''

  useEffect(() => {
    if (!isReady) return
    const timer = setTimeout(async () => {
      const path = before ? `/replication/policies/${encodeURIComponent(before.name)}` : '/replication/policies'
      const body = before
        ? { definition: JSON.parse(wanted) }
        : { name: name.trim() || 'new', definition: JSON.parse(wanted) }
      try {
        const draft = await ask<{ readonly yaml: string }>(before ? 'PUT' : 'POST', `${path}?dry_run=true`, { body })
        setYaml(draft.body.yaml)
        setError(undefined)
      } catch (failure) {
        setError(failure)
      }
    }, QUIET)
    return () => clearTimeout(timer)
  }, [wanted, name, isReady])

  async function save(): Promise<void> {
    try {
      if (before) {
        await ask('PUT', `/replication/policies/${encodeURIComponent(before.name)}`, {
          body: { definition: definition() },
          ifMatch: etag,
        })
      } else await ask('POST', '/replication/policies', { body: { name: name.trim(), definition: definition() } })
      say(`${name} is saved`)
      onDone(name.trim())
    } catch (failure) {
      setError(failure)
    }
  }

  const readOnly = error instanceof Refused && typeof error.problem.yaml === 'string' ? error.problem.yaml : undefined
  const options = all.map((one) => [one.name, `${one.name} (${one.registry_type})`] as const)
  return (
    <>
      <p class="crumbs">
        <Link to="/policies">Policies</Link> / {before ? before.name : 'new'}
      </p>
      <h1>{before ? `Change ${before.name}` : 'New policy'}</h1>
      {all.length === 0 && registries.answer ? (
        <p class="hint">
          There is no registry yet: <Link to="/registries/new">add one</Link> first.
        </p>
      ) : null}
      <div class="columns">
        <form class="wizard">
          {before ? null : <Field label="Name" value={name} onInput={setName} required placeholder="mirror" />}
          <fieldset>
            <legend>From</legend>
            {typeof known.source === 'string' ? (
              <p>
                <code>{known.source}</code> <span class="dim">(a reference: change it in the file)</span>
              </p>
            ) : (
              <>
                <Choice label="Source registry" value={first} options={options} onChange={setFrom} />
                <Field
                  label="Namespaces"
                  value={namespaces}
                  onInput={setNamespaces}
                  placeholder="library"
                  hint="Empty: all that the credential sees"
                />
                <Field
                  label="Repositories"
                  value={names}
                  onInput={setNames}
                  placeholder="library/**, team/app"
                  hint="Patterns, with commas between them"
                />
                <Field
                  label="Tags"
                  value={tags}
                  onInput={setTags}
                  placeholder="1.*, latest"
                  hint="Patterns, with commas between them; empty: all"
                />
              </>
            )}
          </fieldset>
          <fieldset>
            <legend>To</legend>
            {typeof known.destination === 'string' || Array.isArray(known.destination) ? (
              <p>
                <code>{JSON.stringify(known.destination)}</code> <span class="dim">(change it in the file)</span>
              </p>
            ) : (
              <>
                <Choice label="Destination registry" value={second} options={options} onChange={setTo} />
                <Field
                  label="Destination namespace"
                  value={namespace}
                  onInput={setNamespace}
                  placeholder="mirror"
                  hint="Empty: as at the source"
                />
              </>
            )}
          </fieldset>
          <fieldset>
            <legend>When</legend>
            <Field
              label="Schedule"
              value={cron}
              onInput={setCron}
              placeholder="0 2 * * *"
              hint="Five or six fields of cron, or @daily; empty: by hand"
            />
            <Switch label="When something is pushed (webhooks)" on={event} onChange={setEvent} />
            <Choice label="Delete at the destination" value={deletion} options={DELETIONS} onChange={setDeletion} />
          </fieldset>
          <Complaint error={error} />
          {error instanceof Refused && error.problem.status === 412 ? (
            <p class="hint">
              What you have typed is kept here. Open the policy in another window to see what has changed.
            </p>
          ) : null}
          <div class="actions">
            <Button onClick={() => onDone(before ? before.name : '')}>Cancel</Button>
            <Button submits kind="primary" not={name.trim() === '' ? 'it needs a name' : undefined} onClick={save}>
              Save
            </Button>
          </div>
        </form>
        <aside>
          <Preview definition={isReady ? wanted : undefined} />
          <h2>YAML</h2>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
          <pre class="yaml" tabIndex={0}>
            {readOnly ?? yaml ?? ''}
          </pre>
        </aside>
      </div>
    </>
  )
}

/** What the filters match, as it is found. */
function Preview({ definition }: { readonly definition: string | undefined }) {
  const [rows, setRows] = useState<readonly Matched[]>([])
  const [done, setDone] = useState<Done>()
  const [error, setError] = useState<unknown>()
  useEffect(() => {
    if (definition === undefined) return
    const end = new AbortController()
    const timer = setTimeout(async () => {
      setDone(undefined)
      setError(undefined)
      const found: Matched[] = []
      try {
        const lines = askLines<PreviewRow>('POST', '/replication/policies/preview', {
          body: JSON.parse(definition),
          signal: end.signal,
        })
        for await (const row of lines) {
          if (end.signal.aborted) return
          if (row.type === 'repository' && found.length < 200) found.push(row)
          if (row.type === 'repository') setRows([...found])
          if (row.type === 'error') setError(new Error(row.message))
          if (row.type === 'done') setDone(row)
        }
        setRows(found)
      } catch (failure) {
        if (!end.signal.aborted) setError(failure)
      }
    }, QUIET)
    return () => {
      clearTimeout(timer)
      end.abort()
    }
  }, [definition])
  return (
    <section aria-labelledby="preview">
      <h2 id="preview">Preview</h2>
      <Complaint error={error} />
      <p role="status">
        {done
          ? `${plural(done.tags, 'tag')} in ${plural(done.repositories, 'repository', 'repositories')}${done.cut ? ` (${done.cut})` : ''}`
          : error
            ? ''
            : 'the source is asked…'}
      </p>
      <ul class="preview">
        {rows.map((row) => (
          <li key={row.repository}>
            <span class="resource">
              {row.repository} → {row.lands.join(', ')}
            </span>
            <span class="why dim">
              {row.tags.slice(0, 12).join(', ')}
              {row.tags_selected > 12 ? ` and ${row.tags_selected - 12} more` : ''}
              {row.left.length > 0
                ? ` · not: ${row.left
                    .slice(0, 5)
                    .map((one) => `${one.tag} (${one.rule})`)
                    .join(', ')}`
                : ''}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function part(value: unknown): Definition {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Definition) : {}
}

function text(value: unknown): string {
  return value === undefined || value === null || typeof value === 'object' ? '' : String(value)
}

function listText(value: unknown): string {
  return Array.isArray(value) ? value.map(text).join(', ') : text(value)
}

/** One word alone, or a list of them; undefined for none. A comma within braces is of a pattern. */
function words(list: string): string | readonly string[] | undefined {
  const all = list
    .split(/,(?![^{]*\})/)
    .map((word) => word.trim())
    .filter((word) => word !== '')
  return all.length === 0 ? undefined : all
}

function without(value: Definition): Definition {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined && one !== ''))
}
