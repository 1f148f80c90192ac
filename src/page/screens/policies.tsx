/** All policies: what goes where, when it runs next, and how it went last. */

import type { Policy } from '../../serve/api/schema/definition.ts'
import { ask } from '../api.ts'
import { useLive } from '../live/live.ts'
import { Button } from '../parts/button.tsx'
import { Complaint } from '../parts/complaint.tsx'
import { useRead } from '../parts/data.ts'
import { Switch } from '../parts/form.tsx'
import { Heading } from '../parts/heading.tsx'
import { useMay } from '../parts/session.ts'
import { Ago, Empty, Status } from '../parts/status.tsx'
import { Pages, Table } from '../parts/table.tsx'
import { tried } from '../parts/toast.tsx'
import { go, Link, useAddress } from '../route.tsx'
import { start } from './execution/list.tsx'

const SIZE = 50

export function PoliciesScreen() {
  const may = useMay()
  const page = Number(useAddress().searchParams.get('page') ?? 1)
  const list = useRead<readonly Policy[]>(`/replication/policies?page=${page}&page_size=${SIZE}`)
  useLive(({ type, data }) => {
    if (type === 'reset' || type === 'configuration') list.again()
    if (type === 'execution') {
      list.patch((rows) => rows.map((row) => (row.name === data.policy ? { ...row, last_execution: data } : row)))
    }
  })
  const rows = list.answer?.body
  return (
    <>
      <Heading title="Policies">
        <Button kind="primary" not={may('maintainer')} onClick={() => go('/policies/new')}>
          New policy
        </Button>
      </Heading>
      <Complaint error={list.error} />
      {rows?.length === 0 && page === 1 ? (
        <Empty title="No policy yet">
          <p>A policy says what goes from where to where, and when.</p>
        </Empty>
      ) : (
        <Table
          label="Policies"
          columns={[
            { title: 'Policy', class: 'name' },
            { title: 'Source → destination', class: 'wide' },
            { title: 'Triggers' },
            { title: 'Next run' },
            { title: 'Last execution' },
            { title: 'Enabled' },
            { title: 'Start' },
          ]}
          rows={rows}
          keyOf={({ name }) => name}
          cells={(one) => [
            <Link key="name" to={`/policies/${encodeURIComponent(one.name)}`}>
              {one.name}
            </Link>,
            <span key="places" class="resource">{`${placeOf(one, 'src')} → ${placeOf(one, 'dest')}`}</span>,
            triggersOf(one).join(', '),
            one.enabled && one.next_run ? <Ago key="next" time={one.next_run} /> : <span class="dim">—</span>,
            one.last_execution ? (
              <Link key="last" to={`/executions/${one.last_execution.id}`}>
                <Status status={one.last_execution.status} />
              </Link>
            ) : (
              <span class="dim">never</span>
            ),
            <Switch
              key="enabled"
              quiet
              label={`Enable ${one.name}`}
              on={one.enabled}
              not={may('maintainer')}
              onChange={(enabled) => tried(() => enable(one.name, enabled)).finally(list.again)}
            />,
            <Button
              key="start"
              label={`Start ${one.name}`}
              small
              not={one.enabled ? may('operator') : 'it is disabled'}
              onClick={() => start(one.name)}
            >
              Start
            </Button>,
          ]}
        />
      )}
      <Pages page={page} size={SIZE} total={list.answer?.total ?? 0} onPage={(to) => go(`/policies?page=${to}`)} />
    </>
  )
}

export function enable(name: string, enabled: boolean): Promise<unknown> {
  return ask('PUT', `/replication/policies/${encodeURIComponent(name)}`, { body: { enabled } })
}

/** `hub/library` or `harbor`. */
export function placeOf(policy: Policy, side: 'src' | 'dest'): string {
  const registry = side === 'src' ? policy.src_registry : policy.dest_registry
  const namespaces = policy[side === 'src' ? 'src_namespaces' : 'dest_namespace']
  const names = Array.isArray(namespaces) ? namespaces : typeof namespaces === 'string' ? [namespaces] : []
  if (names.length === 0) return registry
  return names.length === 1
    ? `${registry}/${names[0]}`
    : `${registry}/{${names.slice(0, 3).join(',')}${names.length > 3 ? ',…' : ''}}`
}

export function triggersOf(policy: Policy): readonly string[] {
  const kinds = policy.trigger_kinds
  return Array.isArray(kinds) ? kinds.map(String) : []
}
