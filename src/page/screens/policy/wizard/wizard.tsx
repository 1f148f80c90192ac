/** The questions for a policy: beside them what its filters match, its plan, and what will be written. */

import { useState } from 'preact/hooks'
import type { Registry } from '../../../../serve/api/schema/definition.ts'
import { ask } from '../../../api.ts'
import { useBase } from '../../../edit/base.ts'
import { Changes, NotSaved } from '../../../edit/changes.tsx'
import { useDraft } from '../../../edit/draft.ts'
import type { Definition } from '../../../edit/merge.ts'
import { Stale } from '../../../edit/stale.tsx'
import { Button } from '../../../parts/button.tsx'
import { useAll } from '../../../parts/data.ts'
import { Crumbs } from '../../../parts/detail.tsx'
import { Field } from '../../../parts/form.tsx'
import { Plan } from '../../../parts/plan.tsx'
import { say } from '../../../parts/toast.tsx'
import { Link, useTitle } from '../../../route.tsx'
import type { Detail } from '../policy.tsx'
import { definitionOf, formOf, type PolicyForm } from './form.ts'
import { From } from './from.tsx'
import { Preview } from './preview.tsx'
import { To } from './to.tsx'
import { When } from './when.tsx'

interface WizardProps {
  readonly before: Detail | undefined
  readonly etag: string | undefined
  readonly onDone: (name: string) => void
}

const POLICIES = '/replication/policies'

export function PolicyWizard({ before, etag, onDone }: WizardProps) {
  const title = before ? `Change ${before.name}` : 'New policy'
  useTitle(title)
  const registries = useAll<Registry>('/registries')
  const path = before && `${POLICIES}/${encodeURIComponent(before.name)}`
  const base = useBase(path, before?.definition ?? {}, etag)
  const [name, setName] = useState(before?.name ?? '')
  const [typed, setForm] = useState<PolicyForm>(() => formOf(base.definition))
  const [planned, plan] = useState<string>()
  const [refusal, setRefusal] = useState<unknown>()

  const all = registries.rows ?? []
  const form = before ? typed : withRegistries(typed, all)
  const definition = definitionOf(form, base.definition)
  const isReady = form.source + form.sourceReference !== '' && registries.rows !== undefined
  const wanted = JSON.stringify(definition)
  const named = { name: name.trim() || 'new', definition }
  const body = isReady ? JSON.stringify(before ? { definition } : named) : undefined
  const { draft, error: wrong, isCurrent } = useDraft(before ? 'PUT' : 'POST', path ?? POLICIES, body)
  const preview = JSON.stringify({ name: named.name, ...definition })

  async function save(): Promise<void> {
    setRefusal(undefined)
    try {
      if (!before) await ask('POST', POLICIES, { body: { name: name.trim(), definition } })
      else if (!(await base.save({ definition }))) return
      say(`policy ${name.trim()} is saved`)
      onDone(name.trim())
    } catch (failure) {
      setRefusal(failure)
    }
  }

  const fields = {
    form,
    onForm(change: Partial<PolicyForm>) {
      setRefusal(undefined)
      setForm({ ...form, ...change })
    },
    registries: all.map((one) => [one.name, `${one.name} (${one.registry_type})`] as const),
  }
  const not = name.trim() === '' ? 'it needs a name' : base.theirs ? 'somebody else has changed it' : undefined
  const several = Array.isArray(definition.destination) ? definition.destination : undefined
  return (
    <>
      <Crumbs list="Policies" to="/policies" name={before ? before.name : 'new'} />
      <h1>{title}</h1>
      {all.length === 0 && registries.rows ? (
        <p class="hint">
          There is no registry yet: <Link to="/registries/new">add one</Link> first.
        </p>
      ) : null}
      <div class="columns">
        <form class="wizard">
          {before ? null : <Field label="Name" value={name} onInput={setName} required placeholder="mirror" />}
          <From {...fields} />
          <To {...fields} several={several} />
          <When {...fields} next={isCurrent ? draft?.next_runs : undefined} />
          <NotSaved error={refusal ?? wrong} />
          <Stale base={base} mine={definition} onDefinition={(now: Definition) => setForm(formOf(now))} />
          <div class="actions">
            <Button onClick={() => onDone(before ? before.name : '')}>Cancel</Button>
            <Button submits kind="primary" not={not} onClick={save}>
              Save
            </Button>
            {not ? <span class="dim">{not}</span> : null}
          </div>
        </form>
        <aside>
          <Preview definition={isReady ? wanted : undefined} />
          {planned === preview ? (
            <Plan key={planned} body={planned} />
          ) : (
            <p>
              <Button not={isReady ? undefined : 'it needs a source'} onClick={() => plan(preview)}>
                Plan
              </Button>{' '}
              <span class="dim">compares both sides</span>
            </p>
          )}
          <Changes draft={draft} isNew={before === undefined} />
        </aside>
      </div>
    </>
  )
}

/** A new policy goes from the first registry to the second. */
function withRegistries(form: PolicyForm, [first, second = first]: readonly Registry[]): PolicyForm {
  return {
    ...form,
    source: form.source || (first?.name ?? ''),
    destination: form.destination || (second?.name ?? ''),
  }
}
