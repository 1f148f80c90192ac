/** One execution: how far it is, its tasks, and the log of one of them. */

import { useEffect, useState } from 'preact/hooks'
import type { Execution, Operation } from '../../../serve/api/schema/execution.ts'
import { ask } from '../../api.ts'
import { words } from '../../format.ts'
import type { Progress } from '../../live/events.ts'
import { useLive } from '../../live/live.ts'
import { Button } from '../../parts/button.tsx'
import { Chart } from '../../parts/chart.tsx'
import { useRead } from '../../parts/data.ts'
import { Absent, Head } from '../../parts/detail.tsx'
import { useMay } from '../../parts/session.ts'
import { Status } from '../../parts/status.tsx'
import { say, tried } from '../../parts/toast.tsx'
import { focusMain, go, Link } from '../../route.tsx'
import { Flight, Summary } from './summary.tsx'
import { Tasks } from './tasks.tsx'

const ACTIVE = ['preparing', 'in_progress', 'paused']
const RESUMABLE = ['paused', 'stopped', 'interrupted']

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
  if (!one) return <Absent list="Executions" to="/" name={id} error={read.error} />
  const isActive = ACTIVE.includes(one.status)
  return (
    <>
      <Head
        list="Executions"
        to="/"
        name={id}
        window={`${one.policy}, ${words(one.status)}`}
        title={
          <>
            <Link to={`/policies/${encodeURIComponent(one.policy)}`}>{one.policy}</Link> <Status status={one.status} />
          </>
        }
      >
        <Operations of={one} />
      </Head>
      {one.error ? (
        <div class="complaint">
          <p>{one.error.message}</p>
          {one.error.hint ? <p class="hint">{one.error.hint}</p> : null}
        </div>
      ) : null}
      <Summary of={one} progress={isActive ? progress : null} />
      {isActive && progress ? <Flight progress={progress} /> : null}
      <Chart execution={one} active={isActive} />
      <Tasks execution={one} isActive={isActive} />
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
  useEffect(() => {
    // What was pressed is gone.
    if (document.activeElement === document.body) focusMain()
  }, [isActive])
  // One button is what the other was before, so that the focus stays on it.
  return (
    <>
      {isActive && one.status !== 'paused' ? (
        <Button not={not} onClick={() => operate('pause')}>
          Pause
        </Button>
      ) : RESUMABLE.includes(one.status) ? (
        <Button not={not} kind="primary" onClick={() => operate('resume')}>
          Resume
        </Button>
      ) : one.status === 'failed' ? (
        <Button not={not} kind="primary" onClick={() => operate('retry')}>
          Retry what failed
        </Button>
      ) : null}
      {isActive ? (
        <Button not={not} kind="danger" onClick={() => operate('stop')}>
          Stop
        </Button>
      ) : null}
    </>
  )
}
