/** What ran and what runs, the newest first, as it happens. */

import { useState } from 'preact/hooks'
import type { Policy } from '../../../serve/api/schema/definition.ts'
import type { Execution } from '../../../serve/api/schema/execution.ts'
import { ask } from '../../api.ts'
import { bytes, duration } from '../../format.ts'
import { useLive } from '../../live/live.ts'
import { Button } from '../../parts/button.tsx'
import { Complaint } from '../../parts/complaint.tsx'
import { useAll, useRead } from '../../parts/data.ts'
import { Choice } from '../../parts/form.tsx'
import { Heading } from '../../parts/heading.tsx'
import { useNow } from '../../parts/now.ts'
import { useMay } from '../../parts/session.ts'
import { Ago, Status } from '../../parts/status.tsx'
import { Strip } from '../../parts/strip.tsx'
import { Pages, Table } from '../../parts/table.tsx'
import { tried } from '../../parts/toast.tsx'
import { go, Link, useAddress } from '../../route.tsx'
import { Welcome } from '../welcome.tsx'

const SIZE = 25
const STATUSES = ['active', 'succeeded', 'failed', 'stopped', 'interrupted'] as const

export function ExecutionsScreen() {
  const query = useAddress().searchParams
  const page = Number(query.get('page') ?? 1)
  const policy = query.get('policy') ?? ''
  const status = query.get('status') ?? ''
  const narrowed = [
    ...(policy === '' ? [] : [`policy=${encodeURIComponent(policy)}`]),
    ...(status === '' ? [] : [`status=${status}`]),
  ].join(',')
  const list = useRead<readonly Execution[]>(
    `/replication/executions?page=${page}&page_size=${SIZE}&q=${encodeURIComponent(narrowed)}`,
  )
  const policies = useAll<Policy>('/replication/policies')
  useLive(({ type, data }) => {
    if (type === 'reset' || type === 'configuration') {
      list.again()
      policies.again()
    }
    if (type !== 'execution') return
    const isShown = list.answer?.body.some(({ id }) => id === data.id)
    if (isShown) list.patch((rows) => rows.map((row) => (row.id === data.id ? data : row)))
    else if (page === 1) list.again()
  })
  const narrow = (name: string, value: string): void => {
    const next = new URLSearchParams(query)
    next.delete('page')
    if (value === '') next.delete(name)
    else next.set(name, value)
    go(next.size === 0 ? '/' : `/?${next}`)
  }
  const known = policies.rows
  if (known?.length === 0 && list.answer?.total === 0 && narrowed === '') return <Welcome />
  return (
    <>
      <Heading title="Executions">
        <Start policies={known ?? []} />
      </Heading>
      <Strip />
      <div class="filters">
        <Choice
          label="Policy"
          value={policy}
          options={[['', 'all policies'], ...(known ?? []).map(({ name }) => [name, name] as const)]}
          onChange={(value) => narrow('policy', value)}
        />
        <Choice
          label="Status"
          value={status}
          options={[['', 'any status'], ...STATUSES.map((one) => [one, one === 'active' ? 'running' : one] as const)]}
          onChange={(value) => narrow('status', value)}
        />
      </div>
      <Complaint error={list.error} />
      <ExecutionTable rows={list.answer?.body} />
      <Pages
        page={page}
        size={SIZE}
        total={list.answer?.total ?? 0}
        onPage={(to) => narrow('page', to === 1 ? '' : String(to))}
      />
    </>
  )
}

const RIGHT = 'right'

export function ExecutionTable({ rows }: { readonly rows: readonly Execution[] | undefined }) {
  return (
    <Table
      label="Executions"
      columns={[
        { title: 'Execution' },
        { title: 'Policy', class: 'name' },
        { title: 'Status' },
        { title: 'Trigger' },
        { title: 'Tasks', class: RIGHT },
        { title: 'Copied', class: RIGHT },
        { title: 'Started' },
        { title: 'Took', class: RIGHT },
      ]}
      rows={rows}
      keyOf={({ id }) => id}
      empty="no executions"
      cells={(one) => [
        <Link key="id" to={`/executions/${one.id}`} class="number">
          {one.id}
        </Link>,
        <Link key="policy" to={`/policies/${encodeURIComponent(one.policy)}`}>
          {one.policy}
        </Link>,
        <Status key="status" status={one.status} />,
        one.trigger,
        counts(one),
        bytes(one.bytes_copied),
        <Ago key="start" time={one.start_time} />,
        <Took key="took" of={one} />,
      ]}
    />
  )
}

function counts({ total, failed, succeed, skipped, unchanged }: Execution) {
  if (failed > 0)
    return <span class="bad">{`${failed.toLocaleString('en')} of ${total.toLocaleString('en')} failed`}</span>
  if (total === 0) return <span class="dim">{`${unchanged.toLocaleString('en')} unchanged`}</span>
  return `${(succeed + skipped).toLocaleString('en')} of ${total.toLocaleString('en')}`
}

export function Took({ of: { duration_ms, start_time, status } }: { readonly of: Execution }) {
  const now = useNow(duration_ms === null ? 1000 : undefined)
  if (status === 'interrupted') return null
  return <>{duration(duration_ms ?? now - Date.parse(start_time))}</>
}

function Start({ policies }: { readonly policies: readonly Policy[] }) {
  const may = useMay()
  const enabled = policies.filter((policy) => policy.enabled)
  const [chosen, choose] = useState('')
  const name = chosen === '' ? (enabled[0]?.name ?? '') : chosen
  return (
    <div class="start">
      {enabled.length > 1 ? (
        <Choice
          label="Policy to start"
          value={name}
          options={enabled.map((one) => [one.name, one.name])}
          onChange={choose}
        />
      ) : null}
      <Button
        kind="primary"
        not={enabled.length === 0 ? 'no policy is enabled' : may('operator')}
        onClick={() => start(name)}
      >
        {enabled.length === 1 ? `Start ${name}` : 'Start'}
      </Button>
    </div>
  )
}

/** Goes to the execution, once it has a number. */
export function start(policy: string): Promise<boolean> {
  return tried(async () => {
    const { body, status } = await ask<Execution>('POST', '/replication/executions', { body: { policy_id: policy } })
    go(status === 202 ? '/' : `/executions/${body.id}`)
  })
}
