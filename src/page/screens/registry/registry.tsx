/** One registry: how it is and was; or a new one, tested before it is saved. */

import { useState } from 'preact/hooks'
import type { z } from 'zod'
import type { PingAnswer, registryDetail } from '../../../serve/api/schema/definition.ts'
import { ask } from '../../api.ts'
import { useEditable } from '../../edit/editable.ts'
import { clock } from '../../format.ts'
import { Button } from '../../parts/button.tsx'
import { Absent, Delete, Facts, Head } from '../../parts/detail.tsx'
import { useMay } from '../../parts/session.ts'
import { Status } from '../../parts/status.tsx'
import { Table } from '../../parts/table.tsx'
import { tried } from '../../parts/toast.tsx'
import { Link } from '../../route.tsx'
import { Steps } from './steps.tsx'
import { RegistryWizard } from './wizard.tsx'

/** Policies that are named. */
const MOST_POLICIES = 100

type Detail = z.infer<typeof registryDetail>

export function RegistryScreen({ id }: { readonly id: string }) {
  return id === 'new' ? <RegistryWizard before={undefined} etag={undefined} /> : <One id={id} />
}

function One({ id }: { readonly id: string }) {
  const may = useMay()
  const path = `/registries/${encodeURIComponent(id)}`
  const { one, etag, error, again, isEditing, edit, done } = useEditable<Detail>(path, 'registry')
  const [ping, setPing] = useState<PingAnswer>()
  if (!one) return <Absent list="Registries" to="/registries" name={id} error={error} />
  if (isEditing) return <RegistryWizard before={one} etag={etag} onDone={done} />
  return (
    <>
      <Head
        list="Registries"
        to="/registries"
        name={id}
        window={id}
        title={
          <>
            {id} <Status status={one.status} />
          </>
        }
      >
        <Button
          not={may('operator')}
          onClick={() =>
            tried(async () => {
              setPing((await ask<PingAnswer>('POST', `${path}/ping`)).body)
              again()
            })
          }
        >
          Test
        </Button>
        <Button not={may('admin')} onClick={edit}>
          Change
        </Button>
        <Delete name={id} path={path} etag={etag} to="/registries" not={may('admin')}>
          It is removed from {one.file ?? 'its file'}, and its credential from the keychain. Nothing is deleted in the
          registry itself.
        </Delete>
      </Head>
      {one.status_reason ? <p class="complaint">{one.status_reason}</p> : null}
      <Facts
        facts={[
          ['type', one.registry_type],
          ['address', one.url],
          ['description', one.description ?? '—'],
          ['file', one.file ?? '—'],
          ['checked', one.checked_at ? clock(one.checked_at) : 'never'],
        ]}
      />
      {ping ? <Steps ping={ping} /> : null}
      <h2>Used by</h2>
      {one.policies.length === 0 ? <p class="dim">no policy</p> : null}
      <ul class="names">
        {one.policies.slice(0, MOST_POLICIES).map((name) => (
          <li key={name}>
            <Link to={`/policies/${encodeURIComponent(name)}`}>{name}</Link>
          </li>
        ))}
        {one.policies.length > MOST_POLICIES ? (
          <li class="dim">and {one.policies.length - MOST_POLICIES} more</li>
        ) : null}
      </ul>
      <h2>Health</h2>
      <Table
        label="Changes of its health"
        columns={[{ title: 'Time' }, { title: 'Status' }, { title: 'Reason', class: 'wide' }]}
        rows={one.changes}
        keyOf={({ time }) => time}
        empty="not checked yet"
        cells={(change) => [
          clock(change.time),
          <Status key="status" status={change.status} />,
          change.status_reason ?? '',
        ]}
      />
    </>
  )
}
