/** When policies run in the next seven days. */

import { useState } from 'preact/hooks'
import type { Schedule } from '../../serve/api/schema/schedule.ts'
import { clock } from '../format.ts'
import { useLive } from '../live/live.ts'
import { Complaint } from '../parts/complaint.tsx'
import { useRead } from '../parts/data.ts'
import { Ago, Empty } from '../parts/status.tsx'
import { Pages, Table } from '../parts/table.tsx'
import { Link } from '../route.tsx'

const DAY = 86_400_000
/** Policies of a page, and rows of the table. */
const SIZE = 50
const MOST_ROWS = 100

export function ScheduleScreen() {
  const { answer, error, again } = useRead<Schedule>('/schedule?days=7')
  useLive(({ type }) => {
    if (type === 'reset' || type === 'configuration') again()
  })
  const [page, turn] = useState(1)
  const schedule = answer?.body
  if (!schedule) return <Complaint error={error} />
  const [from, until] = [Date.parse(schedule.from), Date.parse(schedule.until)]
  const policies = [...Map.groupBy(schedule.runs, ({ policy }) => policy)]
  const days = Array.from({ length: Math.ceil((until - from) / DAY) }, (_, at) => from + at * DAY)
  return (
    <>
      <h1>Schedule</h1>
      {policies.length === 0 ? (
        <Empty title="Nothing is due in the next seven days">
          <p>A policy with a schedule among its triggers appears here.</p>
        </Empty>
      ) : (
        <>
          <figure class="days">
            <div class="day-names" aria-hidden="true">
              {days.map((day) => (
                <span key={day}>
                  {new Date(day).toLocaleDateString(undefined, { weekday: 'short', day: 'numeric' })}
                </span>
              ))}
            </div>
            {policies.slice((page - 1) * SIZE, page * SIZE).map(([policy, runs]) => (
              <Track key={policy} policy={policy} runs={runs} from={from} until={until} />
            ))}
          </figure>
          <Pages page={page} size={SIZE} total={policies.length} onPage={turn} />
          {schedule.more.length > 0 ? <p class="dim">More often than is shown: {schedule.more.join(', ')}</p> : null}
          <Table
            label="The next runs"
            columns={[
              { title: 'Time' },
              { title: 'In' },
              { title: 'Policy' },
              { title: 'Schedule' },
              { title: 'Time zone' },
            ]}
            rows={schedule.runs.slice(0, MOST_ROWS)}
            keyOf={({ policy, time }) => `${policy} ${time}`}
            cells={(run) => [
              clock(run.time),
              <Ago key="in" time={run.time} />,
              <Link key="policy" to={`/policies/${encodeURIComponent(run.policy)}`}>
                {run.policy}
              </Link>,
              <code key="schedule">{run.schedule}</code>,
              run.timezone,
            ]}
          />
        </>
      )}
    </>
  )
}

interface TrackProps {
  readonly policy: string
  readonly runs: Schedule['runs']
  readonly from: number
  readonly until: number
}

/** The times of a policy: one path, however many they are. */
function Track({ policy, runs, from, until }: TrackProps) {
  const marks = runs.map(({ time }) => `M${(((Date.parse(time) - from) / (until - from)) * 996).toFixed(1)} 1h4v14h-4z`)
  return (
    <div class="track">
      <Link to={`/policies/${encodeURIComponent(policy)}`}>{policy}</Link>
      <svg viewBox="0 0 1000 16" preserveAspectRatio="none" aria-hidden="true">
        <rect class="base" x={0} y={7} width={1000} height={2} />
        <path class="good" d={marks.join('')} />
      </svg>
    </div>
  )
}
