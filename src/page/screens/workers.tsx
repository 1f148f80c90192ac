/** Who takes tasks on other machines. */

import { useEffect } from 'preact/hooks'
import type { Workers } from '../../serve/api/schema/worker.ts'
import { bytes } from '../format.ts'
import { useLive } from '../live/live.ts'
import { Complaint } from '../parts/complaint.tsx'
import { useRead } from '../parts/data.ts'
import { Heading } from '../parts/heading.tsx'
import { Ago, Empty } from '../parts/status.tsx'
import { Table } from '../parts/table.tsx'

/** Milliseconds between two looks: workers come and go without an event. */
const LOOK = 2000

export function WorkersScreen() {
  const { answer, error, again } = useRead<Workers>('/workers')
  // A queue that is away takes its time to say so: the next look begins after the answer.
  useEffect(() => {
    const timer = setTimeout(again, LOOK)
    return () => clearTimeout(timer)
  }, [answer, error, again])
  useLive(({ type }) => {
    if (type === 'reset' || type === 'configuration' || type === 'execution') again()
  })
  const found = answer?.body
  return (
    <>
      <Heading title="Workers" />
      <Complaint error={error} />
      {found?.queue === null ? (
        <Empty title="All tasks are done by this process">
          <p>
            With <code>workers:</code> in its configuration, tasks go to machines that run <code>replicate worker</code>
            .
          </p>
        </Empty>
      ) : (
        <>
          <p class="dim">{found ? `Tasks go to ${found.queue}, to workers with the name ${found.name}.` : ''}</p>
          <Table
            label="Workers"
            columns={[
              { title: 'Name', class: 'name' },
              { title: 'Host', class: 'wide' },
              { title: 'Version' },
              { title: 'Tasks', class: 'right' },
              { title: 'Speed', class: 'right' },
              { title: 'Since' },
            ]}
            rows={found?.workers}
            keyOf={({ name, since }) => `${name} ${since}`}
            empty="no worker is there; `replicate worker` starts one"
            cells={({ name, host, version, tasks, concurrency, bytes_per_second: rate, since, draining }) => [
              draining ? `${name} (ends)` : name,
              host,
              version,
              `${tasks} of ${concurrency}`,
              `${bytes(rate)}/s`,
              <Ago key="since" time={since} />,
            ]}
          />
        </>
      )}
    </>
  )
}
