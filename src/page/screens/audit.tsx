/** Who changed and started what. */

import type { AuditLine } from '../../serve/api/schema/audit.ts'
import { clock } from '../format.ts'
import { useLive } from '../live/live.ts'
import { Complaint } from '../parts/complaint.tsx'
import { useRead } from '../parts/data.ts'
import { Heading } from '../parts/heading.tsx'
import { Pages, Table } from '../parts/table.tsx'
import { go, Link, useAddress } from '../route.tsx'

const SIZE = 50
const PLACES: Readonly<Record<string, string>> = {
  policy: '/policies/',
  registry: '/registries/',
  execution: '/executions/',
}

export function AuditScreen() {
  const page = Number(useAddress().searchParams.get('page') ?? 1)
  const list = useRead<readonly AuditLine[]>(`/audit?page=${page}&page_size=${SIZE}`)
  useLive(({ type }) => {
    if (type === 'reset' || type === 'configuration' || type === 'execution') list.again()
  })
  return (
    <>
      <Heading title="Audit" />
      <p class="dim">Every change of a policy or registry, and every start, by the command line or over HTTP.</p>
      <Complaint error={list.error} />
      <Table
        label="Audit log"
        columns={[
          { title: 'Time' },
          { title: 'Who' },
          { title: 'What', class: 'name' },
          { title: 'From' },
          { title: 'Detail', class: 'wide' },
        ]}
        rows={list.answer?.body}
        keyOf={({ id }) => id}
        empty="nothing yet"
        cells={(line) => [
          clock(line.time),
          line.role === null ? line.who : `${line.who} (${line.role})`,
          <span key="what">
            {line.verb} {line.noun}{' '}
            {PLACES[line.noun] && line.verb !== 'removed' ? (
              <Link to={`${PLACES[line.noun]}${encodeURIComponent(line.name)}`}>{line.name}</Link>
            ) : (
              line.name
            )}
          </span>,
          line.origin,
          <span key="detail" class="resource">
            {line.detail ?? ''}
          </span>,
        ]}
      />
      <Pages page={page} size={SIZE} total={list.answer?.total ?? 0} onPage={(to) => go(`/audit?page=${to}`)} />
    </>
  )
}
