/** All registries, and how they are. */

import type { Registry } from '../../serve/api/schema/definition.ts'
import { useLive } from '../live/live.ts'
import { Button } from '../parts/button.tsx'
import { Complaint } from '../parts/complaint.tsx'
import { useRead } from '../parts/data.ts'
import { Heading } from '../parts/heading.tsx'
import { useMay } from '../parts/session.ts'
import { Ago, Empty, Status } from '../parts/status.tsx'
import { Pages, Table } from '../parts/table.tsx'
import { go, Link, useAddress } from '../route.tsx'

const SIZE = 50

export function RegistriesScreen() {
  const may = useMay()
  const page = Number(useAddress().searchParams.get('page') ?? 1)
  const list = useRead<readonly Registry[]>(`/registries?page=${page}&page_size=${SIZE}`)
  useLive(({ type }) => {
    if (type === 'reset' || type === 'configuration' || type === 'registry') list.again()
  })
  const rows = list.answer?.body
  return (
    <>
      <Heading title="Registries">
        <Button kind="primary" not={may('admin')} onClick={() => go('/registries/new')}>
          Add a registry
        </Button>
      </Heading>
      <Complaint error={list.error} />
      {rows?.length === 0 && page === 1 ? (
        <Empty title="No registry yet">
          <p>Add the one that you copy from, and the one that you copy to.</p>
        </Empty>
      ) : (
        <Table
          label="Registries"
          columns={[
            { title: 'Registry', class: 'name' },
            { title: 'Type' },
            { title: 'Address', class: 'wide' },
            { title: 'Health', class: 'wide' },
            { title: 'Since' },
            { title: 'Used by', class: 'right' },
          ]}
          rows={rows}
          keyOf={({ name }) => name}
          cells={(one) => [
            <Link key="name" to={`/registries/${encodeURIComponent(one.name)}`}>
              {one.name}
            </Link>,
            one.registry_type,
            <span key="url" class="resource">
              {one.url}
            </span>,
            <>
              <Status status={one.status} />
              {one.status_reason ? <span class="why bad">{one.status_reason}</span> : null}
            </>,
            one.status_since ? <Ago key="since" time={one.status_since} /> : <span class="dim">—</span>,
            one.policies.length,
          ]}
        />
      )}
      <Pages page={page} size={SIZE} total={list.answer?.total ?? 0} onPage={(to) => go(`/registries?page=${to}`)} />
    </>
  )
}
