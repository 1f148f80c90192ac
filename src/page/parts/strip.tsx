/** The last 30 days: what succeeded and failed, and how much was copied. */

import { bytes, plural } from '../format.ts'
import { useLive } from '../live/live.ts'
import { useRead } from './data.ts'

interface Day {
  readonly day: string
  readonly succeeded: number
  readonly failed: number
  readonly stopped: number
  readonly bytes: number
}

function titleOf({ day, succeeded, failed, stopped, bytes: copied }: Day): string {
  return `${day}: ${succeeded} succeeded, ${failed} failed, ${stopped} stopped, ${bytes(copied)} copied`
}

export function Strip() {
  const { answer, again } = useRead<readonly Day[]>('/stats?days=30')
  useLive(({ type, data }) => {
    if (type === 'reset' || (type === 'execution' && data.end_time !== null)) again()
  })
  const days = answer?.body
  if (!days || !Array.isArray(days)) return <div class="strip" aria-hidden="true" />
  const most = Math.max(1, ...days.map((day) => day.succeeded + day.failed + day.stopped))
  const sum = (of: (day: Day) => number): number => days.reduce((total, day) => total + of(day), 0)
  const [succeeded, failed] = [sum((day) => day.succeeded), sum((day) => day.failed)]
  return (
    <figure class="strip">
      <svg viewBox={`0 0 ${days.length * 10} 40`} preserveAspectRatio="none" aria-hidden="true">
        {days.map((day, at) => {
          const height = (count: number): number => (count / most) * 40
          const good = height(day.succeeded)
          const bad = height(day.failed)
          const other = height(day.stopped)
          return (
            <g key={day.day}>
              <title>{titleOf(day)}</title>
              <rect class="whole-day" x={at * 10} y={0} width={10} height={40} />
              <rect class="base" x={at * 10 + 1} y={39} width={8} height={1} />
              <rect class="good" x={at * 10 + 1} y={40 - good} width={8} height={good} />
              <rect class="other" x={at * 10 + 1} y={40 - good - other} width={8} height={other} />
              <rect class="failed" x={at * 10 + 1} y={40 - good - other - bad} width={8} height={bad} />
            </g>
          )
        })}
      </svg>
      <figcaption>
        last 30 days: {plural(succeeded, 'execution')} succeeded, {failed.toLocaleString('en')} failed,{' '}
        {bytes(sum((day) => day.bytes))} copied
      </figcaption>
    </figure>
  )
}
