/** The tasks of an execution, a page of them, and the log of one. */

import { useEffect, useState } from 'preact/hooks'
import type { Execution, Task } from '../../../serve/api/schema/execution.ts'
import { bytes, duration, words } from '../../format.ts'
import { Complaint } from '../../parts/complaint.tsx'
import { useRead } from '../../parts/data.ts'
import { Choice, Field } from '../../parts/form.tsx'
import { Log } from '../../parts/log.tsx'
import { Status } from '../../parts/status.tsx'
import { Pages, Table } from '../../parts/table.tsx'
import { go, useAddress } from '../../route.tsx'

const SIZE = 50
const STATUSES = ['failed', 'in_progress', 'pending', 'succeeded', 'stopped', 'skipped'] as const

export function Tasks({ execution, isActive }: { readonly execution: Execution; readonly isActive: boolean }) {
  const query = useAddress().searchParams
  const [page, setPage] = useState(1)
  const [text, setText] = useState('')
  const [asked, setAsked] = useState('')
  const wanted = query.get('task')
  const open = wanted === null ? undefined : Number(wanted)
  const [chosen, choose] = useState<string>()
  // What failed is what people come for.
  const status = chosen ?? (execution.failed > 0 ? 'failed' : '')
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), 250)
    return () => clearTimeout(timer)
  }, [text])
  const q = [
    ...(status === '' ? [] : [`status=${status}`]),
    ...(asked === '' ? [] : [`text=${encodeURIComponent(asked)}`]),
  ].join(',')
  const list = useRead<readonly Task[]>(
    `/replication/executions/${execution.id}/tasks?page=${page}&page_size=${SIZE}&q=${encodeURIComponent(q)}`,
  )
  const counts = `${execution.status} ${execution.succeed} ${execution.failed} ${execution.in_progress} ${execution.bytes_copied}`
  useEffect(() => list.again(), [counts])
  const show = (task: number | undefined): void =>
    go(task === undefined ? `/executions/${execution.id}` : `/executions/${execution.id}?task=${task}`, true)
  return (
    <div class="beside">
      <section aria-labelledby="tasks">
        <h2 id="tasks">Tasks</h2>
        <div class="filters">
          <Choice
            label="Status"
            value={status}
            options={[['', 'any status'], ...STATUSES.map((one) => [one, words(one)] as const)]}
            onChange={(value) => {
              choose(value)
              setPage(1)
            }}
          />
          <Field label="Search" value={text} onInput={setText} placeholder="repository or tag" />
        </div>
        <Complaint error={list.error} />
        <Table
          label="Table of tasks"
          columns={[
            { title: 'Task' },
            { title: 'Status' },
            { title: 'Source → destination', class: 'wide' },
            { title: 'Attempts', class: 'right' },
            { title: 'Copied', class: 'right' },
            { title: 'Took', class: 'right' },
            { title: 'Log' },
          ]}
          rows={list.answer?.body}
          keyOf={(task) => task.id}
          rowClass={(task) => (task.id === open ? 'open' : '')}
          empty={q !== '' ? 'no such task' : isActive ? 'no task yet' : 'there was nothing to do'}
          cells={(task) => [
            task.id,
            <Status key="status" status={task.status} />,
            <TaskName key="name" task={task} />,
            task.attempts,
            bytes(task.bytes_copied),
            task.start_time && task.end_time ? duration(Date.parse(task.end_time) - Date.parse(task.start_time)) : '',
            <button
              key="log"
              type="button"
              class="plain small"
              aria-label={`Log of task ${task.id}`}
              aria-expanded={task.id === open}
              onClick={() => show(task.id === open ? undefined : task.id)}
            >
              Log
            </button>,
          ]}
        />
        <Pages page={page} size={SIZE} total={list.answer?.total ?? 0} onPage={setPage} />
      </section>
      <Log key={open ?? 'all'} execution={execution.id} task={open} onClose={() => show(undefined)} />
    </div>
  )
}

function TaskName({ task }: { readonly task: Task }) {
  const { action, src_resource, dest_resource, error, reason } = task
  return (
    <>
      <span class="resource">
        {action === 'delete' ? `delete ${dest_resource}` : `${short(src_resource)} → ${short(dest_resource)}`}
      </span>
      {error && task.status !== 'succeeded' ? (
        <span class="why bad">
          {error.message}
          {error.hint ? <em> {error.hint}</em> : null}
        </span>
      ) : null}
      {!error && reason ? <span class="why dim">{reason}</span> : null}
    </>
  )
}

/** Digests are long, and the tag says more. */
function short(resource: string): string {
  return resource.replace(/@sha(256|512):([0-9a-f]{12})[0-9a-f]+/, (_, kind, digest) =>
    /:[^/]+@/.test(resource) ? '' : `@sha${kind}:${digest}…`,
  )
}
