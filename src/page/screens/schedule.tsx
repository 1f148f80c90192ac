/** When policies run in the next seven days. */

import { useState } from 'preact/hooks'
import type { Schedule } from '../../serve/api/schema/schedule.ts'
import { clock } from '../format.ts'
import { useLive } from '../live/live.ts'
import { Complaint } from '../parts/complaint.tsx'
import { useRead } from '../parts/data.ts'
import { Heading } from '../parts/heading.tsx'
import { Ago, Empty } from '../parts/status.tsx'
import { Pages, Table } from '../parts/table.tsx'
import { Link } from '../route.tsx'

const DAY = 86_400_000
/** Policies of a page. */
const SIZE = 50

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
  const shown = policies.slice((page - 1) * SIZE, page * SIZE)
  const days = Array.from({ length: Math.ceil((until - from) / DAY) }, (_, at) => from + at * DAY)
  return (
    <>
      <Heading title="Schedule" />
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
            {shown.map(([policy, runs]) => (
              <Track key={policy} policy={policy} runs={runs} from={from} until={until} />
            ))}
          </figure>
          {schedule.more.length > 0 ? (
            <p class="dim">Their bars end early, as they run too often for all of it: {schedule.more.join(', ')}</p>
          ) : null}
          <Table
            label="The next runs"
            columns={[
              { title: 'Policy', class: 'name' },
              { title: 'Next run' },
              { title: 'At' },
              { title: 'And then' },
              { title: 'Schedule', class: 'wide' },
            ]}
            rows={shown}
            keyOf={([policy]) => policy}
            cells={([policy, [first, ...others]]) => [
              <Link key="policy" to={`/policies/${encodeURIComponent(policy)}`}>
                {policy}
              </Link>,
              <Ago key="in" time={first?.time} />,
              first ? clock(first.time) : '',
              others[0] ? clock(others[0].time) : <span class="dim">—</span>,
              <Schedules key="schedules" runs={[...(first ? [first] : []), ...others]} />,
            ]}
          />
          <Pages page={page} size={SIZE} total={policies.length} onPage={turn} />
        </>
      )}
    </>
  )
}

/** Each of its schedules once, with the time zone. */
function Schedules({ runs }: Pick<TrackProps, 'runs'>) {
  const texts = new Set(runs.map(({ schedule, timezone }) => `${schedule} (${timezone})`))
  return <code>{[...texts].join(', ')}</code>
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
