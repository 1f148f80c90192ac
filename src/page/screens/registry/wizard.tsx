/** The questions for a registry: it is tested before it is saved. */

import { useState } from 'preact/hooks'
import type { z } from 'zod'
import type { PingAnswer, registryDetail } from '../../../serve/api/schema/definition.ts'
import { ask, Refused } from '../../api.ts'
import { useBase } from '../../edit/base.ts'
import { Changes, NotSaved } from '../../edit/changes.tsx'
import { useDraft } from '../../edit/draft.ts'
import { type Definition, part, same } from '../../edit/merge.ts'
import { Stale } from '../../edit/stale.tsx'
import { Button } from '../../parts/button.tsx'
import { useRead } from '../../parts/data.ts'
import { Choice, Field, Fold } from '../../parts/form.tsx'
import { say } from '../../parts/toast.tsx'
import { go, Link } from '../../route.tsx'
import { CertificateField } from './certificate.tsx'
import { Steps } from './steps.tsx'

type Detail = z.infer<typeof registryDetail>

interface Adapter {
  readonly identity: string
  readonly name: string
  readonly description: string
  readonly registry: { readonly default_name: string; readonly place: 'url' | 'path'; readonly url: string | null }
  readonly capabilities: { readonly credentials: readonly string[] }
}

interface WizardProps {
  readonly before: Detail | undefined
  readonly etag: string | undefined
  readonly onDone?: () => void
}

/** What it is reached by. */
const REACHED = ['type', 'url', 'path', 'insecure'] as const
/** Of its `limits`, with what they mean. */
const LIMITS = [
  ['bandwidth', 'Bandwidth', '50MiB/s'],
  ['connections', 'Connections', '16'],
  ['requests_per_second', 'Requests a second', '10'],
] as const

function textOf(definition: Definition, key: string): string {
  const value = definition[key]
  return value === undefined || value === null || typeof value === 'object' ? '' : String(value)
}

export function RegistryWizard({ before, etag, onDone = () => go('/registries') }: WizardProps) {
  const adapters = useRead<readonly Adapter[]>('/replication/adapters')
  const path = before && `/registries/${encodeURIComponent(before.name)}`
  const base = useBase(path, before?.definition ?? {}, etag)
  const known = base.definition
  const [name, setName] = useState(before?.name ?? '')
  const [type, setType] = useState(before?.registry_type ?? 'docker-registry')
  const [place, setPlace] = useState(textOf(known, 'url') || textOf(known, 'path'))
  const [description, setDescription] = useState(textOf(known, 'description'))
  const [limits, setLimits] = useState(part(known.limits))
  const [insecure, setInsecure] = useState(before?.insecure ?? false)
  const [username, setUsername] = useState('')
  const [secret, setSecret] = useState('')
  const [authority, trust] = useState<string>()
  const [ping, setPing] = useState<PingAnswer>()
  const [error, setError] = useState<unknown>()
  const all = adapters.answer?.body ?? []
  const adapter = all.find(({ identity }) => identity === type)
  const isPath = adapter?.registry.place === 'path'
  const address = place.trim() === '' ? (adapter?.registry.url ?? '') : place.trim()

  function definition(): Definition {
    const { url: _, path: __, description: ___, insecure: ____, limits: _____, type: ______, ...rest } = known
    return {
      type,
      ...(isPath ? { path: address } : { url: address }),
      ...(description.trim() === '' ? {} : { description: description.trim() }),
      ...(insecure ? { insecure: true } : {}),
      ...rest,
      ...(Object.keys(limits).length === 0 ? {} : { limits }),
    }
  }

  /** The form shows what an edit goes on with. */
  function take(now: Definition): void {
    setType(textOf(now, 'type'))
    setPlace(textOf(now, 'url') || textOf(now, 'path'))
    setDescription(textOf(now, 'description'))
    setInsecure(textOf(now, 'insecure') === 'true')
    setLimits(part(now.limits))
    setPing(undefined)
  }

  function body(): object {
    const kinds = adapter?.capabilities.credentials ?? []
    const kind = username === '' ? 'token' : kinds.includes('basic') || kinds.length === 0 ? 'basic' : 'access_key'
    return {
      definition: definition(),
      ...(secret === ''
        ? {}
        : { credential: { type: kind, ...(username === '' ? {} : { username: username.trim() }), secret } }),
      ...(authority === undefined ? {} : { ca_pem: authority }),
    }
  }

  /** A new one has no test yet that counts. */
  function changed<T>(set: (value: T) => void): (value: T) => void {
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
      const request = { ...body(), ...(name === '' ? {} : { name }) }
      setPing((await ask<PingAnswer>('POST', '/registries/ping', { body: request })).body)
    })

  const save = (request: object): Promise<void> =>
    doing(async () => {
      if (!before) await ask('POST', '/registries', { body: { name: name.trim(), ...request } })
      else if (!(await base.save(request))) return
      say(`${name} is saved`)
      onDone()
    })

  const isReady = adapter !== undefined && address !== ''
  const wanted = before ? { definition: definition() } : { name: name.trim() || 'new', definition: definition() }
  const { draft } = useDraft(
    before ? 'PUT' : 'POST',
    path ?? '/registries',
    isReady ? JSON.stringify(wanted) : undefined,
  )
  // What only describes it, or limits it, cannot make it unreachable.
  const needsTest = !before || secret !== '' || [...REACHED].some((key) => !same(definition()[key], known[key]))
  const hasNoKeychain = error instanceof Refused && error.problem.code === 'no_keychain'
  return (
    <>
      <p class="crumbs">
        <Link to="/registries">Registries</Link> / {before ? before.name : 'new'}
      </p>
      <h1>{before ? `Change ${before.name}` : 'Add a registry'}</h1>
      <div class="columns">
        <form class="wizard">
          <fieldset>
            <legend>Where</legend>
            <Choice
              label="Type"
              value={type}
              options={all.length === 0 ? [[type, type]] : all.map((one) => [one.identity, one.name] as const)}
              onChange={changed(setType)}
              hint={adapter?.description}
            />
            {before ? null : (
              <Field
                label="Name"
                value={name}
                onInput={setName}
                required
                placeholder={adapter?.registry.default_name ?? 'harbor'}
                hint="What policies call it"
              />
            )}
            <Field
              label={isPath ? 'Path' : 'URL'}
              value={place}
              onInput={changed((value: string) => {
                setPlace(value)
                // It was for the server at the address before.
                trust(undefined)
                setInsecure(before?.insecure ?? false)
              })}
              required={!adapter?.registry.url}
              placeholder={isPath ? '/srv/images' : (adapter?.registry.url ?? 'https://registry.example.com')}
            />
            <Field label="Description" value={description} onInput={setDescription} />
            {isPath ? null : (
              <Fold title="Limits" open={Object.keys(part(known.limits)).length > 0}>
                {LIMITS.map(([key, label, placeholder]) => (
                  <Field
                    key={key}
                    label={label}
                    value={textOf(limits, key)}
                    placeholder={placeholder}
                    onInput={(value) => setLimits(limited(limits, key, value))}
                  />
                ))}
              </Fold>
            )}
          </fieldset>
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
            insecure={insecure}
            onInsecure={setInsecure}
          />
          {ping ? <Steps ping={ping} /> : null}
          <NotSaved error={error} />
          {hasNoKeychain ? (
            <p>
              <Button onClick={() => save({ ...body(), credential: undefined })}>Save without the password</Button>{' '}
              <span class="dim">and set that variable before the daemon starts again</span>
            </p>
          ) : null}
          <Stale base={base} mine={definition()} onDefinition={take} />
          <div class="actions">
            <Button onClick={onDone}>Cancel</Button>
            <Button submits={!ping?.ok} kind={ping?.ok ? 'plain' : 'primary'} onClick={test}>
              Test
            </Button>
            <Button
              submits={ping?.ok ?? false}
              kind={ping?.ok ? 'primary' : 'plain'}
              not={
                name.trim() === ''
                  ? 'it needs a name'
                  : base.theirs
                    ? 'somebody else has changed it'
                    : ping === undefined && needsTest
                      ? 'test it first'
                      : undefined
              }
              onClick={() => save(body())}
            >
              {ping && !ping.ok ? 'Save all the same' : 'Save'}
            </Button>
          </div>
        </form>
        <aside>
          <Changes draft={draft} isNew={before === undefined} />
        </aside>
      </div>
    </>
  )
}

/** A number is written as one; anything else is for the check of the file to refuse. */
function limited(limits: Definition, key: string, value: string): Definition {
  const { [key]: _, ...others } = limits
  if (value.trim() === '') return others
  return { ...others, [key]: /^\d{1,9}$/.test(value.trim()) ? Number(value.trim()) : value.trim() }
}
