/** One execution: how far it is, its tasks, and the log of one of them. */

import { useState } from 'preact/hooks'
import type { Execution, Operation } from '../../../serve/api/schema/execution.ts'
import { ask } from '../../api.ts'
import { useLive } from '../../live/live.ts'
import { Button } from '../../parts/button.tsx'
import { Chart } from '../../parts/chart.tsx'
import { Complaint } from '../../parts/complaint.tsx'
import { useRead } from '../../parts/data.ts'
import { Head } from '../../parts/detail.tsx'
import { useMay } from '../../parts/session.ts'
import { Status } from '../../parts/status.tsx'
import { say, tried } from '../../parts/toast.tsx'
import { go, Link } from '../../route.tsx'
import { Flight, type Progress, Summary } from './summary.tsx'
import { Tasks } from './tasks.tsx'

const ACTIVE = ['preparing', 'in_progress', 'paused']

export function ExecutionScreen({ id }: { readonly id: number }) {
  const path = `/replication/executions/${id}`
  const read = useRead<Execution>(path)
  const [progress, setProgress] = useState<Progress | null>(null)
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
      <Head
        list="Executions"
        to="/"
        name={id}
        title={
          <>
            <Link to={`/policies/${encodeURIComponent(one.policy)}`}>{one.policy}</Link> <Status status={one.status} />
          </>
        }
      >
        <Operations of={one} />
      </Head>
      <Complaint error={one.error ? new Error(one.error.message) : undefined} />
      {one.error?.hint ? <p class="hint">{one.error.hint}</p> : null}
      <Summary of={one} progress={isActive ? progress : null} />
      {isActive && progress ? <Flight progress={progress} /> : null}
      <Chart execution={one} active={isActive} />
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
    <>
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
    </>
  )
}
