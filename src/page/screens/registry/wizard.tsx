/** The questions for a registry: it is tested before it is saved. */

import { useState } from 'preact/hooks'
import type { z } from 'zod'
import type { PingAnswer, registryDetail } from '../../../serve/api/schema/definition.ts'
import { ask, Refused } from '../../api.ts'
import { clock } from '../../format.ts'
import { useRead } from '../../parts/data.ts'
import { say } from '../../parts/toast.tsx'
import { Button, Choice, Complaint, Field, Switch } from '../../parts/ui.tsx'
import { go, Link } from '../../route.tsx'
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

type Definition = Readonly<Record<string, unknown>>

function textOf(definition: Definition | null | undefined, key: string): string {
  const value = definition?.[key]
  return value === undefined || value === null || typeof value === 'object' ? '' : String(value)
}

export function RegistryWizard({ before, etag, onDone = () => go('/registries') }: WizardProps) {
  const adapters = useRead<readonly Adapter[]>('/replication/adapters')
  const known = before?.definition
  const [name, setName] = useState(before?.name ?? '')
  const [type, setType] = useState(before?.registry_type ?? 'docker-registry')
  const [place, setPlace] = useState(textOf(known, 'url') || textOf(known, 'path'))
  const [description, setDescription] = useState(textOf(known, 'description'))
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
    const { url: _, path: __, type: ___, insecure: ____, description: _____, ...rest } = known ?? {}
    return {
      ...rest,
      type,
      ...(isPath ? { path: address } : { url: address }),
      ...(description.trim() === '' ? {} : { description: description.trim() }),
      ...(insecure ? { insecure: true } : {}),
    }
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

  const save = (): Promise<void> =>
    doing(async () => {
      if (before) await ask('PUT', `/registries/${encodeURIComponent(name)}`, { body: body(), ifMatch: etag })
      else await ask('POST', '/registries', { body: { name: name.trim(), ...body() } })
      say(`${name} is saved`)
      onDone()
    })

  const certificate = ping?.certificate
  const yaml = error instanceof Refused && typeof error.problem.yaml === 'string' ? error.problem.yaml : undefined
  return (
    <>
      <p class="crumbs">
        <Link to="/registries">Registries</Link> / {before ? before.name : 'new'}
      </p>
      <h1>{before ? `Change ${before.name}` : 'Add a registry'}</h1>
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
        {certificate?.distrust ? (
          <fieldset>
            <legend>Certificate</legend>
            {ping?.ok && authority !== undefined ? (
              <p>It is trusted from now on, for this registry alone.</p>
            ) : (
              <p class="bad">{certificate.distrust}</p>
            )}
            <dl class="facts">
              <div>
                <dt>for</dt>
                <dd>{certificate.subject}</dd>
              </div>
              <div>
                <dt>issued by</dt>
                <dd>{certificate.issuer}</dd>
              </div>
              <div>
                <dt>until</dt>
                <dd>{clock(certificate.not_after)}</dd>
              </div>
              <div>
                <dt>SHA-256</dt>
                <dd>
                  <code>{(certificate.authority ?? certificate).sha256}</code>
                </dd>
              </div>
            </dl>
            {certificate.authority ? (
              <Switch
                label="This is what its administrator says: trust it"
                on={authority !== undefined}
                onChange={(on) => trust(on ? certificate.authority?.pem : undefined)}
              />
            ) : (
              <p class="hint">
                It does not show the authority that issued it: ask its administrator for that file, and set `ca` in the
                file.
              </p>
            )}
            <Switch label="Check no certificate (insecure)" on={insecure} onChange={setInsecure} />
          </fieldset>
        ) : null}
        {ping ? <Steps ping={ping} /> : null}
        <Complaint error={error} />
        {yaml ? <pre class="yaml">{yaml}</pre> : null}
        <div class="actions">
          <Button onClick={onDone}>Cancel</Button>
          <Button submits={!ping?.ok} kind={ping?.ok ? 'plain' : 'primary'} onClick={test}>
            Test
          </Button>
          <Button
            submits={ping?.ok ?? false}
            kind={ping?.ok ? 'primary' : 'plain'}
            not={name.trim() === '' ? 'it needs a name' : ping === undefined ? 'test it first' : undefined}
            onClick={save}
          >
            {ping && !ping.ok ? 'Save all the same' : 'Save'}
          </Button>
        </div>
      </form>
    </>
  )
}
