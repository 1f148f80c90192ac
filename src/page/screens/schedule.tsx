/** When policies run in the next seven days. */

import type { Schedule } from '../../serve/api/schema/schedule.ts'
import { clock } from '../format.ts'
import { useLive } from '../live/live.ts'
import { useRead } from '../parts/data.ts'
import { Ago, Complaint, Empty, Table } from '../parts/ui.tsx'
import { Link } from '../route.tsx'

const DAY = 86_400_000

export function ScheduleScreen() {
  const { answer, error, again } = useRead<Schedule>('/schedule?days=7')
  useLive(({ type }) => {
    if (type === 'reset' || type === 'configuration') again()
  })
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
            {policies.map(([policy, runs]) => (
              <div key={policy} class="track">
                <Link to={`/policies/${encodeURIComponent(policy)}`}>{policy}</Link>
                <svg viewBox="0 0 1000 16" preserveAspectRatio="none" aria-hidden="true">
                  <rect class="base" x={0} y={7} width={1000} height={2} />
                  {runs.map(({ time }) => (
                    <rect
                      key={time}
                      class="good"
                      x={((Date.parse(time) - from) / (until - from)) * 996}
                      y={1}
                      width={4}
                      height={14}
                    />
                  ))}
                </svg>
              </div>
            ))}
          </figure>
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
            rows={schedule.runs.slice(0, 100)}
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
