/** One execution: how far it is, its tasks, and the log of one of them. */

import { useEffect, useRef, useState } from 'preact/hooks'
import type { Execution, Operation, Task } from '../../serve/api/schema/execution.ts'
import { ask } from '../api.ts'
import { bytes, duration, words } from '../format.ts'
import { useLive, useWatched } from '../live.ts'
import { Chart } from '../parts/chart.tsx'
import { useRead } from '../parts/data.ts'
import { Log } from '../parts/log.tsx'
import { useMay } from '../parts/session.ts'
import { say, tried } from '../parts/toast.tsx'
import { Ago, Bar, Button, Choice, Complaint, Field, Pages, Status, Table } from '../parts/ui.tsx'
import { go, Link, useAddress } from '../route.tsx'
import { Took } from './executions.tsx'

interface Progress {
  readonly bytes: number
  readonly settled: number
  readonly received: number
  readonly blobs: readonly {
    readonly id: string
    readonly name: string
    readonly digest: string
    readonly size: number
    readonly bytes: number
  }[]
}

const ACTIVE = ['preparing', 'in_progress', 'paused']
const SIZE = 50

export function ExecutionScreen({ id }: { readonly id: number }) {
  const path = `/replication/executions/${id}`
  const read = useRead<Execution>(path)
  const [progress, setProgress] = useState<Progress | null>(null)
  useWatched(id)
  useLive(({ type, data }) => {
    if (type === 'reset') read.again()
    if (type === 'execution' && data.id === id) read.patch(() => data)
    if (type === 'progress' && data.execution === id) setProgress(data.progress)
  })
  const one = read.answer?.body
  if (!one) return <Complaint error={read.error} />
  const isActive = ACTIVE.includes(one.status)
  return (
    <>
      <div class="head">
        <div>
          <p class="crumbs">
            <Link to="/">Executions</Link> / {id}
          </p>
          <h1>
            <Link to={`/policies/${encodeURIComponent(one.policy)}`}>{one.policy}</Link> <Status status={one.status} />
          </h1>
        </div>
        <Operations of={one} />
      </div>
      <Complaint error={one.error ? new Error(one.error.message) : undefined} />
      {one.error?.hint ? <p class="hint">{one.error.hint}</p> : null}
      <Summary of={one} progress={isActive ? progress : null} />
      {isActive && progress ? <Flight progress={progress} /> : null}
      <Chart execution={id} active={isActive} received={progress?.received} />
      <Tasks execution={one} />
    </>
  )
}

function Operations({ of: one }: { readonly of: Execution }) {
  const may = useMay()
  const not = may('operator')
  const operate = (operation: Operation) =>
    tried(async () => {
      const { body, status } = await ask<Execution>('PUT', `/replication/executions/${one.id}`, { body: { operation } })
      if (status === 202) say('it waits for its turn')
      else if (body.id !== one.id) go(`/executions/${body.id}`)
    })
  const isActive = ACTIVE.includes(one.status)
  return (
    <div class="actions">
      {isActive && one.status !== 'paused' ? (
        <Button not={not} onClick={() => operate('pause')}>
          Pause
        </Button>
      ) : null}
      {one.status === 'paused' || one.status === 'stopped' || one.status === 'interrupted' ? (
        <Button not={not} kind="primary" onClick={() => operate('resume')}>
          Resume
        </Button>
      ) : null}
      {isActive ? (
        <Button not={not} kind="danger" onClick={() => operate('stop')}>
          Stop
        </Button>
      ) : null}
      {one.status === 'failed' ? (
        <Button not={not} kind="primary" onClick={() => operate('retry')}>
          Retry what failed
        </Button>
      ) : null}
    </div>
  )
}

/** Bytes a second of the last seconds. */
function useRate(received: number | undefined): number | undefined {
  const samples = useRef<{ readonly time: number; readonly received: number }[]>([])
  useEffect(() => {
    if (received === undefined) {
      samples.current = []
      return
    }
    samples.current = [...samples.current.slice(-15), { time: Date.now(), received }]
  }, [received])
  const [first] = samples.current
  const last = samples.current.at(-1)
  if (!first || !last || last.time - first.time < 900) return undefined
  return ((last.received - first.received) * 1000) / (last.time - first.time)
}

function Summary({ of: one, progress }: { readonly of: Execution; readonly progress: Progress | null }) {
  const rate = useRate(progress?.received)
  const inFlight = progress?.blobs.reduce((sum, blob) => sum + blob.bytes, 0) ?? 0
  const done = progress ? progress.settled + inFlight : 0
  const left = progress && rate && rate > 0 ? ((progress.bytes - done) / rate) * 1000 : undefined
  const facts: readonly (readonly [string, preact.ComponentChildren])[] = [
    ['total', one.total.toLocaleString('en')],
    ['succeeded', one.succeed.toLocaleString('en')],
    ['failed', one.failed > 0 ? <span class="bad">{one.failed.toLocaleString('en')}</span> : '0'],
    ['in progress', one.in_progress.toLocaleString('en')],
    ['unchanged', one.unchanged.toLocaleString('en')],
    ...(one.skipped > 0 ? [['skipped', one.skipped.toLocaleString('en')] as const] : []),
    ...(one.stopped > 0 ? [['stopped', one.stopped.toLocaleString('en')] as const] : []),
    ['copied', bytes(one.bytes_copied)],
    ...(one.bytes_mounted > 0 ? [['mounted', bytes(one.bytes_mounted)] as const] : []),
    ...(rate === undefined ? [] : [['rate', `${bytes(rate)}/s`] as const]),
    ...(left === undefined ? [] : [['time left', duration(left)] as const]),
    ['trigger', one.trigger],
    ['started', <Ago key="started" time={one.start_time} />],
    ['took', <Took key="took" of={one} />],
  ]
  return (
    <>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {progress && progress.bytes > 0 ? (
        <div class="whole">
          <Bar part={done / progress.bytes} label="All of it" />
          <span>
            {bytes(done)} of {bytes(progress.bytes)}
          </span>
        </div>
      ) : null}
    </>
  )
}

function Flight({ progress: { blobs } }: { readonly progress: Progress }) {
  if (blobs.length === 0) return null
  return (
    <ul class="flight" aria-label="Blobs in flight">
      {blobs.slice(0, 12).map((blob) => (
        <li key={blob.id}>
          <span class="name">{blob.name}</span>
          <code>{blob.digest.replace('sha256:', '').slice(0, 12)}</code>
          <Bar part={blob.size === 0 ? 1 : blob.bytes / blob.size} label={`${blob.name} ${blob.digest}`} />
          <span class="right">
            {bytes(blob.bytes)} of {bytes(blob.size)}
          </span>
        </li>
      ))}
      {blobs.length > 12 ? <li class="dim">and {blobs.length - 12} more</li> : null}
    </ul>
  )
}

const STATUSES = ['failed', 'in_progress', 'pending', 'succeeded', 'stopped', 'skipped'] as const

function Tasks({ execution }: { readonly execution: Execution }) {
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
        empty={execution.total === 0 ? 'there was nothing to do' : 'no task is like that'}
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
      <Log key={open ?? 'all'} execution={execution.id} task={open} onClose={() => show(undefined)} />
    </section>
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
