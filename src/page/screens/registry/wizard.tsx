/** The questions for a registry: it is tested before it is saved. */

import { useState } from 'preact/hooks'
import type { z } from 'zod'
import type { PingAnswer, registryDetail } from '../../../serve/api/schema/definition.ts'
import { ask, Refused } from '../../api.ts'
import { useBase } from '../../edit/base.ts'
import { Changes, NotSaved } from '../../edit/changes.tsx'
import { useDraft } from '../../edit/draft.ts'
import { same } from '../../edit/merge.ts'
import { Stale } from '../../edit/stale.tsx'
import { Button } from '../../parts/button.tsx'
import { useRead } from '../../parts/data.ts'
import { Crumbs } from '../../parts/detail.tsx'
import { Field } from '../../parts/form.tsx'
import { say } from '../../parts/toast.tsx'
import { go, useTitle } from '../../route.tsx'
import { CertificateField } from './certificate.tsx'
import { type Adapter, addressOf, credentialOf, definitionOf, formOf, REACHED, type RegistryForm } from './form.ts'
import { Steps } from './steps.tsx'
import { Where } from './where.tsx'

interface WizardProps {
  readonly before: z.infer<typeof registryDetail> | undefined
  readonly etag: string | undefined
  readonly onDone?: () => void
}

export function RegistryWizard({ before, etag, onDone = () => go('/registries') }: WizardProps) {
  const title = before ? `Change ${before.name}` : 'Add a registry'
  useTitle(title)
  const adapters = useRead<readonly Adapter[]>('/replication/adapters').answer?.body ?? []
  const path = before && `/registries/${encodeURIComponent(before.name)}`
  const base = useBase(path, before?.definition ?? {}, etag)
  const [name, setName] = useState(before?.name ?? '')
  const [form, setForm] = useState<RegistryForm>(() => formOf(base.definition))
  const [username, setUsername] = useState('')
  const [secret, setSecret] = useState('')
  const [authority, trust] = useState<string>()
  const [ping, setPing] = useState<PingAnswer>()
  const [error, setError] = useState<unknown>()
  const adapter = adapters.find(({ identity }) => identity === form.type)
  const isPath = adapter?.registry.place === 'path'
  const definition = definitionOf(form, base.definition, adapter)
  const withAuthority = { definition, ...(authority === undefined ? {} : { ca_pem: authority }) }
  const credential = credentialOf(username, secret, adapter)
  const body = { ...withAuthority, ...(credential ? { credential } : {}) }

  function change(now: Partial<RegistryForm>): void {
    // What was agreed to was for the server at the address before.
    const isElsewhere = now.place !== undefined
    if (isElsewhere) trust(undefined)
    setForm({ ...form, ...(isElsewhere ? { insecure: formOf(base.definition).insecure } : {}), ...now })
    // A new place has no test yet that counts.
    if (isElsewhere || now.type !== undefined) setPing(undefined)
  }

  function changed(set: (value: string) => void): (value: string) => void {
    return (value) => {
      set(value)
      setPing(undefined)
    }
  }

  async function doing(work: () => Promise<void>): Promise<void> {
    setError(undefined)
    try {
      await work()
    } catch (failure) {
      setError(failure)
    }
  }

  const test = (): Promise<void> =>
    doing(async () => {
      const request = { ...body, ...(name.trim() === '' ? {} : { name: name.trim() }) }
      setPing((await ask<PingAnswer>('POST', '/registries/ping', { body: request })).body)
    })

  const save = (request: object): Promise<void> =>
    doing(async () => {
      if (!before) await ask('POST', '/registries', { body: { name: name.trim(), ...request } })
      else if (!(await base.save(request))) return
      say(`registry ${name.trim()} is saved`)
      onDone()
    })

  const isReady = adapter !== undefined && addressOf(form, adapter) !== ''
  const wanted = before ? withAuthority : { name: name.trim() || 'new', ...withAuthority }
  const { draft } = useDraft(
    before ? 'PUT' : 'POST',
    path ?? '/registries',
    isReady ? JSON.stringify(wanted) : undefined,
  )
  // What only describes it, or limits it, cannot make it unreachable.
  const needsTest = !before || secret !== '' || REACHED.some((key) => !same(definition[key], base.definition[key]))
  const hasNoKeychain = error instanceof Refused && error.problem.code === 'no_keychain'
  const not =
    name.trim() === ''
      ? 'it needs a name'
      : base.theirs
        ? 'somebody else has changed it'
        : ping === undefined && needsTest
          ? 'test it first'
          : undefined
  return (
    <>
      <Crumbs list="Registries" to="/registries" name={before ? before.name : 'new'} />
      <h1>{title}</h1>
      <div class="columns">
        <form class="wizard">
          <Where
            form={form}
            onForm={change}
            adapters={adapters}
            adapter={adapter}
            name={before ? undefined : name}
            onName={setName}
          />
          {isPath ? null : (
            <fieldset>
              <legend>Who</legend>
              <Field
                label="User"
                value={username}
                onInput={changed(setUsername)}
                hint="Empty for a token, or for what is open to anybody"
              />
              <Field
                label="Password or token"
                type="password"
                value={secret}
                onInput={changed(setSecret)}
                hint={before ? 'Empty: as it is' : 'It goes into the keychain of the daemon, and is never shown again'}
              />
            </fieldset>
          )}
          <CertificateField
            ping={ping}
            authority={authority}
            onTrust={trust}
            insecure={form.insecure}
            onInsecure={(insecure) => change({ insecure })}
          />
          {ping ? <Steps ping={ping} /> : null}
          <NotSaved error={error} />
          {hasNoKeychain ? (
            <p>
              <Button onClick={() => save(withAuthority)}>Save without the password</Button>{' '}
              <span class="dim">and set that variable before the daemon starts again</span>
            </p>
          ) : null}
          <Stale
            base={base}
            mine={definition}
            onDefinition={(now) => {
              setForm(formOf(now))
              setPing(undefined)
            }}
          />
          <div class="actions">
            <Button onClick={onDone}>Cancel</Button>
            <Button submits={!ping?.ok} kind={ping?.ok ? 'plain' : 'primary'} onClick={test}>
              Test
            </Button>
            <Button
              submits={ping?.ok ?? false}
              kind={ping?.ok ? 'primary' : 'plain'}
              not={not}
              onClick={() => save(body)}
            >
              {ping && !ping.ok ? 'Save all the same' : 'Save'}
            </Button>
            {not ? <span class="dim">{not}</span> : null}
          </div>
        </form>
        <aside>
          <Changes draft={draft} isNew={before === undefined} />
        </aside>
      </div>
    </>
  )
}
